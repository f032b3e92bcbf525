// The viewer as a whole: three linked planes, one crosshair, and what is shown over the tomogram.

import { boxRange } from "./box.js";
import { Contents } from "./contents.js";
import { contrastOfSlice } from "./contrast.js";
import { Editing } from "./editing.js";
import { Outbox } from "./events.js";
import { listenToKeys } from "./keys.js";
import { readLayer } from "./layers.js";
import { Notices } from "./notices.js";
import { Pane } from "./pane.js";
import { greyTable } from "./palette.js";
import { Place } from "./place.js";
import { ORDER, clamp, lengths, pitches } from "./planes.js";
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
    this.colours = readColours(this.root);
    this.layer = null;
    this.position = null;
    this.positions = new Map(); // tomogram → {x, y, z}: each keeps its place
    this.views = new Map(); // tomogram → contrast, zoom and centres
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
    this.selected = null;
    this.selectedHere = null; // {set, id} of a click or key until the page has answered it
    this.cursor = null;
    this.box = null;
    this.notices = new Notices(this);
    this.outbox = new Outbox();
    this.store = new SliceStore((wish, entry) => this.panes[wish.axis].arrived(wish, entry), (text) => this.notices.problem("slices", text));
    this.editing = new Editing(this);
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
    this.arrange();
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
    this.follow = data.follow;
    this.colours = readColours(this.root);
    this.setLayout(data.layout, data.height);
    this.box = data.box;
    if (data.tomogram !== this.tomogram || data.version !== this.version) this.open(data);
    this.contents.setOverlays(data.overlays);
    this.contents.setObjects(data.objects);
    this.applyGoto(data.goto);
    this.toolbar.update();
    this.toolbar.contrast.draw();
    this.toolbar.menu.update();
    this.redraw();
  }

  setLayout(layout, height) {
    this.single = layout === "single";
    this.root.classList.toggle("single", this.single);
    this.fill = height === "fill";
    if (this.fill) this.fitHeight();
    else this.root.style.height = typeof height === "number" ? `${height}px` : height;
    this.arrange();
  }

  /** Take the height that the window leaves below the top of the viewer. */
  fitHeight() {
    if (!this.fill || !this.root.isConnected) return;
    const scroller = this.root.getRootNode().host?.closest("section") ?? document.scrollingElement;
    const top = this.root.getBoundingClientRect().top + scroller.scrollTop;
    const height = Math.max(420, Math.floor(window.innerHeight - top - 16));
    if (this.root.style.height !== `${height}px`) this.root.style.height = `${height}px`;
  }

  async open(data) {
    const before = this.tomogram;
    this.remember();
    this.tomogram = data.tomogram;
    this.version = data.version;
    this.opening?.abort();
    this.opening = new AbortController();
    const { signal } = this.opening;
    this.notices.opening = true;
    this.notices.watch();
    this.toolbar.update();
    try {
      const layer = await readLayer(`tomogram:${data.tomogram}`, signal);
      if (signal.aborted) return;
      this.notices.problem("open", null);
      this.setTomogram(layer, data, before !== data.tomogram);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.notices.problem("open", error.message);
      if (before !== data.tomogram) this.clear();
      this.version = null; // the next call of the page tries again
      clearTimeout(this.reopening);
      this.reopening = setTimeout(() => this.root.isConnected && this.tomogram === data.tomogram && this.open(data), 3000);
    } finally {
      if (!signal.aborted) this.notices.opening = false;
    }
  }

  setTomogram(layer, data, isOther) {
    if (this.layer) this.layer.current = false;
    const sameShape = this.layer && this.layer.shape.join() === layer.shape.join();
    this.layer = layer;
    this.lengths = lengths(layer.shape);
    this.voxelSize = layer.voxel_size;
    this.pitch = pitches(layer.voxel_size);
    const middle = { x: this.lengths.x >> 1, y: this.lengths.y >> 1, z: this.lengths.z >> 1 };
    const given = data.start && { x: data.start[0], y: data.start[1], z: data.start[2] };
    const place = this.pendingGoto ?? this.positions.get(data.tomogram) ?? given ?? middle;
    this.pendingGoto = null;
    this.position = this.clampPosition(place);
    const view = this.views.get(data.tomogram);
    if (view) {
      this.zoom = view.zoom;
      for (const axis of ORDER) this.panes[axis].centre = { ...view.centres[axis] };
    } else if (!sameShape) {
      this.zoom = 1;
      for (const axis of ORDER) this.panes[axis].centre = { u: 0.5, v: 0.5 };
    }
    if (isOther) this.selected = null;
    this.setContrast(view?.contrast ?? layer.auto);
    for (const axis of ORDER) {
      const pane = this.panes[axis];
      pane.clampCentre();
      pane.follow();
      pane.moved(pane.index);
    }
    this.place.changed();
    this.contents.loadObjects();
    this.positionChanged();
  }

  remember() {
    if (!this.layer) return;
    const centres = Object.fromEntries(ORDER.map((axis) => [axis, { ...this.panes[axis].centre }]));
    this.views.set(this.tomogram, { zoom: this.zoom, contrast: this.contrast, centres });
  }

  clear() {
    if (this.layer) this.layer.current = false;
    this.layer = this.lengths = this.position = null;
    for (const axis of ORDER) {
      this.panes[axis].shown = null;
      this.panes[axis].plan();
    }
    this.toolbar.contrast.draw();
    this.status.update();
    this.redraw();
  }

  applyGoto(goto) {
    const here = this.selectedHere;
    // Some pages answer a click with no journey: it must not hold back one that is asked for later.
    if (!this.outbox.waiting.some((event) => event.type === "selected")) this.selectedHere = null;
    if (!goto) {
      this.lastGoto = null; // what is deselected and selected again is another journey
      return;
    }
    if (goto.sequence === this.lastGoto) return;
    this.lastGoto = goto.sequence;
    this.selectedHere = null;
    // The page answers a click on an object by selecting it and going there; the person is there already.
    if (here && this.objectSets.some((set) => set.key === here.set && set.spec.selected === here.id)) return;
    const place = { x: Math.round(goto.x), y: Math.round(goto.y), z: Math.round(goto.z) };
    if (this.layer && this.layer.key === `tomogram:${this.tomogram}`) this.moveTo(place, { follow: true });
    else this.pendingGoto = place;
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

  clickAt(pane, at) {
    const voxel = pane.voxelAt(at.x, at.y);
    const hit = this.editing.objectAt(pane, at);
    if (hit) {
      this.editing.select(hit.set, hit.row);
      this.editing.tell("selected", hit.set, { id: hit.row.id });
    }
    if (voxel) this.moveTo(voxel);
  }

  pointAt(pane, at) {
    this.cursor = pane && this.lengths ? { pane, at, voxel: pane.voxelAt(at.x, at.y) } : null;
    this.status.update();
  }

  activate(axis) {
    if (this.activeAxis === axis) return;
    this.activeAxis = axis;
    this.arrange();
    this.toolbar.update();
  }

  // Arrangement

  arrange() {
    const small = ORDER.filter((axis) => axis !== this.large);
    const hideSmall = this.single || !this.smallOn;
    this.main.classList.toggle("alone", hideSmall);
    for (const axis of ORDER) {
      const { element } = this.panes[axis];
      element.style.gridArea = axis === this.large ? "large" : small.indexOf(axis) === 0 ? "upper" : "lower";
      element.hidden = hideSmall && axis !== this.large;
      element.classList.toggle("active", axis === this.activeAxis);
      const wasVisible = this.panes[axis].visible;
      this.panes[axis].visible = !element.hidden;
      if (!wasVisible && !element.hidden && this.layer) this.panes[axis].moved(this.panes[axis].index);
    }
  }

  makeLarge(axis) {
    this.large = this.activeAxis = axis;
    this.arrange();
    this.toolbar.update();
  }

  toggleSmall() {
    this.smallOn = !this.smallOn;
    if (!this.smallOn) this.activeAxis = this.large;
    this.arrange();
    this.toolbar.update();
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

  editableObjectAt(pane, at) {
    const hit = this.editing.objectAt(pane, at);
    return hit?.set.editable && this.selected?.id === hit.row.id && this.selected.set === hit.set.key ? hit : null;
  }

  dragObject(hit, by) {
    this.editing.drag(hit, by);
  }

  dropObject(hit) {
    this.editing.drop(hit);
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
    this.selected = null;
    this.redraw();
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
