// What a person does to objects: select, step through, add, move, delete. Edits go to the page as events; the picture shows
// them at once and is put right when the table's next version arrives.

import { clamp } from "./planes.js";

export class Editing {
  constructor(viewer) {
    this.viewer = viewer;
  }

  editableSet() {
    return this.viewer.objectSets.find((set) => set.editable && set.visible) ?? null;
  }

  objectAt(pane, at) {
    if (!this.viewer.overlaysOn) return null;
    for (const set of [...this.viewer.objectSets].reverse()) {
      const hit = set.at(pane, at);
      if (hit) return hit;
    }
    return null;
  }

  select(set, row) {
    this.viewer.selected = { set: set.key, id: row.id };
    this.viewer.redraw();
  }

  selectedRow() {
    const { selected, objectSets } = this.viewer;
    const set = selected && objectSets.find((s) => s.key === selected.set);
    const row = set?.rows.find((r) => r.id === selected.id);
    return row ? { set, row } : null;
  }

  /** The next object (direction 1) or the one before (−1); with none selected, the one nearest to the crosshair. */
  step(direction) {
    const { viewer } = this;
    const set = viewer.objectSets.find((s) => s.key === viewer.selected?.set) ?? viewer.objectSets.find((s) => s.visible && s.rows.length);
    if (!set) return viewer.say("There are no objects in this tomogram.");
    const rows = set.rows.filter((row) => set.isShown(row) && row.id !== null);
    if (!rows.length) return;
    const current = rows.findIndex((row) => row.id === viewer.selected?.id);
    const next = current < 0 ? nearest(rows, viewer.position) : rows[(current + direction + rows.length) % rows.length];
    this.goTo(set, next);
    this.tell("selected", set, { id: next.id });
  }

  goTo(set, row) {
    this.select(set, row);
    const { viewer } = this;
    viewer.moveTo({ x: Math.round(row.x), y: Math.round(row.y), z: Math.round(row.z) }, { follow: true });
  }

  edit(kind) {
    const { viewer } = this;
    const set = this.editableSet();
    if (!set) return;
    if (kind === "undo" || kind === "redo") return this.tell(kind, set, {});
    if (kind === "deleted") {
      const chosen = this.selectedRow();
      if (!chosen || chosen.set !== set) return viewer.say("Select an object first: click its circle.");
      set.rows = set.rows.filter((row) => row !== chosen.row);
      viewer.selected = null;
      this.tell("deleted", set, { id: chosen.row.id });
    }
    if (kind === "added") {
      const place = viewer.cursor?.voxel ?? viewer.position;
      // Without an id, which only the page can give, it is drawn but cannot be taken until the next version arrives.
      set.rows = [...set.rows, { id: null, class: set.spec.new_class, ...place }];
      this.tell("added", set, { ...place, class_name: set.spec.new_class });
    }
    viewer.redraw();
  }

  drag(hit, by) {
    const { lengths } = this.viewer;
    for (const [axis, steps] of Object.entries(by)) hit.row[axis] = clamp(hit.row[axis] + steps, 0, lengths[axis] - 1);
    this.viewer.redraw();
  }

  drop(hit) {
    const { id, x, y, z } = hit.row;
    this.tell("dragged", hit.set, { id, x, y, z });
  }

  tell(type, set, values) {
    if (type === "selected") this.viewer.selectedHere = { set: set.key, id: values.id };
    this.viewer.outbox.add(type, { tomogram: this.viewer.tomogram, table: set.spec.table, layer: set.key, ...values });
  }
}

function nearest(rows, position) {
  const away = (row) => (row.x - position.x) ** 2 + (row.y - position.y) ** 2 + (row.z - position.z) ** 2;
  return rows.reduce((best, row) => (away(row) < away(best) ? row : best));
}
