// Pictures: sheets of crops fetched from the server, a few ahead, the nearest first. Knows nothing of cells.

const MOST_FETCHES = 3; // the server has few cores; what is asked later is then still wanted
const KEPT_BYTES = 160 << 20;
const RETRY_MS = 1500;
const MOST_RETRIES = 4;

export class Sheets {
  /** `arrived(index)` is called when a sheet can be drawn, `problem(sentence)` when one cannot be had. */
  constructor(arrived, problem) {
    this.arrived = arrived;
    this.problem = problem;
    this.kept = new Map(); // address → ImageBitmap, the one used last at the end
    this.bytes = 0;
    this.fetching = new Set();
    this.failed = new Map(); // address → how often
    this.wanted = [];
    this.addresses = [];
  }

  configure(keys, query) {
    this.addresses = keys.map((key) => `/gallery/sheet?key=${key}&${query}`);
    this.failed.clear();
  }

  address(index) {
    return this.addresses[index];
  }

  /** The picture of sheet `index`, or undefined while it is not there. */
  get(index) {
    const address = this.addresses[index];
    const bitmap = this.kept.get(address);
    if (bitmap) {
      this.kept.delete(address);
      this.kept.set(address, bitmap);
    }
    return bitmap;
  }

  /** Ask for these sheets, the most urgent first; those asked for before and not begun are forgotten. */
  want(indices) {
    this.wanted = indices.filter((index) => index >= 0 && index < this.addresses.length);
    this.fetchNext();
  }

  fetchNext() {
    for (const index of this.wanted) {
      if (this.fetching.size >= MOST_FETCHES) return;
      const address = this.addresses[index];
      if (!address || this.kept.has(address) || this.fetching.has(address)) continue;
      if ((this.failed.get(address) ?? 0) >= MOST_RETRIES) continue;
      this.fetch(address);
    }
  }

  async fetch(address) {
    this.fetching.add(address);
    let again = 0;
    try {
      const answer = await fetch(address);
      if (!answer.ok) {
        const { error } = await answer.json().catch(() => ({}));
        throw new Error(error || `The pictures could not be fetched (${answer.status}).`);
      }
      const problems = answer.headers.get("X-Problems");
      if (problems) this.problem(decodeURIComponent(problems));
      this.keep(address, await createImageBitmap(await answer.blob()));
      this.failed.delete(address);
    } catch (error) {
      const times = (this.failed.get(address) ?? 0) + 1;
      this.failed.set(address, times);
      if (times < MOST_RETRIES) again = RETRY_MS;
      else this.problem(error instanceof TypeError ? "The server does not answer: is it still running?" : error.message);
    }
    const done = () => {
      this.fetching.delete(address);
      this.fetchNext();
    };
    if (again) setTimeout(done, again);
    else done();
    const index = this.addresses.indexOf(address);
    if (index >= 0 && this.kept.has(address)) this.arrived(index);
  }

  keep(address, bitmap) {
    this.kept.set(address, bitmap);
    this.bytes += bitmap.width * bitmap.height * 4;
    for (const [oldest, old] of this.kept) {
      if (this.bytes <= KEPT_BYTES || oldest === address) break;
      this.kept.delete(oldest);
      this.bytes -= old.width * old.height * 4;
      old.close();
    }
  }
}
