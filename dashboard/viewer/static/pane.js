// One plane on the screen: which slice it wants, which it shows, and where that lies on the canvas.

import { drawPane } from "./draw.js";
import { listenToPointer } from "./pointer.js";
import { Picture } from "./picture.js";
import { PLANES, clamp } from "./planes.js";

const SETTLED_MS = 70; // no new slice for this long: full resolution; longer for a slow hand, within …
const SETTLED_MOST_MS = 100;
const OVERLAY_PATIENCE_MS = 250; // after this a slice is shown although its label map is not there yet
const LARGEST_SCALE = 48; // device pixels per voxel
const HUGE = 8e6; // voxels of a slice from where moving shows half resolution even on a fast way

export class Pane {
  constructor(viewer, axis) {
    this.viewer = viewer;
    this.axis = axis;
    this.plane = PLANES[axis];
    this.element = document.createElement("div");
    this.element.className = "pane";
    this.element.dataset.axis = axis;
    this.element.innerHTML = `<canvas></canvas><div class="pane-title"></div><div class="scale-bar" hidden><i></i><span></span></div>`;
    this.canvas = this.element.querySelector("canvas");
    this.title = this.element.querySelector(".pane-title");
    this.bar = this.element.querySelector(".scale-bar");
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.base = new Picture();
    this.overlayPictures = new WeakMap(); // overlay → Picture, which goes with its overlay
    this.shown = null; // {index, base, overlays: Map(overlay → entry)}
    this.centre = { u: 0.5, v: 0.5 }; // middle of the canvas, as a part of the plane
    this.size = { width: 0, height: 0 }; // CSS pixels
    this.changes = []; // times of the last slice changes
    this.direction = 1;
    this.dirty = true;
    this.visible = true;
    listenToPointer(this);
    new ResizeObserver(() => this.resize()).observe(this.element);
  }

  get index() {
    return this.viewer.position[this.axis];
  }

  get columns() {
    return this.viewer.lengths[this.plane.cols];
  }

  get rows() {
    return this.viewer.lengths[this.plane.rows];
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height) return;
    const ratio = window.devicePixelRatio;
    this.size = { width, height };
    const device = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== device[0] || this.canvas.height !== device[1]) {
      [this.canvas.width, this.canvas.height] = device;
    }
    this.clampCentre();
    this.draw(); // at once: a resized canvas is empty
    this.viewer.zoomChanged();
  }

  // Where things lie. Edge coordinates: voxel i covers i to i + 1.

  /** CSS pixels per voxel along columns and rows. */
  scale() {
    const { cols, rows } = this.plane;
    const { pitch } = this.viewer;
    const unit = this.fitScale() * this.viewer.zoom;
    return { x: unit * pitch[cols], y: unit * pitch[rows], unit };
  }

  fitScale() {
    const { pitch } = this.viewer;
    const width = this.columns * pitch[this.plane.cols];
    const height = this.rows * pitch[this.plane.rows];
    return Math.min(this.size.width / width, this.size.height / height) || 1;
  }

  toScreen(u, v) {
    const scale = this.scale();
    return {
      x: (u - this.centre.u * this.columns) * scale.x + this.size.width / 2,
      y: (v - this.centre.v * this.rows) * scale.y + this.size.height / 2,
    };
  }

  fromScreen(x, y) {
    const scale = this.scale();
    return {
      u: (x - this.size.width / 2) / scale.x + this.centre.u * this.columns,
      v: (y - this.size.height / 2) / scale.y + this.centre.v * this.rows,
    };
  }

  /** The voxel {x, y, z} under a point, or null outside the tomogram. */
  voxelAt(x, y) {
    const { u, v } = this.fromScreen(x, y);
    if (u < 0 || v < 0 || u >= this.columns || v >= this.rows) return null;
    return { [this.plane.cols]: Math.floor(u), [this.plane.rows]: Math.floor(v), [this.axis]: this.index };
  }

  pan(dx, dy) {
    const scale = this.scale();
    this.centre.u -= dx / scale.x / this.columns;
    this.centre.v -= dy / scale.y / this.rows;
    this.clampCentre();
    this.dirty = true;
  }

  /** After the viewer's zoom changed, bring what was at (u, v) back to the point (x, y). */
  holdAt(u, v, x, y) {
    const now = this.toScreen(u, v);
    this.pan(x - now.x, y - now.y);
  }

  centreOn(u, v) {
    this.centre = { u: u / this.columns, v: v / this.rows };
    this.clampCentre();
    this.dirty = true;
  }

  /** Move just so far that the crosshair is in sight. */
  follow(margin = 24) {
    const { u, v } = this.crosshair();
    const at = this.toScreen(u, v);
    const { width, height } = this.size;
    if (at.x < margin || at.y < margin || at.x > width - margin || at.y > height - margin) this.centreOn(u, v);
  }

  crosshair() {
    const { position } = this.viewer;
    return { u: position[this.plane.cols] + 0.5, v: position[this.plane.rows] + 0.5 };
  }

  /** The picture can be moved aside by a quarter of the pane, never out of it. */
  clampCentre() {
    if (!this.size.width || !this.viewer.lengths) return;
    const scale = this.scale();
    const bound = (centre, length, visible) => {
      const part = visible / length;
      if (part >= 1) return 0.5;
      return clamp(centre, part / 4, 1 - part / 4);
    };
    this.centre.u = bound(this.centre.u, this.columns, this.size.width / scale.x);
    this.centre.v = bound(this.centre.v, this.rows, this.size.height / scale.y);
  }

  zoomLimits() {
    const device = this.fitScale() * window.devicePixelRatio;
    return [Math.min(1, 1 / device), Math.max(2, LARGEST_SCALE / device)];
  }

  // Which slice

  /** The wanted slice changed. */
  moved(from) {
    const now = performance.now();
    if (from !== this.index) {
      this.direction = Math.sign(this.index - from) || 1;
      this.changes = [...this.changes.filter((t) => now - t < 400), now];
    }
    this.wantedSince = now;
    this.plan();
    this.update();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.plan(), this.settleTime() + 2);
    this.dirty = true;
  }

  isMoving() {
    return performance.now() - (this.changes.at(-1) ?? -1e9) < this.settleTime();
  }

  /** How long to wait for the next slice change: somewhat longer than between the last ones. */
  settleTime() {
    const { changes } = this;
    if (changes.length < 3) return SETTLED_MS;
    return clamp((1.4 * (changes.at(-1) - changes[0])) / (changes.length - 1), SETTLED_MS, SETTLED_MOST_MS);
  }

  plan() {
    const { viewer, axis } = this;
    if (!this.visible || !viewer.layer || !this.size.width) return viewer.store.plan(axis, []);
    const wishes = [];
    const slow = this.slow = viewer.store.link.isSlowFor(this.rows * this.columns) || this.rows * this.columns > HUGE;
    const moving = this.isMoving();
    const step = moving && slow ? 2 : 1;
    this.wish(wishes, this.index, step, true, !moving);
    // Ahead of the movement; at rest one or two to either side, so that the first turn of the wheel is immediate.
    const ahead = [];
    if (this.changes.length && viewer.activeAxis === axis) {
      const reach = moving ? clamp(Math.ceil(this.changes.length / 3) + 2, 3, 8) : 2;
      for (let i = 1; i <= reach; i++) ahead.push(this.index + i * this.direction * (viewer.stride || 1));
    }
    if (!moving && viewer.activeAxis === axis) ahead.push(this.index + 1, this.index - 1);
    for (const index of ahead) this.wish(wishes, index, slow ? 2 : 1, false, false);
    viewer.store.plan(axis, wishes);
  }

  wish(wishes, index, step, urgent, settled) {
    const { viewer, axis } = this;
    if (index < 0 || index >= viewer.lengths[axis]) return;
    const ask = (layer, slab) => {
      const place = index - layer.offset[{ z: 0, y: 1, x: 2 }[axis]];
      const size = { x: layer.shape[2], y: layer.shape[1], z: layer.shape[0] };
      if (place < 0 || place >= size[axis]) return;
      if (viewer.store.find(layer, axis, place, slab, step)) return;
      const pixels = Math.ceil(size[this.plane.cols] / step) * Math.ceil(size[this.plane.rows] / step);
      wishes.push({ layer, axis, index: place, slab, step, urgent, settled, slow: this.slow, pixels });
    };
    ask(viewer.layer, viewer.slab);
    for (const overlay of viewer.visibleOverlays()) ask(overlay.layer, 1);
  }

  /** Show the best of what is in memory for the wanted slice. What is on the screen stays until there is something. */
  update() {
    const { viewer, axis } = this;
    if (!viewer.layer || !viewer.lengths) return;
    const { index } = this;
    const base = viewer.store.find(viewer.layer, axis, index, viewer.slab);
    if (!base) return;
    const overlays = this.overlayEntries(index);
    const complete = overlays.size === this.expected;
    const late = performance.now() - this.wantedSince > OVERLAY_PATIENCE_MS;
    if (!complete && !late && this.shown?.index !== index) {
      clearTimeout(this.patience);
      this.patience = setTimeout(() => this.update(), OVERLAY_PATIENCE_MS + 5);
      return;
    }
    this.show(index, base, overlays);
  }

  /** A slice arrived: show it if it is the wanted one, or nearer to it than what is on the screen. */
  arrived(wish, entry) {
    if (wish.layer !== this.viewer.layer) return this.update();
    const shown = this.shown?.base.layer === entry.layer && this.shown.base.slab === entry.slab ? this.shown : null;
    if (entry.index === this.index) return this.update();
    if (shown && this.isMoving() && Math.abs(entry.index - this.index) < Math.abs(shown.index - this.index)) {
      this.show(entry.index, entry, this.overlayEntries(entry.index));
    }
  }

  overlayEntries(index) {
    const found = new Map();
    this.expected = 0;
    for (const overlay of this.viewer.visibleOverlays()) {
      const { layer } = overlay;
      const place = index - layer.offset[{ z: 0, y: 1, x: 2 }[this.axis]];
      if (place < 0 || place >= layer.shape[{ z: 0, y: 1, x: 2 }[this.axis]]) continue;
      this.expected++;
      const entry = this.viewer.store.find(layer, this.axis, place, 1);
      if (entry) found.set(overlay, entry);
    }
    return found;
  }

  show(index, base, overlays) {
    this.viewer.store.touch(base);
    this.shown = { index, base, overlays };
    this.dirty = true;
    this.viewer.requestFrame();
  }

  /** The label of an overlay at a voxel, from the slice on the screen; null where unknown. */
  labelAt(overlay, voxel) {
    const entry = this.shown?.overlays.get(overlay);
    if (!entry || this.shown.index !== voxel[this.axis]) return null;
    const [z, y, x] = entry.layer.offset;
    const start = { x, y, z };
    const column = Math.floor((voxel[this.plane.cols] - start[this.plane.cols]) / entry.step);
    const row = Math.floor((voxel[this.plane.rows] - start[this.plane.rows]) / entry.step);
    if (column < 0 || row < 0 || column >= entry.width || row >= entry.height) return null;
    return entry.data[row * entry.width + column];
  }

  draw() {
    this.dirty = false;
    drawPane(this);
  }
}
