// Which objects lie near a slice: their order along one axis, so that drawing and pointing look at few of many thousand.

const FARTHEST = 1 << 20; // slices; what lies beyond any tomogram is kept in the outermost one
const NOWHERE = FARTHEST + 1;

export class SliceIndex {
  /** `rows` with coordinates {x, y, z} in voxels, sorted along `axis`. Rows without a coordinate are left out. */
  constructor(rows, axis) {
    const count = rows.length;
    const slices = new Int32Array(count);
    let first = FARTHEST;
    let last = -FARTHEST;
    for (let i = 0; i < count; i++) {
      const value = rows[i][axis];
      if (!Number.isFinite(value)) {
        slices[i] = NOWHERE;
        continue;
      }
      const slice = (slices[i] = Math.min(Math.max(Math.floor(value), -FARTHEST), FARTHEST));
      if (slice < first) first = slice;
      if (slice > last) last = slice;
    }
    this.rows = rows;
    this.first = first;
    this.count = Math.max(last - first + 1, 0);
    this.starts = new Uint32Array(this.count + 1);
    for (let i = 0; i < count; i++) if (slices[i] !== NOWHERE) this.starts[slices[i] - first + 1]++;
    for (let i = 0; i < this.count; i++) this.starts[i + 1] += this.starts[i];
    this.order = new Uint32Array(this.starts[this.count]);
    const next = this.starts.slice();
    for (let i = 0; i < count; i++) if (slices[i] !== NOWHERE) this.order[next[slices[i] - first]++] = i;
  }

  /** Numbers of the rows with `low` ≤ coordinate ≤ `high`, and some at most one slice outside, in the rows' order. */
  between(low, high) {
    const from = Math.max(Math.floor(low) - this.first, 0);
    const to = Math.min(Math.floor(high) - this.first, this.count - 1);
    if (to < from) return new Uint32Array(0);
    return this.order.slice(this.starts[from], this.starts[to + 1]).sort();
  }
}
