// The frame of a preview: centred on the crosshair and pushed inside the tomogram, unless it is fixed.

import { clamp } from "./planes.js";

const AXES = { z: 0, y: 1, x: 2 };

/** First voxel and end of the box along each axis, or null without a box. */
export function boxRange({ box, lengths, position }) {
  if (!box || !lengths) return null;
  return Object.fromEntries(["x", "y", "z"].map((axis) => {
    const [first, end] = [box.start[AXES[axis]], box.stop[AXES[axis]]];
    if (box.fixed) return [axis, [first, end]];
    const length = Math.min(end - first, lengths[axis]);
    const start = clamp(position[axis] - (length >> 1), 0, lengths[axis] - length);
    return [axis, [start, start + length]];
  }));
}
