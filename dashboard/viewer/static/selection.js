// Which objects are selected: some of one table. The last one of them is the one that stepping and the page go by.

export class Selection {
  constructor() {
    this.set = null; // key of the object set
    this.ids = new Set();
  }

  get size() {
    return this.ids.size;
  }

  /** The one selected last, or null. */
  get last() {
    let last = null;
    for (const id of this.ids) last = id;
    return last;
  }

  has(set, id) {
    return this.set === set && this.ids.has(id);
  }

  replace(set, ids) {
    this.set = set;
    this.ids = new Set(ids);
  }

  /** Take in more of the same table; of another table, only these. */
  extend(set, ids) {
    if (this.set !== set) return this.replace(set, ids);
    for (const id of ids) {
      this.ids.delete(id); // so that it becomes the last
      this.ids.add(id);
    }
  }

  toggle(set, id) {
    if (this.has(set, id)) this.ids.delete(id);
    else this.extend(set, [id]);
  }

  /** Forget what is no longer there. */
  keep(isThere) {
    this.ids = new Set([...this.ids].filter(isThere));
  }

  clear() {
    this.ids = new Set();
  }
}
