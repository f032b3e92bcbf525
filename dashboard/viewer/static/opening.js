// Which tomogram is open: its layer, its place and looks as they were left, and the journeys that a page asks for.

import { readLayer } from "./layers.js";
import { ORDER, lengths, pitches } from "./planes.js";

const AGAIN_MS = 3000;

export class Opening {
  constructor(viewer) {
    this.viewer = viewer;
    this.views = new Map(); // tomogram → contrast, zoom and centres
    this.pendingGoto = null;
    this.lastGoto = null;
  }

  async open(data) {
    const { viewer } = this;
    const before = viewer.tomogram;
    this.remember();
    viewer.tomogram = data.tomogram;
    viewer.version = data.version;
    if (before !== data.tomogram) viewer.contents.forgetSelection();
    this.asking?.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    viewer.notices.opening = true;
    viewer.notices.watch();
    viewer.toolbar.update();
    try {
      const layer = await readLayer(`tomogram:${data.tomogram}`, signal);
      if (signal.aborted) return;
      viewer.notices.problem("open", null);
      this.show(layer, data);
    } catch (error) {
      if (error.name === "AbortError") return;
      viewer.notices.problem("open", error.message);
      if (before !== data.tomogram) this.clear();
      viewer.version = null; // the next call of the page tries again
      clearTimeout(this.reopening);
      this.reopening = setTimeout(() => viewer.root.isConnected && viewer.tomogram === data.tomogram && this.open(data), AGAIN_MS);
    } finally {
      if (!signal.aborted) viewer.notices.opening = false;
    }
  }

  show(layer, data) {
    const { viewer } = this;
    if (viewer.layer) viewer.layer.current = false;
    const sameShape = viewer.layer && viewer.layer.shape.join() === layer.shape.join();
    viewer.layer = layer;
    viewer.lengths = lengths(layer.shape);
    viewer.voxelSize = layer.voxel_size;
    viewer.pitch = pitches(layer.voxel_size);
    const middle = { x: viewer.lengths.x >> 1, y: viewer.lengths.y >> 1, z: viewer.lengths.z >> 1 };
    const given = data.start && { x: data.start[0], y: data.start[1], z: data.start[2] };
    const place = this.pendingGoto ?? viewer.positions.get(data.tomogram) ?? given ?? middle;
    this.pendingGoto = null;
    viewer.position = viewer.clampPosition(place);
    const view = this.views.get(data.tomogram);
    if (view) {
      viewer.zoom = view.zoom;
      for (const axis of ORDER) viewer.panes[axis].centre = { ...view.centres[axis] };
    } else if (!sameShape) {
      viewer.zoom = 1;
      for (const axis of ORDER) viewer.panes[axis].centre = { u: 0.5, v: 0.5 };
    }
    viewer.setContrast(view?.contrast ?? layer.auto);
    for (const axis of ORDER) {
      const pane = viewer.panes[axis];
      pane.clampCentre();
      pane.follow();
      pane.moved(pane.index);
    }
    viewer.place.changed();
    viewer.contents.loadObjects();
    viewer.positionChanged();
  }

  remember() {
    const { viewer } = this;
    if (!viewer.layer) return;
    const centres = Object.fromEntries(ORDER.map((axis) => [axis, { ...viewer.panes[axis].centre }]));
    this.views.set(viewer.tomogram, { zoom: viewer.zoom, contrast: viewer.contrast, centres });
  }

  clear() {
    const { viewer } = this;
    if (viewer.layer) viewer.layer.current = false;
    viewer.layer = viewer.lengths = viewer.position = null;
    for (const axis of ORDER) {
      viewer.panes[axis].shown = null;
      viewer.panes[axis].plan();
    }
    viewer.toolbar.contrast.draw();
    viewer.status.update();
    viewer.redraw();
  }

  applyGoto(goto) {
    const { viewer } = this;
    const here = viewer.selectedHere;
    // Some pages answer a click with no journey: it must not hold back one that is asked for later.
    if (!viewer.outbox.waiting.some((event) => event.type === "selected")) viewer.selectedHere = null;
    if (!goto) {
      this.lastGoto = null; // what is deselected and selected again is another journey
      return;
    }
    if (goto.sequence === this.lastGoto) return;
    this.lastGoto = goto.sequence;
    viewer.selectedHere = null;
    // The page answers a click on an object by selecting it and going there; the person is there already.
    if (here && viewer.objectSets.some((set) => set.key === here.set && set.spec.selected === here.id)) return;
    const place = { x: Math.round(goto.x), y: Math.round(goto.y), z: Math.round(goto.z) };
    if (viewer.layer && viewer.layer.key === `tomogram:${viewer.tomogram}`) viewer.moveTo(place, { follow: true });
    else this.pendingGoto = place;
  }
}
