// The viewer as a whole: three linked planes, one crosshair, and what is shown over the tomogram.

import { arrange, fitHeight, makeLarge, setLayout, toggleSmall } from "./arrangement.js";
import { boxRange } from "./box.js";
import { Contents } from "./contents.js";
import { contrastOfSlice } from "./contrast.js";
import { Editing } from "./editing.js";
import { Outbox } from "./events.js";
import { listenToKeys } from "./keys.js";
import { Notices } from "./notices.js";
import { Opening } from "./opening.js";
import { Pane } from "./pane.js";
import { greyTable } from "./palette.js";
import { Place } from "./place.js";
import { ORDER, clamp } from "./planes.js";
import { Selection } from "./selection.js";
import { SliceStore } from "./slices.js";
import { StatusLine } from "./status.js";
import { readColours } from "./theme.js";
import { Toolbar } from "./toolbar.js";

const FOLLOW_MS = 250;
const MOST_SLAB = 101;

export class Viewer {
  constructor() {
    this.root = document.createElement("div");
    this.root.className = "viewer";
    this.root.tabIndex = 0;
    this.root.setAttribute("role", "application");
    this.root.setAttribute("aria-label", "slice viewer; press ? for the keyboard");
    this.focused = false; // whether the keys are the viewer's; stays true when the page takes it out for a moment
    this.root.addEventListener("focusin", () => (this.focused = true));
    this.root.addEventListener("focusout", (event) => (this.focused &&= !event.relatedTarget && !this.root.isConnected));
    this.colours = readColours(this.root);
    this.layer = null;
    this.position = null;
    this.positions = new Map(); // tomogram → {x, y, z}: each keeps its place
    this.lengths = null;
    this.pitch = { x: 1, y: 1, z: 1 };
    this.zoom = 1; // relative to the fitting picture, the same in all planes
    this.slab = 1;
    this.large = "z";
    this.activeAxis = "z";
    this.smallOn = true;
    this.crosshairOn = true;
    this.overlaysOn = true;
    this.inverted = false;
    this.contrast = [0, 1];
    this.greys = greyTable(0, 255, false);
    this.contents = new Contents(this);
    this.selection = new Selection();
    this.marquee = null; // the rectangle or lasso that is being drawn
    this.selectedHere = null; // {set, id} of a click or key until the page has answered it
    this.cursor = null;
    this.box = null;
    this.notices = new Notices(this);
    this.outbox = new Outbox();
    this.store = new SliceStore((wish, entry) => this.panes[wish.axis].arrived(wish, entry), (text) => this.notices.problem("slices", text));
    this.editing = new Editing(this);
    this.opening = new Opening(this);
    this.place = new Place(this);
    this.status = new StatusLine(this);
    this.toolbar = new Toolbar(this);
    this.panes = Object.fromEntries(ORDER.map((axis) => [axis, new Pane(this, axis)]));
    this.build();
    listenToKeys(this);
    this.lastPaint = null;
  }

  build() {
    this.main = document.createElement("div");
    this.main.className = "planes";
    this.main.append(...ORDER.map((axis) => this.panes[axis].element));
    this.main.append(this.notices.progress, this.notices.alert, this.toolbar.menu.element, this.toolbar.help);
    this.root.append(this.toolbar.element, this.main, this.status.element);
    this.root.addEventListener("pointerleave", () => this.place.flush());
    this.root.addEventListener("pointerdown", (event) => {
      const path = event.composedPath();
      if (path.includes(this.main) && !path.some((e) => e.classList?.contains("popover"))) this.toolbar.close();
    });
    arrange(this);
  }

  get overlays() {
    return this.contents.overlays;
  }

  get objectSets() {
    return this.contents.objectSets;
  }

  // What the page says

  apply(data) {
    this.session = data.session;
    if (this.page !== location.pathname) this.toolbar.close(); // what was open belongs to the page before
    this.page = location.pathname;
    this.follow = data.follow;
    this.colours = readColours(this.root);
    setLayout(this, data.layout, data.height);
    this.box = data.box;
    if (data.tomogram !== this.tomogram || data.version !== this.version) this.opening.open(data);
    this.contents.setOverlays(data.overlays);
    this.contents.setObjects(data.objects);
    if (this.editing.mode !== "look" && !this.editing.editableSet()) this.editing.setMode("look"); // another page
    this.applyGoto(data.goto);
    this.toolbar.update();
    this.toolbar.contrast.draw();
    this.toolbar.menu.update();
    this.redraw();
  }

  applyGoto(goto) {
    this.opening.applyGoto(goto);
  }

  // Moving

  clampPosition(place) {
    return Object.fromEntries(["x", "y", "z"].map((axis) => [axis, clamp(Math.round(place[axis]), 0, this.lengths[axis] - 1)]));
  }

  moveTo(place, { follow = false } = {}) {
    if (!this.lengths) return;
    const before = this.position;
    this.position = this.clampPosition({ ...before, ...place });
    this.positions.set(this.tomogram, this.position);
    for (const axis of ORDER) {
      if (this.position[axis] !== before[axis]) this.panes[axis].moved(before[axis]);
      if (follow || axis !== this.activeAxis) this.panes[axis].follow();
    }
    this.place.changed();
    this.positionChanged();
    if (this.follow) {
      clearTimeout(this.following);
      this.following = setTimeout(() => this.outbox.add("moved", { tomogram: this.tomogram, ...this.position }), FOLLOW_MS);
    }
  }

  positionChanged() {
    if (this.cursor) this.cursor.voxel = this.cursor.pane.voxelAt(this.cursor.at.x, this.cursor.at.y);
    this.toolbar.update();
    this.status.update();
    this.redraw();
  }

  stepSlice(axis, by, eventTime = performance.now()) {
    if (!this.lengths || !by) return;
    this.stride = Math.abs(by);
    this.eventTime = eventTime;
    this.moveTo({ [axis]: this.position[axis] + by });
  }

  zoomBy(factor, pane = this.panes[this.activeAxis], at = null) {
    if (!this.lengths) return;
    const [least, most] = pane.zoomLimits();
    const zoom = clamp(this.zoom * factor, least, most);
    if (zoom === this.zoom) return;
    const held = ORDER.map((axis) => {
      const other = this.panes[axis];
      if (other === pane && at) return [other, other.fromScreen(at.x, at.y), at];
      const { u, v } = other.crosshair();
      return [other, { u, v }, other.toScreen(u, v)];
    });
    this.zoom = zoom;
    for (const [other, { u, v }, point] of held) {
      other.holdAt(u, v, point.x, point.y);
      if (other !== pane) other.follow();
    }
    this.zoomChanged();
  }

  zoomChanged() {
    this.toolbar?.update();
    this.redraw();
  }

  fit() {
    this.zoom = 1;
    for (const axis of ORDER) this.panes[axis].clampCentre();
    this.zoomChanged();
  }

  oneToOne() {
    const pane = this.panes[this.large];
    this.zoomBy(1 / (pane.scale().unit * window.devicePixelRatio), pane);
  }

  pointAt(pane, at) {
    this.cursor = pane && this.lengths ? { pane, at, voxel: pane.voxelAt(at.x, at.y) } : null;
    this.status.update();
  }

  activate(axis) {
    if (this.activeAxis === axis) return;
    this.activeAxis = axis;
    arrange(this);
    this.toolbar.update();
  }

  // Arrangement (see arrangement.js)

  fitHeight() {
    fitHeight(this);
  }

  makeLarge(axis) {
    makeLarge(this, axis);
  }

  toggleSmall() {
    toggleSmall(this);
  }

  // Looks

  setContrast([low, high]) {
    this.contrast = [low, high];
    const byte = (density) => (255 * (density - this.layer.low)) / (this.layer.high - this.layer.low);
    this.greys = greyTable(byte(low), byte(high), this.inverted);
    this.toolbar.contrast.draw();
    this.redraw();
  }

  autoContrast() {
    const { shown } = this.panes[this.activeAxis];
    if (shown) this.setContrast(contrastOfSlice(shown.base));
  }

  invert() {
    if (!this.layer) return;
    this.inverted = !this.inverted;
    this.setContrast(this.contrast);
    this.toolbar.menu.update();
  }

  setSlab(slab) {
    slab = clamp(slab, 1, MOST_SLAB);
    if (slab === this.slab) return;
    this.slab = slab;
    this.toolbar.update();
    for (const axis of ORDER) this.panes[axis].moved(this.panes[axis].index);
  }

  toggleOverlays() {
    this.overlaysOn = !this.overlaysOn;
    this.say(this.overlaysOn ? "" : "Overlays are off (O).");
    this.layersChanged();
  }

  toggleCrosshair() {
    this.crosshairOn = !this.crosshairOn;
    this.redraw();
  }

  visibleOverlays() {
    return this.overlaysOn ? this.overlays.filter((overlay) => overlay.visible && overlay.layer) : [];
  }

  /** Other label maps are visible, or other versions of them. */
  layersChanged() {
    if (this.layer) for (const axis of ORDER) this.panes[axis].moved(this.panes[axis].index);
    this.status.update();
    this.redraw();
  }

  // Preview box (see box.js)

  boxRange() {
    return boxRange(this);
  }

  moveBox(by) {
    const place = { ...this.position };
    for (const [axis, steps] of Object.entries(by)) place[axis] += steps;
    this.moveTo(place);
  }

  // Objects (see editing.js)

  /** What is selected, {set, id} with the last one of them, or null. */
  get selected() {
    const { set, last } = this.selection;
    return last === null ? null : { set, id: last };
  }

  selectionChanged() {
    this.status.update();
    this.redraw();
  }

  nextObject(direction) {
    this.editing.step(direction);
  }

  edit(kind) {
    this.editing.edit(kind);
  }

  // Saying things

  say(text) {
    this.status.say(text);
  }

  toggleHelp() {
    this.toolbar.toggleHelp();
  }

  escape() {
    if (this.toolbar.close()) return this.root.focus({ preventScroll: true });
    if (this.marquee) {
      this.marquee = null; // its press goes on without selecting anything
      return this.redraw();
    }
    if (this.editing.mode !== "look") return this.editing.setMode("look");
    this.editing.unselect();
  }

  // Frames

  redraw() {
    for (const axis of ORDER) this.panes[axis].dirty = true;
    this.requestFrame();
  }

  requestFrame() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      for (const axis of ORDER) if (this.panes[axis].dirty && this.panes[axis].visible && this.panes[axis].size.width) this.panes[axis].draw();
      this.notices.watch();
    });
  }

  painted(pane) {
    const { index, base } = pane.shown;
    const time = performance.now();
    this.lastPaint = { axis: pane.axis, index, step: base.step, time, eventTime: this.eventTime, tomogram: this.tomogram };
  }
}
