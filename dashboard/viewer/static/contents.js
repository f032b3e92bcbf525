// What lies over the tomogram: label maps, score maps and objects, as the page names them and as the server delivers them.

import { Overlay, readLayer } from "./layers.js";
import { ObjectSet } from "./objects.js";

export class Contents {
  constructor(viewer) {
    this.viewer = viewer;
    this.overlays = [];
    this.objectSets = [];
  }

  setOverlays(specs) {
    const before = new Map(this.overlays.map((overlay) => [overlay.key, overlay]));
    this.overlays = specs.map((spec) => {
      const overlay = before.get(spec.key) ?? new Overlay(spec);
      if (before.has(spec.key)) overlay.update(spec);
      if (overlay.loaded !== spec.version) this.loadOverlay(overlay);
      return overlay;
    });
    this.viewer.layersChanged();
  }

  async loadOverlay(overlay) {
    const wanted = (overlay.loaded = overlay.version);
    try {
      const layer = await readLayer(overlay.key);
      if (overlay.loaded !== wanted) return;
      if (overlay.layer) overlay.layer.current = false;
      overlay.layer = layer; // the slices on the screen stay until those of this version are there
      overlay.table = null;
      overlay.problem = null;
    } catch (error) {
      if (overlay.loaded !== wanted) return;
      overlay.loaded = null; // the next call of the page tries again
      overlay.problem = error.message;
      overlay.layer = null;
      this.viewer.say(error.message);
    }
    this.viewer.layersChanged();
    this.viewer.toolbar.menu.update();
  }

  setObjects(specs) {
    const before = new Map(this.objectSets.map((set) => [set.key, set]));
    this.objectSets = specs.map((spec) => {
      const set = before.get(spec.key) ?? new ObjectSet(spec);
      set.update(spec);
      if (spec.selected !== null && spec.selected !== undefined && spec.selected !== set.selectedByPage) {
        this.viewer.selected = { set: spec.key, id: spec.selected };
      }
      set.selectedByPage = spec.selected;
      return set;
    });
    this.loadObjects();
  }

  loadObjects() {
    for (const set of this.objectSets) {
      set.load(this.viewer.tomogram).then((changed) => {
        if (!changed) return;
        this.viewer.redraw();
        this.viewer.toolbar.menu.update();
      }, (error) => {
        set.problem = error.message;
        this.viewer.say(error.message);
        this.viewer.toolbar.menu.update();
      });
    }
  }
}
