// The filter of the grid: which classes, tomograms and verdicts, what sizes and scores.

import { element } from "./element.js";
import { NAMED, NO_FILTER } from "./object_grid_state.js";

const SEARCHED = 30; // names from which on there is a field to search them

export class FilterPanel {
  constructor(state, changed) {
    this.state = state;
    this.changed = changed;
    this.search = "";
    this.root = element("div", "panel");
    this.root.setAttribute("role", "dialog");
    this.root.setAttribute("aria-label", "Filter");
    this.root.hidden = true;
  }

  /** How many of its five parts are in use. */
  active() {
    const { filter } = this.state;
    const limited = ["size", "score"].filter((name) => filter[name].some((limit) => limit !== null));
    return NAMED.filter(([key]) => filter[key].length).length + limited.length;
  }

  /** Build the panel from the objects there are. */
  build() {
    this.parts = new Map();
    const titles = { tomograms: "Tomograms", classes: "Classes", verdicts: "Verdicts" };
    const children = [];
    for (const [key] of NAMED) {
      const named = this.state.tally(key);
      if (!named.length || (key === "tomograms" && named.length < 2)) continue;
      const chips = element("div", "chips");
      chips.setAttribute("role", "group");
      chips.setAttribute("aria-label", titles[key]);
      for (const [word, count] of named) {
        const chip = element("button", "chip", word);
        chip.type = "button";
        chip.append(element("small", "", count.toLocaleString("en")));
        chip.setAttribute("aria-label", `${word}, ${count.toLocaleString("en")}`);
        chip.onclick = () => this.toggle(key, word);
        chip.word = word;
        chips.append(chip);
      }
      this.parts.set(key, chips);
      children.push(element("label", "", titles[key]));
      if (named.length > SEARCHED) children.push(this.searchField(chips, titles[key]));
      children.push(chips);
    }
    const limits = element("div", "limits");
    for (const [name, unit] of [["size", " (voxel)"], ["score", ""]]) {
      if (!this.state.columns.has(name)) continue;
      limits.append(this.limit(name, 0, `Least ${name}${unit}`), this.limit(name, 1, `Most ${name}${unit}`));
    }
    const all = element("button", "", "Show all");
    all.type = "button";
    all.onclick = () => {
      this.state.setFilter(NO_FILTER);
      this.open(true);
      this.changed();
    };
    this.root.replaceChildren(...children, limits, all);
    this.mark();
  }

  searchField(chips, title) {
    const field = element("input");
    field.type = "search";
    field.placeholder = `Search ${title.toLowerCase()}`;
    field.setAttribute("aria-label", field.placeholder);
    field.oninput = () => {
      const wanted = field.value.toLowerCase();
      for (const chip of chips.children) chip.hidden = !chip.word.toLowerCase().includes(wanted);
    };
    return field;
  }

  limit(name, side, text) {
    const label = element("label", "limit", text);
    const field = element("input");
    field.type = "number";
    field.step = "any";
    field.placeholder = "all";
    field.value = this.state.filter[name][side] ?? "";
    field.oninput = () => {
      if (field.validity.badInput) return; // "1e" on the way to "1e3"
      const limits = [...this.state.filter[name]];
      limits[side] = field.value === "" ? null : Number(field.value);
      this.state.setFilter({ [name]: limits }, true);
      this.changed();
    };
    label.append(field);
    return label;
  }

  toggle(key, word) {
    const chosen = this.state.filter[key];
    const next = chosen.includes(word) ? chosen.filter((each) => each !== word) : [...chosen, word];
    this.state.setFilter({ [key]: next });
    this.mark();
    this.changed();
  }

  mark() {
    for (const [key, chips] of this.parts) {
      for (const chip of chips.children) chip.setAttribute("aria-pressed", this.state.filter[key].includes(chip.word));
    }
  }

  open(wanted) {
    this.root.hidden = !wanted;
    if (wanted) {
      this.build();
      this.root.querySelector("button, input")?.focus({ preventScroll: true });
    }
  }
}
