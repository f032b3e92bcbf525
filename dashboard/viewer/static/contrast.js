// Contrast: a small histogram with two handles. Densities outside the handles are black or white.

import { clamp } from "./planes.js";

const HEIGHT = 24;

/** Percentiles of the bytes of a slice, as densities [low, high] of its layer. */
export function contrastOfSlice(entry, part = 0.005) {
  const counts = new Uint32Array(256);
  for (let i = 0; i < entry.data.length; i++) counts[entry.data[i]]++;
  const cut = entry.data.length * part;
  let low = 0;
  let high = 255;
  for (let sum = counts[0]; low < 255 && sum <= cut; sum += counts[++low]);
  for (let sum = counts[255]; high > 0 && sum <= cut; sum += counts[--high]);
  if (high <= low) [low, high] = [0, 255];
  const { layer } = entry;
  return [low, high].map((byte) => layer.low + (byte / 255) * (layer.high - layer.low));
}

/** Four bins in one: whole densities fall unevenly into narrow bins, and the picture is small. */
function grouped(histogram, by = 4) {
  const counts = [];
  for (let i = 0; i < histogram.length; i += by) counts.push(histogram.slice(i, i + by).reduce((sum, n) => sum + n, 0));
  return counts;
}

export class ContrastControl {
  constructor(viewer) {
    this.viewer = viewer;
    this.element = document.createElement("div");
    this.element.className = "contrast";
    this.element.title = "Contrast: drag the handles · double click or C: from the slice in view · I: black ↔ white";
    this.element.innerHTML = `<canvas></canvas>
      <i class="handle" role="slider" tabindex="0" aria-label="black at density"></i>
      <i class="handle" role="slider" tabindex="0" aria-label="white at density"></i>`;
    this.canvas = this.element.querySelector("canvas");
    this.handles = [...this.element.querySelectorAll(".handle")];
    new ResizeObserver(() => this.draw()).observe(this.element);
    let held = null;
    const partAt = (event) => {
      const box = this.element.getBoundingClientRect();
      return clamp((event.clientX - box.left) / box.width, 0, 1);
    };
    this.element.addEventListener("pointerdown", (event) => {
      if (!viewer.layer) return;
      const part = partAt(event);
      const [low, high] = this.parts();
      held = Math.abs(part - low) < Math.abs(part - high) || (low === high && part < low) ? 0 : 1;
      this.element.setPointerCapture(event.pointerId);
      this.drag(held, part);
      event.preventDefault();
    });
    this.element.addEventListener("pointermove", (event) => held !== null && this.drag(held, partAt(event)));
    for (const end of ["pointerup", "pointercancel"]) this.element.addEventListener(end, () => (held = null));
    this.element.addEventListener("dblclick", () => viewer.autoContrast());
    this.handles.forEach((handle, which) => {
      handle.addEventListener("keydown", (event) => {
        const turn = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
        if (!turn) return;
        this.drag(which, clamp(this.parts()[which] + (turn * (event.shiftKey ? 10 : 1)) / 200, 0, 1));
        event.preventDefault();
        event.stopPropagation();
      });
    });
  }

  /** Where the handles stand, as parts of the range shown. */
  parts() {
    const { layer, contrast } = this.viewer;
    return contrast.map((density) => clamp((density - layer.low) / (layer.high - layer.low), 0, 1));
  }

  drag(which, part) {
    const { layer, contrast } = this.viewer;
    const density = layer.low + part * (layer.high - layer.low);
    const least = (layer.high - layer.low) / 255;
    const changed = [...contrast];
    changed[which] = which === 0 ? Math.min(density, contrast[1] - least) : Math.max(density, contrast[0] + least);
    this.viewer.setContrast(changed);
  }

  draw() {
    const { layer, colours, inverted } = this.viewer;
    const ratio = window.devicePixelRatio;
    const width = this.element.clientWidth;
    this.canvas.width = width * ratio;
    this.canvas.height = HEIGHT * ratio;
    if (!layer || !width) return;
    const ctx = this.canvas.getContext("2d");
    ctx.scale(ratio, ratio);
    const [from, to] = layer.range;
    const counts = grouped(layer.histogram);
    const most = Math.max(...counts, 1);
    const position = (density) => ((density - layer.low) / (layer.high - layer.low)) * width;
    const bin = (to - from) / counts.length;
    const [low, high] = this.parts();
    ctx.fillStyle = colours.muted;
    ctx.globalAlpha = 0.55;
    counts.forEach((count, i) => {
      const height = Math.sqrt(count / most) * (HEIGHT - 2);
      const left = position(from + i * bin);
      ctx.fillRect(left, HEIGHT - height, position(from + (i + 1) * bin) - left + 0.3, height);
    });
    ctx.globalAlpha = 1;
    ctx.strokeStyle = colours.accent;
    ctx.lineWidth = 1.25;
    ctx.beginPath();
    ctx.moveTo(low * width, inverted ? 1 : HEIGHT - 1);
    ctx.lineTo(high * width, inverted ? HEIGHT - 1 : 1);
    ctx.stroke();
    [low, high].forEach((part, i) => {
      this.handles[i].style.left = `${part * 100}%`;
      this.handles[i].setAttribute("aria-valuenow", this.viewer.contrast[i].toPrecision(4));
    });
  }
}
