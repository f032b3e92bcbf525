// Events for the page, kept until the server has acknowledged them (see outbox.py): fast clicks are not lost in a rerun.

export class Outbox {
  constructor() {
    // Unique enough for one project; randomUUID exists only on https and localhost.
    this.boot = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;
    this.number = 0;
    this.waiting = [];
    this.send = null;
  }

  /** The page is here (again): `send(list)` takes the events of the page called `owner`. */
  connect(owner, acknowledged, send) {
    const reconnected = this.owner !== owner || this.send === null;
    this.owner = owner;
    this.send = send;
    const done = acknowledged[this.boot] ?? 0;
    this.waiting = this.waiting.filter((event) => event.owner !== owner || event.number > done);
    if (reconnected && this.mine().length) this.send(this.mine());
  }

  disconnect() {
    this.send = null;
  }

  add(type, values) {
    this.waiting.push({ boot: this.boot, number: ++this.number, owner: this.owner, type, values });
    this.send?.(this.mine());
  }

  /** What the page answered to the event `number`; null where it takes long, and then it comes with the page. */
  async answer(tab, number) {
    const question = new URLSearchParams({ tab, boot: this.boot, number });
    try {
      const given = await fetch(`/viewer/answer?${question}`);
      return given.status === 200 ? await given.json() : null;
    } catch {
      return null;
    }
  }

  mine() {
    return this.waiting.filter((event) => event.owner === this.owner);
  }
}
