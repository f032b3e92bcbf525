// The objects of a table, which of them are shown and in what order, what is selected, and what the person did that the
// page has not heard of yet. No elements here.

import { Outbox } from "./events.js";

const BRIEF_MS = 120; // a selection goes out when it did not change for so long: viewer and gallery follow it
const TYPING_MS = 350; // and so does a limit that is being typed
const FEW = 50; // objects that are looked for one by one
export const NO_FILTER = { tomograms: [], classes: [], verdicts: [], size: [null, null], score: [null, null] };
export const NAMED = [["tomograms", "tomogram"], ["classes", "class"], ["verdicts", "verdict"]];
const VERDICTS = ["accepted", "undecided", "rejected"];
const UNDECIDED = 1;

export class GridState {
  constructor() {
    this.count = 0;
    this.columns = new Map(); // name → {name, values, names}
    this.passes = new Uint8Array(); // 1 for each row that is shown
    this.order = new Uint32Array(); // places of the rows that are shown, as they are shown
    this.sort = { name: "", falling: false };
    this.filter = NO_FILTER;
    this.selected = new Set(); // ids
    // What was done here and is not part of the columns yet: id → {value, number}; the number of the event that says so.
    this.cells = new Map(); // value: {column: new content}
    this.deleted = new Map();
    this.selection = null; // {number} or {} while the page has not answered to the last one
    this.filtering = null; // as well
    this.done = 0; // the number of the last event that the page has acted on and drawn
    this.edited = 0; // of the last edit
    this.confirmed = 0; // of the last edit that the server has saved
    this.timer = 0;
    this.outbox = new Outbox();
  }

  /** What the page has now: `columns` of fresh values, or null where they are the same as before. */
  take(columns, data) {
    this.done = this.acknowledged(data);
    const settled = [...this.cells, ...this.deleted].some(([, { number }]) => number <= this.done);
    for (const own of [this.cells, this.deleted]) {
      for (const [id, { number }] of own) if (number <= this.done) own.delete(id);
    }
    const anew = columns || settled;
    if (anew) {
      this.given = columns ?? this.given;
      this.read(this.given());
    }
    const heard = (own) => !own || own.number <= this.done;
    let refilter = false;
    if (heard(this.filtering)) {
      this.filtering = null;
      refilter = JSON.stringify(this.filter) !== JSON.stringify(data.filter);
      this.filter = data.filter;
    }
    if (anew || refilter) this.show();
    if (!data.selected || !heard(this.selection)) return false;
    this.selection = null;
    const before = this.selected;
    this.selected = new Set();
    const ids = this.ids;
    for (const [first, last] of data.selected) {
      for (let place = first; place <= Math.min(last, this.count - 1); place++) this.selected.add(ids[place]);
    }
    return this.selected.size !== before.size || [...this.selected].some((id) => !before.has(id));
  }

  acknowledged(data) {
    return data.acknowledged[this.outbox.boot] ?? 0;
  }

  /** Whether everything that was done here is in the table's file, as far as the server has said. */
  saved() {
    return this.edited <= Math.max(this.done, this.confirmed);
  }

  read({ count, columns }) {
    this.count = count;
    this.columns = new Map(columns.map((column) => [column.name, column]));
    this.ids = this.columns.get("id")?.values ?? new Float64Array();
    this.places = null;
    this.sorted = null;
    for (const [id, { value }] of this.cells) {
      const place = this.place(id);
      if (place !== undefined) for (const [name, content] of Object.entries(value)) this.put(place, name, content);
    }
  }

  /** Where the object stands in the table; undefined when it is not there. */
  place(id, many = this.selected.size > FEW) {
    if (!this.places && !many) {
      const place = this.ids.indexOf(id); // sooner than to note the places of all of them after every edit
      return place < 0 ? undefined : place;
    }
    if (!this.places) {
      this.places = new Map();
      this.ids.forEach((each, place) => this.places.set(each, place));
    }
    return this.places.get(id);
  }

  put(place, name, content) {
    const column = this.columns.get(name);
    if (!column) return;
    if (!column.names) {
      column.values[place] = content ?? NaN;
      return;
    }
    let code = column.names.indexOf(content ?? "");
    if (code < 0) code = column.names.push(content) - 1;
    // A column of few words is sent as small numbers, and one word more may not fit into them.
    if (!(column.values instanceof Uint32Array)) column.values = Uint32Array.from(column.values);
    column.values[place] = code;
  }

  /** What stands in a cell: a word, or a number (NaN: unknown). */
  content(place, name) {
    const { values, names } = this.columns.get(name);
    return names ? names[values[place]] : values[place];
  }

  // Which rows are shown

  /** Compute the rows that are shown anew. */
  show() {
    const passes = new Uint8Array(this.count).fill(1);
    for (const [key, name] of NAMED) {
      const column = this.columns.get(name);
      if (!column || !this.filter[key].length) continue;
      const chosen = new Set(this.filter[key]);
      const allowed = Uint8Array.from(column.names, (word) => chosen.has(key === "verdicts" ? verdict(word) : word));
      for (let place = 0; place < this.count; place++) passes[place] &= allowed[column.values[place]];
    }
    for (const name of ["size", "score"]) {
      const [low, high] = this.filter[name];
      const values = this.columns.get(name)?.values;
      if (!values) continue;
      if (low !== null) for (let place = 0; place < this.count; place++) passes[place] &= values[place] >= low;
      if (high !== null) for (let place = 0; place < this.count; place++) passes[place] &= values[place] <= high;
    }
    for (const id of this.deleted.keys()) {
      const place = this.place(id);
      if (place !== undefined) passes[place] = 0;
    }
    this.sorted ??= this.sortedPlaces();
    this.passes = passes;
    this.order = this.sorted ? this.sorted.filter((place) => passes[place]) : placesOf(passes);
  }

  /** Every place in the order of the chosen column, equal ones as in the table, unknown ones last; null: the table's. */
  sortedPlaces() {
    const column = this.columns.get(this.sort.name);
    if (!column) return null;
    const sign = this.sort.falling ? -1 : 1;
    let ranks = null;
    if (column.names) {
      const byName = column.names.map((_, code) => code);
      byName.sort((a, b) => column.names[a].localeCompare(column.names[b], "en", { numeric: true }));
      ranks = new Float64Array(byName.length);
      byName.forEach((code, rank) => (ranks[code] = column.names[code] === "" ? Infinity : sign * rank));
    }
    const keys = Float64Array.from(column.values, (value) => {
      if (ranks) return ranks[value];
      return Number.isNaN(value) ? Infinity : sign * value;
    });
    return stableOrder(keys);
  }

  sortBy(name) {
    const { sort } = this;
    if (sort.name !== name) this.sort = { name, falling: false };
    else if (!sort.falling) this.sort = { name, falling: true };
    else this.sort = { name: "", falling: false };
    this.sorted = null;
    this.show();
  }

  /** Where the object stands among the shown; undefined when it is hidden. */
  at(id) {
    const place = this.place(id);
    if (place === undefined || !this.passes[place]) return undefined;
    return this.order.indexOf(place);
  }

  shows(id) {
    const place = this.place(id);
    return place !== undefined && this.passes[place] === 1;
  }

  /** How many objects there are, without those that were deleted here. */
  total() {
    let gone = 0;
    for (const id of this.deleted.keys()) gone += this.place(id) !== undefined;
    return this.count - gone;
  }

  /** [word, how many objects] of a column, in the order people count. */
  tally(key) {
    const column = this.columns.get(NAMED.find(([of]) => of === key)[1]);
    if (!column) return [];
    const counts = new Uint32Array(column.names.length);
    for (const code of column.values) counts[code]++;
    for (const id of this.deleted.keys()) {
      const place = this.place(id);
      if (place !== undefined) counts[column.values[place]]--;
    }
    if (key === "verdicts") {
      const of = VERDICTS.map(() => 0);
      column.names.forEach((word, code) => (of[VERDICTS.indexOf(verdict(word))] += counts[code]));
      return VERDICTS.map((word, code) => [word, of[code]]);
    }
    const named = column.names.map((word, code) => [word, counts[code]]).filter(([, count]) => count);
    return named.sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
  }

  // What the person does

  setFilter(changes, typing = false) {
    this.filter = { ...this.filter, ...changes };
    this.show();
    this.filtering = {};
    this.later(typing ? TYPING_MS : 0);
  }

  select(ids) {
    this.selected = new Set(ids);
    this.selection = {};
    this.later(BRIEF_MS);
  }

  later(quiet) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), quiet);
  }

  /** Send what waits, and then `more` ([type, values] each), in one go; the number of the last event. */
  flush(more = []) {
    clearTimeout(this.timer);
    const { outbox } = this;
    const { send } = outbox;
    outbox.send = null; // each event alone would rerun the page
    if (this.filtering && this.filtering.number === undefined) {
      outbox.add("filter", { filter: this.filter });
      this.filtering.number = outbox.number;
    }
    if (this.selection && this.selection.number === undefined) {
      outbox.add("selected", { ids: [...this.selected] });
      this.selection.number = outbox.number;
    }
    for (const [type, values] of more) outbox.add(type, values);
    outbox.send = send;
    const waiting = outbox.mine();
    if (waiting.length) send?.(waiting);
    return outbox.number;
  }

  /** Send an edit; the number under which it will be acknowledged. */
  send(type, values = {}) {
    this.edited = this.flush([[type, values]]);
    return this.edited;
  }

  edit(place, name, content) {
    const id = this.ids[place];
    const number = this.send("cells", { changes: { [id]: { [name]: content } } });
    this.put(place, name, content);
    this.cells.set(id, { value: { ...this.cells.get(id)?.value, [name]: content }, number });
    this.sorted = null;
    this.show();
  }

  delete() {
    const ids = [...this.selected].filter((id) => this.place(id) !== undefined);
    if (!ids.length) return;
    const number = this.send("deleted", { ids });
    for (const id of ids) this.deleted.set(id, { number });
    this.show();
  }
}

function verdict(word) {
  return VERDICTS.includes(word) ? word : VERDICTS[UNDECIDED];
}

/**
 * The places of `keys` in ascending order, equal ones as they come. A typed array sorts itself ten times as fast without
 * a function that compares; where a key stands among the sorted ones then tells its place.
 */
function stableOrder(keys) {
  const sorted = Float64Array.from(keys).sort();
  const taken = new Uint32Array(keys.length); // how many equal ones went before, at the first of them
  const order = new Uint32Array(keys.length);
  for (let place = 0; place < keys.length; place++) {
    let [low, high] = [0, keys.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] < keys[place]) low = middle + 1;
      else high = middle;
    }
    order[low + taken[low]++] = place;
  }
  return order;
}

function placesOf(passes) {
  let count = 0;
  for (const passed of passes) count += passed;
  const places = new Uint32Array(count);
  for (let place = 0, at = 0; place < passes.length; place++) if (passes[place]) places[at++] = place;
  return places;
}
