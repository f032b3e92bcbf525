// Slices from the server: kept by bytes used, fetched by priority, given up when no longer wanted.

import { Link } from "./link.js";
import { decodeJpeg } from "./jpeg.js";

const KEPT_BYTES = 320e6;
const FLIGHTS = 4;
const FLIGHTS_WHEN_SLOW = 3; // each further one would make all of them later
const TYPES = { uint8: Uint8Array, int8: Int8Array, int16: Int16Array, int32: Int32Array };

const steps = [1, 2, 4];

export class SliceStore {
  /** `onArrival(wish, entry)` is called for each slice, `onProblem(sentence | null)` when the way breaks or heals. */
  constructor(onArrival, onProblem) {
    this.onArrival = onArrival;
    this.onProblem = onProblem;
    this.link = new Link();
    this.link.flights = () => this.flights.size;
    this.kept = new Map(); // address → entry, least recently used first
    this.bytes = 0;
    this.flights = new Map(); // address → {controller, wish}
    this.plans = new Map(); // who → wishes, most urgent first
    this.retryAt = 0;
  }

  /** The finest slice in memory for this place, or null. */
  find(layer, axis, index, slab, coarsest = 4) {
    for (const step of steps) {
      if (step > coarsest) break;
      const entry = this.kept.get(address({ layer, axis, index, slab, step }));
      if (entry) return entry;
    }
    return null;
  }

  /** Replace what `who` wants. A wish is {layer, axis, index, slab, step, urgent}. */
  plan(who, wishes) {
    this.plans.set(who, wishes);
    this.schedule();
  }

  schedule() {
    const wanted = this.wanted();
    const addresses = new Set(wanted.map((wish) => wish.address));
    for (const [key, flight] of this.flights) {
      // A slice nearly here is worth more than a new request: only what lies far from every wish is given up.
      if (!addresses.has(key) && !this.isNear(flight.wish, wanted)) this.giveUp(key, flight);
    }
    if (performance.now() < this.retryAt) return;
    const urgent = wanted.filter((wish) => wish.urgent);
    const slow = wanted.some((wish) => wish.slow);
    // On a slow way nothing fetched ahead may delay the full slice that is looked at.
    const alone = slow && urgent.some((wish) => wish.settled);
    if (alone) {
      for (const [key, flight] of this.flights) if (!flight.wish.urgent) this.giveUp(key, flight);
    }
    for (const wish of urgent) this.start(wish, FLIGHTS + 2);
    if (alone) return;
    for (const wish of wanted) if (!wish.urgent) this.start(wish, slow ? FLIGHTS_WHEN_SLOW : FLIGHTS);
  }

  giveUp(key, flight) {
    flight.controller.abort();
    this.flights.delete(key);
  }

  wanted() {
    const all = [];
    for (const wishes of this.plans.values()) for (const wish of wishes) all.push(wish);
    all.sort((a, b) => (b.urgent ? 1 : 0) - (a.urgent ? 1 : 0));
    return all
      .map((wish) => ((wish.address = address(wish)), wish))
      .filter((wish) => !this.kept.has(wish.address));
  }

  isNear(wish, wanted) {
    if (!wish.layer.current) return false;
    return wanted.some(
      (other) =>
        other.layer === wish.layer && other.axis === wish.axis && other.slab === wish.slab &&
        other.step >= wish.step && Math.abs(other.index - wish.index) <= 2 && wish.step > 1,
    );
  }

  start(wish, most) {
    if (this.flights.has(wish.address)) {
      if (wish.urgent) this.flights.get(wish.address).wish.urgent = true;
      return;
    }
    if (this.flights.size >= most) return;
    const controller = new AbortController();
    this.flights.set(wish.address, { controller, wish });
    this.fetch(wish, controller.signal)
      .then((entry) => {
        this.keep(wish.address, entry);
        this.finish(wish, controller);
        this.onProblem(null);
        this.onArrival(wish, entry);
      })
      .catch((error) => {
        this.finish(wish, controller);
        if (error.name === "AbortError") return;
        this.retryAt = performance.now() + 1500;
        this.onProblem(error.message);
        setTimeout(() => this.schedule(), 1600);
      })
      .then(() => this.schedule());
  }

  finish(wish, controller) {
    const flight = this.flights.get(wish.address);
    if (flight?.controller === controller) this.flights.delete(wish.address);
  }

  async fetch(wish, signal) {
    const { layer, axis, index, slab, step } = wish;
    const encoding = layer.kind === "labels" ? "labels" : this.link.encoding(wish.pixels);
    const query = new URLSearchParams({ key: layer.key, axis, index, slab, step, v: layer.version });
    if (encoding === "jpeg") query.set("enc", "jpeg");
    const response = await ask(`/viewer/slice?${query}`, { signal });
    const shape = response.headers.get("X-Shape").split(",").map(Number);
    const buffer = await response.arrayBuffer();
    if (encoding === "jpeg") this.link.learnRatio(buffer.byteLength, shape[0] * shape[1]);
    let data;
    if (encoding === "jpeg") {
      data = await decodeJpeg(buffer, shape);
      if (signal.aborted) throw new DOMException("given up", "AbortError");
    } else {
      data = new TYPES[response.headers.get("X-Dtype")](buffer);
    }
    return { layer, axis, index, slab, step, height: shape[0], width: shape[1], data };
  }

  keep(key, entry) {
    this.kept.set(key, entry);
    this.bytes += entry.data.byteLength;
    for (const [old, other] of this.kept) {
      if (this.bytes <= KEPT_BYTES) break;
      this.kept.delete(old);
      this.bytes -= other.data.byteLength;
    }
  }

  /** Mark as used, so that what is looked at goes last. */
  touch(entry) {
    const key = address(entry);
    if (this.kept.delete(key)) this.kept.set(key, entry);
  }

  isWaiting() {
    for (const flight of this.flights.values()) if (flight.wish.urgent) return true;
    return false;
  }
}

/** Fetch, with the server's own sentence as the message of what goes wrong. */
export async function ask(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer: check that it still runs. Trying again.");
  }
  if (response.ok) return response;
  let sentence = "";
  if ((response.headers.get("Content-Type") ?? "").includes("json")) sentence = (await response.json()).error;
  else if (response.status === 403) sentence = "The server was started anew: open the address that it printed.";
  throw new Error(sentence || `The server answered with error ${response.status}.`);
}

function address({ layer, axis, index, slab, step }) {
  return `${layer.key}|${layer.version}|${axis}|${index}|${slab}|${step}`;
}
