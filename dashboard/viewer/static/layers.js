// The layers of the viewer: what the server says of each, and how a person wants to see it.

import { ask } from "./slices.js";
import { labelColour, pixel, scoreTable } from "./palette.js";

const TABLE_LENGTH = 4096; // labels beyond have the palette's colours but cannot be hidden one by one

/** Ask the server what a layer is. The answer stands for one version of its file. */
export async function readLayer(key, signal) {
  const layer = await (await ask(`/viewer/layer?${new URLSearchParams({ key })}`, { signal })).json();
  layer.current = true;
  return layer;
}

/** A label map or score map over the tomogram. */
export class Overlay {
  constructor(spec) {
    this.key = spec.key;
    this.chosen = false; // whether the person decided if it is seen; until then each page does
    this.opacity = spec.opacity;
    this.threshold = 0.5; // part of the range of a score map
    this.hidden = new Set();
    this.colours = new Map();
    this.layer = null;
    this.problem = null;
    this.update(spec);
  }

  /** What the page says; what the person chose since stays. */
  update(spec) {
    this.name = spec.name;
    if (!this.chosen) this.visible = spec.visible;
    this.version = spec.version;
    this.names = new Map(spec.classes.map((c) => [c.label, c.name]));
    this.given = new Map(spec.classes.map((c) => [c.label, c.colour]));
    if (!this.layer) for (const c of spec.classes) if (c.visible === false) this.hidden.add(c.label);
    this.table = null;
  }

  colour(label) {
    return this.colours.get(label) ?? this.given.get(label) ?? labelColour(label);
  }

  /** Labels to list: those that occur, then those that only the project knows. Most voxels first. */
  labels() {
    const counts = new Map((this.layer?.values ?? []).filter(([label]) => label > 0));
    return [...counts].sort((a, b) => b[1] - a[1]).map(([label, count]) => ({ label, count, name: this.names.get(label) ?? `label ${label}` }));
  }

  toggle(label) {
    if (!this.hidden.delete(label)) this.hidden.add(label);
    this.table = null;
  }

  showOnly(label) {
    const others = this.labels().map((l) => l.label).filter((l) => l !== label);
    const alone = !this.hidden.has(label) && others.every((l) => this.hidden.has(l));
    this.hidden = new Set(alone ? [] : others);
    this.table = null;
  }

  setColour(label, colour) {
    this.colours.set(label, colour);
    this.table = null;
  }

  setThreshold(part) {
    this.threshold = part;
    this.table = null;
  }

  colourTable() {
    if (this.table) return this.table;
    if (this.layer.kind === "scores") return (this.table = scoreTable(this.colour(1), this.threshold * 255));
    const pixels = new Uint32Array(TABLE_LENGTH);
    for (let label = 1; label < TABLE_LENGTH; label++) pixels[label] = this.hidden.has(label) ? 0 : pixel(this.colour(label));
    return (this.table = { pixels, hidden: false });
  }
}
