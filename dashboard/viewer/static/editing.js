// What a person does to objects: select, step through, add, move, delete. Edits go to the page as events; the picture shows
// them at once and is put right when the table's next version arrives.

import { clamp } from "./planes.js";

const SECOND_CLICK_MS = 400; // a second click so soon at the same place is half of a double click
const SAME_PLACE = 6; // CSS pixels

export class Editing {
  constructor(viewer) {
    this.viewer = viewer;
    this.mode = "look"; // or "add", "rectangle", "lasso"
    this.lastAdded = null; // {x, y, time} of the click that added last
  }

  // Which objects

  editableSet() {
    return this.viewer.objectSets.find((set) => set.editable && set.visible) ?? null;
  }

  /** Whose objects rectangle and lasso select. */
  selectableSet() {
    const { objectSets, selection } = this.viewer;
    const seen = objectSets.filter((set) => set.visible && set.spec.table);
    return this.editableSet() ?? seen.find((set) => set.key === selection.set) ?? seen.at(-1) ?? null;
  }

  objectAt(pane, at) {
    if (!this.viewer.overlaysOn) return null;
    for (const set of [...this.viewer.objectSets].reverse()) {
      const hit = set.at(pane, at);
      if (hit) return hit;
    }
    return null;
  }

  /** The object that a press at this point takes hold of: a selected one anywhere, another one near its centre, so that
      the picture can still be moved where circles are large. */
  graspable(pane, at) {
    const hit = this.objectAt(pane, at);
    if (!hit?.set.editable) return null;
    const near = hit.away <= Math.max(8, hit.radius / 2);
    return near || this.viewer.selection.has(hit.set.key, hit.row.id) ? hit : null;
  }

  // Modes and classes

  setMode(mode) {
    if (mode !== "look" && !this.editableSet()) return this.viewer.say("The objects on this page cannot be edited, or are hidden.");
    this.mode = mode;
    this.viewer.root.dataset.mode = mode;
    this.viewer.toolbar.update();
  }

  toggleMode(mode) {
    this.setMode(this.mode === mode ? "look" : mode);
  }

  /** Choose the n-th class (from 1) for what is added; false where the page has no such keys. */
  chooseClass(number) {
    const set = this.editableSet();
    if (!set?.spec.class_keys) return false;
    const chosen = set.spec.classes[number - 1];
    if (!chosen) this.viewer.say(`There is no class ${number} yet.`);
    else if (chosen.name !== set.activeClass) {
      set.activeClass = chosen.name;
      this.tell("class_chosen", set, { class_name: chosen.name });
      this.viewer.toolbar.update();
    }
    return true;
  }

  // Selecting

  click(pane, at, event) {
    const { viewer } = this;
    if (this.mode === "add" && !event.ctrlKey && !event.metaKey) return this.addByClick(pane, at, event.timeStamp);
    const hit = this.objectAt(pane, at);
    if (hit) {
      if (event.ctrlKey || event.metaKey) viewer.selection.toggle(hit.set.key, hit.row.id);
      else viewer.selection.replace(hit.set.key, [hit.row.id]);
      this.tellSelected(hit.set);
      viewer.selectionChanged();
    }
    const voxel = pane.voxelAt(at.x, at.y);
    if (voxel && !(event.ctrlKey || event.metaKey)) viewer.moveTo(voxel);
  }

  /** Select what the slice cuts and whose drawn centre lies in the marquee. */
  selectInside(marquee, extend) {
    const { viewer } = this;
    const { pane } = marquee;
    const set = this.selectableSet();
    if (!set || !pane.shown || !viewer.overlaysOn) return viewer.say("There are no objects to select here.");
    const ids = [];
    for (const circle of set.circles(pane, pane.shown.index)) {
      if (circle.row.id !== null && marquee.holds(circle)) ids.push(circle.row.id);
    }
    if (extend) viewer.selection.extend(set.key, ids);
    else viewer.selection.replace(set.key, ids);
    this.tellSelected(set);
    viewer.selectionChanged();
  }

  unselect() {
    const { selection, objectSets } = this.viewer;
    if (!selection.size) return;
    selection.clear();
    const set = objectSets.find((s) => s.key === selection.set);
    if (set) this.tellSelected(set);
    this.viewer.selectionChanged();
  }

  tellSelected(set) {
    const { selection } = this.viewer;
    this.tell("selected", set, { id: selection.last, ids: [...selection.ids] });
  }

  /** The next object (direction 1) or the one before (−1); with none selected, the one nearest to the crosshair. */
  step(direction) {
    const { viewer } = this;
    const { selection } = viewer;
    const set = viewer.objectSets.find((s) => selection.size && s.key === selection.set) ?? viewer.objectSets.find((s) => s.visible && s.rows.length);
    if (!set) return viewer.say("There are no objects in this tomogram.");
    const rows = set.rows.filter((row) => set.isShown(row) && row.id !== null);
    if (!rows.length) return;
    const current = selection.size ? rows.findIndex((row) => row.id === selection.last) : -1;
    const next = current < 0 ? nearest(rows, viewer.position) : rows[(current + direction + rows.length) % rows.length];
    selection.replace(set.key, [next.id]);
    viewer.moveTo({ x: Math.round(next.x), y: Math.round(next.y), z: Math.round(next.z) }, { follow: true });
    this.tellSelected(set);
    viewer.selectionChanged();
  }

  // Editing

  edit(kind) {
    const { viewer } = this;
    const set = this.editableSet();
    if (!set) return;
    if (kind === "undo" || kind === "redo") return this.tell(kind, set, {});
    if (kind === "deleted") this.deleteSelected(set);
    if (kind === "added") this.addAt(viewer.cursor?.voxel ?? viewer.position);
  }

  deleteSelected(set) {
    const { viewer } = this;
    const { selection } = viewer;
    const ids = selection.set === set.key ? [...selection.ids].filter((id) => set.row(id)) : [];
    if (!ids.length) return viewer.say("Select an object first: click its circle.");
    const gone = new Set(ids);
    set.rows = set.rows.filter((row) => !gone.has(row.id));
    selection.clear();
    this.tell("deleted", set, { id: ids[0], ids });
    viewer.selectionChanged();
    viewer.say(ids.length === 1 ? "Deleted; Ctrl + Z brings it back." : `${ids.length} deleted; Ctrl + Z brings them back.`);
  }

  addByClick(pane, at, time) {
    const last = this.lastAdded;
    if (last && time - last.time < SECOND_CLICK_MS && Math.hypot(at.x - last.x, at.y - last.y) < SAME_PLACE) return;
    const voxel = pane.voxelAt(at.x, at.y);
    if (!voxel || !this.addAt(voxel)) return;
    this.lastAdded = { ...at, time };
  }

  /** Double click outside the add mode: an object more, unless one is there. False where there is nothing to edit. */
  addByDoubleClick(pane, at) {
    if (this.mode === "add") return true; // its clicks have done it
    if (!this.editableSet() || this.objectAt(pane, at)) return false;
    const voxel = pane.voxelAt(at.x, at.y);
    if (voxel) this.addAt(voxel);
    return Boolean(voxel);
  }

  addAt(voxel) {
    const { viewer } = this;
    const set = this.editableSet();
    if (!set || !voxel) return false;
    if (!set.activeClass) {
      viewer.say("No class yet: add one in the list of classes.");
      return false;
    }
    // Without an id, which only the page can give, it is drawn but cannot be taken until the next version arrives.
    set.append({ id: null, class: set.activeClass, ...voxel });
    this.tell("added", set, { ...voxel, class_name: set.activeClass });
    viewer.moveTo(voxel);
    viewer.redraw();
    return true;
  }

  drag(hit, by) {
    const { lengths } = this.viewer;
    const row = hit.set.row(hit.row.id) ?? hit.row;
    if (row !== hit.row) { // another version arrived meanwhile
      Object.assign(row, { x: hit.row.x, y: hit.row.y, z: hit.row.z });
      hit.row = row;
    }
    for (const [axis, steps] of Object.entries(by)) row[axis] = clamp(row[axis] + steps, 0, lengths[axis] - 1);
    hit.set.moved(row);
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

/** Rows of a new version with the edits that the page has not taken in yet: `events` still waiting in the outbox. */
export function replay(rows, events, key, tomogram) {
  for (const { type, values } of events) {
    if (values.layer !== key || values.tomogram !== tomogram) continue;
    const { x, y, z } = values;
    if (type === "added") rows = [...rows, { id: null, class: values.class_name, x, y, z }];
    if (type === "deleted") {
      const gone = new Set(values.ids);
      rows = rows.filter((row) => !gone.has(row.id));
    }
    if (type === "dragged") rows = rows.map((row) => (row.id === values.id ? { ...row, x, y, z } : row));
  }
  return rows;
}

function nearest(rows, position) {
  const away = (row) => (row.x - position.x) ** 2 + (row.y - position.y) ** 2 + (row.z - position.z) ** 2;
  return rows.reduce((best, row) => (away(row) < away(best) ? row : best));
}
