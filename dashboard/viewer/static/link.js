// How fast the way to the server is: learned from every slice that arrives, used to choose raw bytes or JPEG.

const SMALLEST = 60000; // bytes
const FIRST_RATIO = 0.45; // JPEG bytes per pixel of a noisy slice, until one was seen
const DECODE_MS_PER_MEGAPIXEL = 18; // JPEG decoding in the browser and encoding on the server

export class Link {
  constructor() {
    this.latency = 5; // ms
    this.bandwidth = 200e3; // bytes per ms
    this.ratio = FIRST_RATIO;
    this.seen = 0;
    this.flights = () => 1;
    // The browser's own measurement: exact even while this page is busy drawing.
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => this.learn(entry))).observe({ type: "resource" });
  }

  learn(entry) {
    // Small answers, and those from the browser's own memory (no transfer), say little about the way.
    if (!entry.name.includes("/viewer/slice?") || !entry.responseEnd || entry.transferSize < SMALLEST) return;
    const wait = entry.responseStart - entry.requestStart;
    const transfer = Math.max(entry.responseEnd - entry.responseStart, 0.3);
    this.latency += 0.25 * (wait - this.latency);
    const now = (entry.encodedBodySize * Math.max(1, this.flights())) / transfer;
    // Other traffic can only make the way look slower than it is: upwards fast, downwards slowly after the first few.
    const weight = now > this.bandwidth ? 0.5 : this.seen++ < 3 ? 0.6 : 0.15;
    this.bandwidth = Math.exp(Math.log(this.bandwidth) + weight * Math.log(now / this.bandwidth));
  }

  /** The bytes that a JPEG of so many pixels took. */
  learnRatio(bytes, pixels) {
    this.ratio += 0.25 * (bytes / pixels - this.ratio);
  }

  /** Expected ms that a slice of so many pixels takes on its way, once it has begun to arrive. */
  transfer(pixels, encoding) {
    if (encoding === "raw") return pixels / this.bandwidth;
    return (pixels * this.ratio) / this.bandwidth + (pixels / 1e6) * DECODE_MS_PER_MEGAPIXEL;
  }

  encoding(pixels) {
    return this.transfer(pixels, "jpeg") * 1.2 < this.transfer(pixels, "raw") ? "jpeg" : "raw";
  }

  /** Whether a full slice takes so long that moving needs half resolution. */
  isSlowFor(pixels) {
    return this.latency + this.transfer(pixels, this.encoding(pixels)) > 45;
  }
}
