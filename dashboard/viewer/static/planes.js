// The three planes: which axis runs along the columns, the rows and through the plane. Axes are voxels of [z, y, x].

export const PLANES = {
  z: { name: "XY", cols: "x", rows: "y", normal: "z" },
  x: { name: "YZ", cols: "y", rows: "z", normal: "x" },
  y: { name: "XZ", cols: "x", rows: "z", normal: "y" },
};

export const ORDER = ["z", "x", "y"]; // keys 1, 2, 3

/** Length of each axis from a shape [z, y, x]. */
export function lengths([z, y, x]) {
  return { x, y, z };
}

/** Voxel pitch of each axis in units of the smallest one, so that anisotropic volumes keep their proportions. */
export function pitches(voxelSize) {
  if (!voxelSize) return { x: 1, y: 1, z: 1 };
  const [z, y, x] = voxelSize;
  const least = Math.min(x, y, z);
  return { x: x / least, y: y / least, z: z / least };
}

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
