// What is known of the objects, what is selected, and what the person did that the page has not heard of yet.
// No elements here.

import { Outbox } from "./events.js";

export const VERDICTS = ["", "accepted", "rejected"];
const QUIET_MS = 350; // a batch goes out when nothing was done for so long …
const BRIEF_MS = 120; // (a selection: viewer and table follow it)
const LONGEST_MS = 2000; // … or, while a key is held, so long after the first thing in it

/** The columns of gallery_rows.py by name, with the place of each id. */
export function asRows({ count, columns }) {
  const rows = { count, place: new Map() };
  for (const { name, values, names } of columns) {
    rows[name] = values;
    if (names) rows[`${name}Names`] = names;
  }
  rows.class = Array.from(rows.class, (place) => rows.classNames[place]);
  rows.id.forEach((id, place) => rows.place.set(id, place));
  return rows;
}

const NO_ROWS = { count: 0, place: new Map(), id: new Float64Array(), verdict: new Uint8Array(), class: [] };

export class State {
  constructor() {
    this.rows = NO_ROWS;
    this.selected = new Set(); // ids
    this.anchor = 0; // places
    this.focus = 0;
    // What was done here and is not part of `rows` yet: id → {value, number}; no number while it was not sent.
    this.verdicts = new Map();
    this.classes = new Map();
    this.selection = null; // {number} or {} while the page has not answered to the last one
    this.outbox = new Outbox();
    this.since = 0;
    this.timer = 0;
  }

  /** Rows and selection as the page has them now; `done` is the number of the last event that it has acted on. */
  take(rows, runs, done) {
    const focused = this.rows.id[this.focus];
    const anchored = this.rows.id[this.anchor];
    this.rows = rows;
    this.focus = rows.place.get(focused) ?? Math.max(0, Math.min(this.focus, rows.count - 1));
    this.anchor = rows.place.get(anchored) ?? this.focus;
    const apply = (own, set) => {
      for (const [id, { value, number }] of own) {
        const place = rows.place.get(id);
        if (number <= done || place === undefined) own.delete(id);
        else set(place, value);
      }
    };
    apply(this.verdicts, (place, value) => (rows.verdict[place] = VERDICTS.indexOf(value)));
    apply(this.classes, (place, value) => (rows.class[place] = value));
    if (this.selection && !(this.selection.number <= done)) return false;
    this.selection = null;
    const before = this.selected;
    this.selected = new Set();
    for (const [first, last] of runs) for (let place = first; place <= last; place++) this.selected.add(rows.id[place]);
    return this.selected.size !== before.size || [...this.selected].some((id) => !before.has(id));
  }

  select(ids) {
    const next = new Set(ids);
    if (next.size === this.selected.size && [...next].every((id) => this.selected.has(id))) return;
    this.selected = next;
    this.selection = {};
    this.later(BRIEF_MS);
  }

  /** Ids that a key acts on: the selected ones, else the one that has the focus. */
  chosen() {
    if (this.selected.size) return [...this.selected].filter((id) => this.rows.place.has(id));
    return this.rows.count ? [this.rows.id[this.focus]] : [];
  }

  judge(verdict) {
    const code = VERDICTS.indexOf(verdict);
    this.change(this.verdicts, verdict, (place) => {
      const differs = this.rows.verdict[place] !== code;
      this.rows.verdict[place] = code;
      return differs;
    });
  }

  relabel(name) {
    this.change(this.classes, name, (place) => {
      const differs = this.rows.class[place] !== name;
      this.rows.class[place] = name;
      return differs;
    });
  }

  change(own, value, set) {
    for (const id of this.chosen()) if (set(this.rows.place.get(id))) own.set(id, { value });
    this.later();
  }

  delete() {
    const ids = this.chosen();
    if (ids.length) this.flush([["delete", { ids }]]);
  }

  count(code) {
    let found = 0;
    for (const verdict of this.rows.verdict) found += verdict === code;
    return found;
  }

  later(quiet = QUIET_MS) {
    const now = performance.now();
    clearTimeout(this.timer);
    this.since ||= now;
    this.timer = setTimeout(() => this.flush(), Math.max(0, Math.min(quiet, this.since + LONGEST_MS - now)));
  }

  /** Send everything that waits, and then `more` ([type, values] each), in one go. */
  flush(more = []) {
    clearTimeout(this.timer);
    this.since = 0;
    const { outbox } = this;
    const { send } = outbox;
    outbox.send = null; // each event alone would rerun the page
    const group = (own, type, name) => {
      const lists = new Map();
      for (const [id, { value, number }] of own) {
        if (number !== undefined) continue;
        if (!lists.has(value)) lists.set(value, []);
        lists.get(value).push(id);
      }
      for (const [value, list] of lists) {
        outbox.add(type, { ids: list, [name]: value });
        for (const id of list) own.get(id).number = outbox.number;
      }
    };
    group(this.verdicts, "verdict", "verdict");
    group(this.classes, "class", "name");
    if (this.selection && this.selection.number === undefined) {
      outbox.add("selected", { ids: [...this.selected] });
      this.selection.number = outbox.number;
    }
    for (const [type, values] of more) outbox.add(type, values);
    outbox.send = send;
    const waiting = outbox.mine();
    if (waiting.length) send?.(waiting);
  }
}
