// The objects of one table in this tomogram: circles where the slice cuts a sphere of the class radius.

import { labelColour } from "./palette.js";
import { ask } from "./slices.js";

const DEFAULT_RADIUS = 8; // voxels, for a class without radius

export class ObjectSet {
  constructor(spec) {
    this.key = spec.key;
    this.visible = spec.visible;
    this.hidden = new Set();
    this.colours = new Map();
    this.rows = [];
    this.version = null;
    this.problem = null;
    this.update(spec);
  }

  update(spec) {
    this.spec = spec;
    this.name = spec.name;
    this.editable = spec.editable;
    this.classes = new Map(spec.classes.map((c) => [c.name, c]));
  }

  /** Fetch the rows unless they are here; what is drawn stays until the new ones are there. */
  async load(tomogram) {
    const { table, version, rows } = this.spec;
    const wanted = `${tomogram}|${version}`;
    if (this.version === wanted || this.loading === wanted) return false;
    this.loading = wanted;
    if (this.tomogram !== tomogram) this.rows = []; // what lies in another tomogram must not be seen in this one
    this.tomogram = tomogram;
    let columns = rows;
    if (table) {
      const query = new URLSearchParams({ table, tomogram, v: version });
      try {
        columns = await (await ask(`/viewer/objects?${query}`)).json();
      } finally {
        if (this.loading === wanted) this.loading = null;
        else return false; // another version was asked for meanwhile
      }
    }
    this.loading = null;
    this.rows = columns.id.map((id, i) => ({ id, class: columns.class[i], x: columns.x[i], y: columns.y[i], z: columns.z[i] }));
    this.version = wanted;
    this.problem = null;
    return true;
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
    const counts = new Map();
    for (const row of this.rows) counts.set(row.class, (counts.get(row.class) ?? 0) + 1);
    return counts;
  }

  toggle(name) {
    if (!this.hidden.delete(name)) this.hidden.add(name);
  }

  isShown(row) {
    return !this.hidden.has(row.class);
  }

  /** Objects that the slice cuts, each with its circle on the screen. */
  *circles(pane, index) {
    const { viewer, plane } = pane;
    const { pitch, voxelSize } = viewer;
    const { unit } = pane.scale();
    const radii = new Map();
    for (const row of this.rows) {
      if (this.hidden.has(row.class)) continue;
      let radius = radii.get(row.class);
      if (radius === undefined) radii.set(row.class, (radius = this.radius(row.class, voxelSize)));
      const distance = (row[pane.axis] - index) * pitch[pane.axis];
      // A particle smaller than a voxel still shows on its own slice.
      const squared = Math.max(radius * radius, 0.3) - distance * distance;
      if (squared <= 0) continue;
      const at = pane.toScreen(row[plane.cols] + 0.5, row[plane.rows] + 0.5);
      yield { row, x: at.x, y: at.y, radius: Math.max(Math.sqrt(squared) * unit, 2.5), distance };
    }
  }

  draw(pane, ctx, index) {
    if (!this.visible) return;
    const { selected } = pane.viewer;
    const { width, height } = pane.size;
    const paths = new Map();
    let chosen = null;
    for (const circle of this.circles(pane, index)) {
      const { x, y, radius, row } = circle;
      if (x + radius < 0 || y + radius < 0 || x - radius > width || y - radius > height) continue;
      if (selected?.set === this.key && selected.id === row.id) chosen = circle;
      if (!paths.has(row.class)) paths.set(row.class, new Path2D());
      const path = paths.get(row.class);
      path.moveTo(x + radius, y);
      path.arc(x, y, radius, 0, 2 * Math.PI);
      if (Math.abs(circle.distance) <= 0.5) {
        path.moveTo(x + 1.5, y);
        path.arc(x, y, 1.5, 0, 2 * Math.PI);
      }
    }
    ctx.lineWidth = 3;
    ctx.strokeStyle = "rgba(0, 0, 0, 0.45)";
    for (const path of paths.values()) ctx.stroke(path);
    ctx.lineWidth = 1.5;
    for (const [name, path] of paths) {
      ctx.strokeStyle = this.colour(name);
      ctx.stroke(path);
    }
    if (chosen) {
      ctx.strokeStyle = "#ffffff";
      ctx.lineWidth = 2.5;
      ctx.beginPath();
      ctx.arc(chosen.x, chosen.y, chosen.radius + 2, 0, 2 * Math.PI);
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
      if (away <= circle.radius + 3 && (!best || away < best.away)) best = { row: circle.row, away };
    }
    return best && { set: this, ...best };
  }
}
