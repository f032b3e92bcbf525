// The objects of one table in this tomogram: circles where the slice cuts a sphere of the class radius.

import { labelColour } from "./palette.js";
import { drawRings } from "./rings.js";
import { SliceIndex } from "./slice_index.js";
import { ask } from "./slices.js";

const DEFAULT_RADIUS = 8; // voxels, for a class without radius
const MOST_RINGED = 300; // with more selected objects in sight, they are filled but have no white ring
const MOST_LOOSE = 200; // so many changed rows are looked at one by one before the index is made anew

export class ObjectSet {
  #rows = [];
  #indices = {};
  #counts = null;
  #byId = null;
  #loose = new Set(); // rows that were added or moved since the index was made
  #fetched = null; // rows of the table here, before the page's filter
  #filtered = ""; // the filter that `rows` were made with

  constructor(spec) {
    this.key = spec.key;
    this.chosen = false; // whether the person decided if it is seen; until then each page does
    this.hidden = new Set();
    this.colours = new Map();
    this.version = null;
    this.problem = null;
    this.selectedByPage = "";
    this.update(spec);
  }

  /** What the page says. `keepClass`: the person chose another class to add, and the page does not know it yet. */
  update(spec, keepClass = false) {
    if (!this.chosen) this.visible = spec.visible;
    if (!keepClass && spec.new_class !== this.spec?.new_class) this.activeClass = spec.new_class;
    this.spec = spec;
    this.filter = spec.shown ? JSON.stringify(spec.shown) : "";
    this.name = spec.name;
    this.editable = spec.editable;
    this.classes = new Map(spec.classes.map((c) => [c.name, c]));
  }

  get rows() {
    return this.#rows;
  }

  set rows(rows) {
    this.#rows = rows;
    this.#counts = this.#byId = null;
    this.#indices = {};
    this.#loose.clear();
  }

  /** One row more. */
  append(row) {
    this.#rows.push(row);
    this.#byId = null;
    if (this.#counts) this.#counts.set(row.class, (this.#counts.get(row.class) ?? 0) + 1);
    this.moved(row);
  }

  /** The coordinates of a row were changed. */
  moved(row) {
    this.#loose.add(row);
    if (this.#loose.size <= MOST_LOOSE) return;
    this.#indices = {};
    this.#loose.clear();
  }

  row(id) {
    this.#byId ??= new Map(this.#rows.map((row) => [row.id, row]));
    return this.#byId.get(id);
  }

  /** Fetch the rows unless they are here; what is drawn stays until the new ones are there. `replay` adds what the page
      has not heard of yet. */
  async load(tomogram, replay = (rows) => rows) {
    const { table, version, rows } = this.spec;
    const wanted = `${tomogram}|${version}`;
    if (this.loading === wanted) return false;
    if (this.version === wanted) {
      this.loading = null; // undone and done again: what was asked for in between must not arrive now
      if (this.#filtered === this.filter) return false;
      this.rows = replay(this.#passing());
      return true;
    }
    this.loading = wanted;
    if (this.tomogram !== tomogram) this.rows = []; // what lies in another tomogram must not be seen in this one
    this.tomogram = tomogram;
    let columns = rows;
    if (table && !rows) {
      const query = new URLSearchParams({ table, tomogram, v: version });
      try {
        columns = await (await ask(`/viewer/objects?${query}`)).json();
      } finally {
        if (this.loading === wanted) this.loading = null;
        else return false; // another version was asked for meanwhile
      }
    }
    this.loading = null;
    this.#fetched = columns.id.map((id, i) => ({ id, class: columns.class[i], x: columns.x[i], y: columns.y[i], z: columns.z[i] }));
    this.rows = replay(this.#passing());
    // The table may have changed between the page's word and this answer: then these are rows of another version.
    const got = columns.version ?? version;
    this.version = String(version).startsWith(got) ? wanted : `${tomogram}|${got}`;
    this.problem = null;
    return true;
  }

  /** The fetched rows that the page's filter lets through: ids within one of its runs, which ascend. */
  #passing() {
    this.#filtered = this.filter;
    const runs = this.spec.shown;
    if (!runs) return [...this.#fetched];
    const inRun = (id) => {
      let [low, high] = [0, runs.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (runs[middle][1] < id) low = middle + 1;
        else high = middle;
      }
      return low < runs.length && runs[low][0] <= id;
    };
    return this.#fetched.filter((row) => inRun(row.id));
  }

  colour(name) {
    const given = this.classes.get(name);
    return this.colours.get(name) ?? given?.colour ?? labelColour(given?.label ?? 1 + [...this.counts().keys()].indexOf(name));
  }

  /** Radius in units of the smallest voxel pitch. */
  radius(name, voxelSize) {
    const given = this.classes.get(name)?.radius;
    return given && voxelSize ? given / Math.min(...voxelSize) : DEFAULT_RADIUS;
  }

  counts() {
    if (this.#counts) return this.#counts;
    this.#counts = new Map();
    for (const row of this.#rows) this.#counts.set(row.class, (this.#counts.get(row.class) ?? 0) + 1);
    return this.#counts;
  }

  toggle(name) {
    if (!this.hidden.delete(name)) this.hidden.add(name);
  }

  isShown(row) {
    return !this.hidden.has(row.class);
  }

  /** Objects that the slice cuts, each with its circle on the screen. */
  *circles(pane, index) {
    const { viewer, plane, axis } = pane;
    const { pitch, voxelSize } = viewer;
    const radii = new Map();
    for (const name of this.counts().keys()) if (!this.hidden.has(name)) radii.set(name, this.radius(name, voxelSize));
    const reach = Math.max(...radii.values(), 1) / pitch[axis];
    const { cols, rows } = plane;
    const scale = pane.scale();
    const corner = pane.toScreen(0.5, 0.5); // of a coordinate 0: voxel i covers i to i + 1 here
    for (const row of this.near(axis, index - reach, index + reach)) {
      const radius = radii.get(row.class);
      if (radius === undefined) continue;
      const distance = (row[axis] - index) * pitch[axis];
      // A particle smaller than a voxel still shows on its own slice.
      const squared = Math.max(radius * radius, 0.3) - distance * distance;
      if (squared <= 0) continue;
      const x = corner.x + row[cols] * scale.x;
      const y = corner.y + row[rows] * scale.y;
      yield { row, x, y, radius: Math.max(Math.sqrt(squared) * scale.unit, 2.5), distance };
    }
  }

  /** Rows with a coordinate between two values, those that were changed last at the end. */
  *near(axis, low, high) {
    this.#indices[axis] ??= new SliceIndex(this.#rows, axis);
    const { rows } = this.#indices[axis];
    for (const number of this.#indices[axis].between(low, high)) if (!this.#loose.has(rows[number])) yield rows[number];
    for (const row of this.#loose) if (row[axis] >= low && row[axis] <= high) yield row;
  }

  draw(pane, ctx, index) {
    if (!this.visible) return;
    const { selection } = pane.viewer;
    const { width, height } = pane.size;
    const colours = new Map();
    const rings = [];
    const selected = [];
    for (const circle of this.circles(pane, index)) {
      const { x, y, radius, row } = circle;
      if (x + radius < 0 || y + radius < 0 || x - radius > width || y - radius > height) continue;
      if (!colours.has(row.class)) colours.set(row.class, this.colour(row.class));
      if (selection.has(this.key, row.id)) selected.push(circle);
      rings.push({ x, y, radius, colour: colours.get(row.class), dot: Math.abs(circle.distance) <= 0.5 });
    }
    drawRings(ctx, rings, pane.canvas.width / width);
    this.drawSelected(ctx, selected);
  }

  /** Selected objects: filled with their colour, in a white ring. */
  drawSelected(ctx, circles) {
    for (const { x, y, radius, row } of circles) {
      ctx.beginPath();
      ctx.arc(x, y, radius + 2, 0, 2 * Math.PI);
      ctx.globalAlpha = circles.length > MOST_RINGED ? 0.55 : 0.28;
      ctx.fillStyle = this.colour(row.class);
      ctx.fill();
      ctx.globalAlpha = 1;
      if (circles.length > MOST_RINGED) continue;
      ctx.lineWidth = 4.5;
      ctx.strokeStyle = "rgba(0, 0, 0, 0.5)";
      ctx.stroke();
      ctx.lineWidth = 2.25;
      ctx.strokeStyle = "#ffffff";
      ctx.stroke();
    }
  }

  /** The object whose circle holds the point, the nearest centre first; null when there is none. Not one just added. */
  at(pane, { x, y }) {
    if (!this.visible || !pane.shown) return null;
    let best = null;
    for (const circle of this.circles(pane, pane.shown.index)) {
      if (circle.row.id === null) continue;
      const away = Math.hypot(circle.x - x, circle.y - y);
      if (away <= circle.radius + 3 && (!best || away < best.away)) best = { row: circle.row, away, radius: circle.radius };
    }
    return best && { set: this, ...best };
  }
}
