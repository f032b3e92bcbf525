// The head of the grid: which columns there are, how wide, in what order the rows; and the box that selects all.

import { element } from "./element.js";
import { written } from "./object_grid_cells.js";

const LETTER = 6.8; // pixels of a letter or digit
const SIDES = 12; // pixels beside the content of a cell
const LONGEST_WORD = 16; // letters for which there is room, at least

export class Head {
  /** `sorted(name)` and `all(wanted)` are called for a click on a name and on the box. */
  constructor(state, sorted, all) {
    this.state = state;
    this.sorted = sorted;
    this.specs = []; // {name, label, digits, editable} of the columns that are shown
    this.names = [];
    this.root = element("div", "head");
    this.root.setAttribute("role", "row");
    this.every = element("input");
    this.every.type = "checkbox";
    this.every.tabIndex = -1;
    this.every.setAttribute("aria-label", "Select all that are shown");
    this.every.onclick = () => all(this.every.checked);
    this.corner = element("span", "mark");
    this.corner.append(this.every);
  }

  /** Take the columns that the page describes; the widths of a CSS grid where they changed, else null. */
  take(described) {
    const { columns } = this.state;
    const specs = described.filter(({ name }) => {
      return columns.has(name) && !(name === "tomogram" && columns.get(name).names.length < 2);
    });
    const shape = JSON.stringify(specs);
    if (shape === this.shape) return null;
    this.shape = shape;
    this.specs = specs;
    this.names = specs.map(({ name, label }) => {
      const made = element("button", columns.get(name).names ? "" : "number", label);
      made.type = "button";
      made.tabIndex = -1;
      made.setAttribute("role", "columnheader");
      made.onclick = () => this.sorted(name);
      return made;
    });
    this.root.replaceChildren(this.corner, ...this.names);
    return `26px ${specs.map((spec) => this.width(spec)).join(" ")}`;
  }

  /** What a column needs for its name and its longest content, in reason; columns of words share what is left. */
  width({ name, label, digits }) {
    const { values, names } = this.state.columns.get(name);
    if (names) {
      const longest = Math.max(label.length, ...names.slice(0, 1000).map((word) => word.length));
      const dot = name === "class" ? 14 : 0;
      return `minmax(${Math.min(LONGEST_WORD, longest) * LETTER + SIDES + dot}px, 1fr)`;
    }
    let longest = label.length + 1; // room for the arrow of the order
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    for (const value of [low, high]) if (Number.isFinite(value)) longest = Math.max(longest, written(value, digits).length);
    return `${longest * LETTER + SIDES}px`;
  }

  /** Show the order, and how much of what is shown is selected. */
  mark(selected, shown) {
    const { name, falling } = this.state.sort;
    this.specs.forEach((spec, index) => {
      const sorted = spec.name === name ? (falling ? "descending" : "ascending") : "none";
      this.names[index].setAttribute("aria-sort", sorted);
    });
    this.every.checked = selected > 0 && selected === shown;
    this.every.indeterminate = selected > 0 && selected < shown;
  }
}
