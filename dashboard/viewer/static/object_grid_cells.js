// The cells of the grid: what stands in them, and editing one.

import { element } from "./element.js";

export class CellEditor {
  constructor(grid) {
    this.grid = grid;
    this.editing = null;
  }

  /** Put a field into the cell that has the focus. */
  begin() {
    const { grid } = this;
    const { state } = grid;
    const spec = grid.specs[grid.column];
    if (!state.order.length) return;
    if (!spec.editable) {
      grid.say(`${spec.label} cannot be edited here${spec.name === "verdict" ? ": judge in the gallery" : ""}.`);
      return;
    }
    grid.reveal(grid.focus);
    grid.render();
    const row = grid.rows.find((each) => !each.hidden && each.at === grid.focus);
    const cell = row.cells[grid.column];
    const place = state.order[grid.focus];
    const field = element("input");
    field.value = plain(state.content(place, spec.name));
    field.setAttribute("aria-label", `${spec.label} of object ${state.ids[place]}`);
    if (spec.name === "class") {
      const names = element("datalist");
      names.id = "object-classes";
      names.append(...[...grid.colours.keys()].map((name) => Object.assign(element("option"), { value: name })));
      field.setAttribute("list", names.id);
      cell.replaceChildren(field, names);
    } else {
      cell.replaceChildren(field);
    }
    cell.editing = true;
    this.editing = { cell, field, row, spec, id: state.ids[place], before: field.value, top: grid.view.scrollTop };
    field.onkeydown = (event) => this.typed(event);
    field.onblur = () => {
      if (!grid.moving) this.stop(true);
    };
    field.focus({ preventScroll: true });
    field.select();
  }

  typed(event) {
    const { grid } = this;
    event.stopPropagation();
    const { key } = event;
    if (key !== "Enter" && key !== "Tab" && key !== "Escape") return;
    event.preventDefault();
    if (!this.stop(key !== "Escape")) return;
    grid.view.focus({ preventScroll: true });
    if (key !== "Tab") return;
    const way = event.shiftKey ? -1 : 1;
    let next = grid.column + way;
    while (grid.specs[next] && !grid.specs[next].editable) next += way;
    if (!grid.specs[next]) return;
    grid.column = next;
    grid.refresh();
    this.begin();
  }

  /** Whether a cell is edited in a row that was scrolled away since. */
  hasMoved() {
    return this.editing !== null && Math.abs(this.grid.view.scrollTop - this.editing.top) > 1;
  }

  /** After the page said what is new: where another object stands in the row now, take what was typed. */
  keepUp() {
    if (!this.editing) return;
    const { state } = this.grid;
    const { row, id } = this.editing;
    if (!row.isConnected || state.ids[state.order[row.at]] !== id) this.stop(true);
  }

  /** Take the field away, and what stands in it if it is wanted; false when it cannot be taken. */
  stop(wanted) {
    if (!this.editing) return true;
    const { grid } = this;
    const { state } = grid;
    const { cell, field, id, spec, before } = this.editing;
    const place = state.place(id);
    const text = field.value.trim();
    const numeric = !state.columns.get(spec.name).names;
    const number = text === "" ? null : Number(text.replace(",", "."));
    const changed = wanted && text !== before;
    let problem = "";
    if (changed && numeric && Number.isNaN(number)) problem = `${spec.label}: ${text} is not a number.`;
    if (changed && number === null && ["x", "y", "z"].includes(spec.name)) problem = `${spec.label} needs a number.`;
    if (changed && spec.name === "class" && !text) problem = "A class needs a name.";
    if (changed && place === undefined) problem = `Object ${id} was deleted meanwhile: ${text} was not taken.`;
    grid.say(problem);
    if (problem && place !== undefined && field.isConnected && grid.root.getRootNode().activeElement === field) return false;
    this.editing = null;
    field.onblur = null;
    cell.editing = false;
    cell.shown = null;
    if (changed && !problem) {
      state.edit(place, spec.name, numeric ? number : text);
      grid.confirm(state.edited);
    }
    const at = state.at(id);
    if (at !== undefined) grid.focus = at;
    grid.refresh();
    return true;
  }
}

/** A cell as it is shown: numbers with their digits, nothing for unknown ones. */
export function written(content, digits) {
  if (typeof content === "string") return content;
  if (Number.isNaN(content)) return "";
  return digits === null ? String(Number(content.toPrecision(6))) : content.toFixed(digits);
}

/** A cell as it is copied and edited: the number itself, as far as it was sent. */
export function plain(content) {
  if (typeof content === "string") return content;
  return Number.isNaN(content) ? "" : String(Number(content.toPrecision(7)));
}
