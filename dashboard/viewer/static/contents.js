// What lies over the tomogram: label maps, score maps and objects, as the page names them and as the server delivers them.

import { replay } from "./editing.js";
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
    const unheard = (type) => this.viewer.outbox.waiting.some((event) => event.type === type);
    this.objectSets = specs.map((spec) => {
      const set = before.get(spec.key) ?? new ObjectSet(spec);
      set.update(spec, unheard("class_chosen"));
      if (!unheard("selected")) this.takeSelection(set, spec.selected_ids ?? []);
      return set;
    });
    this.loadObjects();
  }

  /** The page selects these. Said again it changes nothing, so that a selection made here stays. */
  takeSelection(set, ids) {
    const { selection } = this.viewer;
    const said = ids.join();
    if (said === set.selectedByPage) return;
    set.selectedByPage = said;
    if (ids.length) selection.replace(set.key, ids);
    else if (selection.set === set.key) selection.clear();
    this.viewer.selectionChanged();
  }

  /** Another tomogram: what was selected here is gone, and what the page selects holds again once it says it. */
  forgetSelection() {
    this.viewer.selection.clear();
    for (const set of this.objectSets) set.selectedByPage = null;
  }

  loadObjects() {
    for (const set of this.objectSets) {
      const { tomogram, outbox, selection } = this.viewer;
      set.load(tomogram, (rows) => replay(rows, outbox.waiting, set.key, tomogram)).then((changed) => {
        if (!changed) return;
        // What the page selects may lie in other tomograms; what was selected here alone is gone with its row.
        const named = new Set(set.spec.selected_ids);
        if (selection.set === set.key) selection.keep((id) => set.row(id) || named.has(id));
        this.viewer.selectionChanged();
        this.viewer.toolbar.menu.update();
      }, (error) => {
        set.problem = error.message;
        this.viewer.say(error.message);
        this.viewer.toolbar.menu.update();
      });
    }
  }
}
