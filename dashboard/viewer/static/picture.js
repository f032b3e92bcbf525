// One slice as a small canvas: bytes through a colour table. Drawn anew only when slice or table change.

import { labelColour, pixel } from "./palette.js";

export class Picture {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.entry = null;
    this.table = null;
    this.image = null;
  }

  /** `table`: 256 pixels for densities and scores, or {pixels, hidden} by label for label maps. */
  paint(entry, table) {
    if (this.entry === entry && this.table === table) return;
    const { width, height, data } = entry;
    if (!this.image || this.image.width !== width || this.image.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.image = this.context.createImageData(width, height);
      this.out = new Uint32Array(this.image.data.buffer);
    }
    if (table instanceof Uint32Array) fillBytes(this.out, data, table);
    else fillLabels(this.out, data, table);
    this.context.putImageData(this.image, 0, 0);
    this.entry = entry;
    this.table = table;
  }
}

function fillBytes(out, data, table) {
  for (let i = 0; i < data.length; i++) out[i] = table[data[i]];
}

function fillLabels(out, data, { pixels, hidden }) {
  const known = pixels.length;
  for (let i = 0; i < data.length; i++) {
    const label = data[i];
    if (label <= 0) out[i] = 0; // background, and the border −1
    else if (label < known) out[i] = pixels[label];
    else out[i] = hidden ? 0 : pixel(labelColour(label));
  }
}
