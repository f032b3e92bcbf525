// The line under the planes: where the pointer (or else the crosshair) is, and what is there.

import { ask } from "./slices.js";

const VALUE_MS = 60;
const MOVING_VALUE_MS = 180;
const RETRY_MS = 2000;

export class StatusLine {
  constructor(viewer) {
    this.viewer = viewer;
    this.element = document.createElement("div");
    this.element.className = "status";
    this.element.innerHTML = `<span class="where"></span><span class="angstrom"></span><span class="density"></span><span class="labels"></span><span class="selected"></span><span class="message" role="status"></span>`;
    this.parts = Object.fromEntries([...this.element.children].map((span) => [span.className, span]));
    this.density = null;
  }

  voxel() {
    return this.viewer.cursor?.voxel ?? this.viewer.position;
  }

  update() {
    const { viewer, parts } = this;
    const voxel = this.voxel();
    set(parts.selected, this.selectedText());
    if (!viewer.layer || !voxel) {
      for (const name of ["where", "angstrom", "density", "labels"]) set(parts[name], "");
      return;
    }
    set(parts.where, `x ${voxel.x}  y ${voxel.y}  z ${voxel.z}`);
    if (viewer.voxelSize) {
      const [z, y, x] = viewer.voxelSize;
      set(parts.angstrom, `${angstroms(voxel.x * x)}, ${angstroms(voxel.y * y)}, ${angstroms(voxel.z * z)} Å`);
    } else set(parts.angstrom, "no voxel size");
    set(parts.labels, this.labelText(voxel));
    const key = `${viewer.layer.key}|${viewer.layer.version}|${voxel.x},${voxel.y},${voxel.z}`;
    if (key === this.wanted) return;
    this.wanted = key;
    clearTimeout(this.asking);
    // While slices fly by, the value waits: nobody reads it, and it would take the way of a slice.
    const wait = viewer.panes[viewer.activeAxis].isMoving() ? MOVING_VALUE_MS : VALUE_MS;
    this.asking = setTimeout(() => this.askValue(key, viewer.layer, voxel), wait);
  }

  async askValue(wanted, layer, voxel) {
    try {
      const { value } = await (await ask(`/viewer/value?${new URLSearchParams({ key: layer.key, ...voxel })}`)).json();
      // An answer for a place that the pointer has left would flicker.
      if (wanted === this.wanted) set(this.parts.density, `density ${value === null ? "not a number" : number(value)}`);
    } catch {
      if (wanted !== this.wanted) return;
      set(this.parts.density, "");
      this.wanted = null; // a connection that broke off for a moment must not leave the place without its value
      this.asking = setTimeout(() => this.update(), RETRY_MS);
    }
  }

  /** How many objects are selected, and how many of them lie in this tomogram where others do not. */
  selectedText() {
    const { selection, objectSets } = this.viewer;
    if (!selection.size) return "";
    const set = objectSets.find((s) => s.key === selection.set);
    let here = 0;
    for (const id of selection.ids) if (set?.row(id)) here++;
    return `${selection.size} selected` + (set && here < selection.size ? `, ${here || "none"} here` : "");
  }

  labelText(voxel) {
    const { viewer } = this;
    const pane = viewer.cursor?.pane ?? viewer.panes[viewer.large];
    const texts = [];
    for (const overlay of viewer.visibleOverlays()) {
      const label = pane.labelAt(overlay, voxel);
      if (label === null) continue;
      if (overlay.layer.kind === "scores") {
        const { low, high } = overlay.layer;
        texts.push(`${overlay.name} ${(low + (label / 255) * (high - low)).toFixed(2)}`);
      } else if (label === -1) texts.push("border (−1)");
      else if (label !== 0) texts.push(`label ${label} ${overlay.names.get(label) ?? ""}`.trim());
    }
    return texts.join(" · ");
  }

  /** A sentence for some seconds. */
  say(text) {
    set(this.parts.message, text);
    clearTimeout(this.forgetting);
    this.forgetting = setTimeout(() => set(this.parts.message, ""), 5000);
  }
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const angstroms = (value) => (value >= 1000 ? Math.round(value) : +value.toPrecision(4)).toString();

export function number(value) {
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value).replace("-", "−");
  return value.toPrecision(4).replace(/-/g, "−");
}
