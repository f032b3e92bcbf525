// How fast the way to the server is: learned from every slice that arrives, used to choose raw bytes or JPEG.

const FIRST_RATIO = 0.55; // JPEG bytes per pixel of a noisy slice, until one was seen
const DECODE_MS_PER_MEGAPIXEL = 18; // JPEG decoding in the browser and encoding on the server

export class Link {
  constructor() {
    this.latency = 5; // ms
    this.bandwidth = 200e3; // bytes per ms
    this.ratio = FIRST_RATIO;
    this.seen = 0;
  }

  /** Record one answer: headers after `wait` ms, `bytes` in `transfer` ms, with `flights` requests under way. */
  learn({ wait, transfer, bytes, flights, pixels, encoding }) {
    const weight = this.seen++ < 3 ? 0.6 : 0.25;
    const blend = (old, now) => old + weight * (now - old);
    this.latency = blend(this.latency, wait);
    if (encoding === "jpeg") this.ratio = blend(this.ratio, bytes / pixels);
    if (bytes > 20000) {
      const now = (bytes * Math.max(1, flights)) / Math.max(transfer, 0.5);
      this.bandwidth = Math.exp(blend(Math.log(this.bandwidth), Math.log(now)));
    }
  }

  /** Expected ms until a slice of `pixels` bytes is there, in the given encoding. */
  expect(pixels, encoding) {
    if (encoding === "raw") return this.latency + pixels / this.bandwidth;
    return this.latency + (pixels * this.ratio) / this.bandwidth + (pixels / 1e6) * DECODE_MS_PER_MEGAPIXEL;
  }

  encoding(pixels) {
    return this.expect(pixels, "jpeg") * 1.2 < this.expect(pixels, "raw") ? "jpeg" : "raw";
  }

  /** Whether a full slice takes so long that moving needs half resolution. */
  isSlowFor(pixels) {
    return this.expect(pixels, this.encoding(pixels)) > 45;
  }
}
