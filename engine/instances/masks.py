"""Which voxels belong to particles, and which of them touch."""

import cc3d
import numpy as np

from engine.errors import UserError


def particle_mask(
    labels: np.ndarray, particle_cluster: int, lower_z: int | None = None, upper_z: int | None = None
) -> np.ndarray:
    """Voxels of one cluster between two slices.

    Parameters
    ----------
    labels
        Label map `[z, y, x]`.
    particle_cluster
        The label that holds the particles.
    lower_z, upper_z
        First and last slice, 0-based, *both included* (PickET S2; the limits of S1 exclude the upper one).
        None = the first, the last.

    Returns
    -------
    ndarray
        bool `[z, y, x]`.

    Raises
    ------
    UserError
        Limits outside the map or crossed, or no such voxel.
    """
    if labels.ndim != 3 or 0 in labels.shape:
        shape = " × ".join(str(n) for n in labels.shape) or "a single number"
        raise UserError(f"A label map needs three dimensions (z, y, x), this array has the shape {shape}.")
    lower, upper = slices_to_pick(labels.shape[0], lower_z, upper_z)
    mask = np.zeros(labels.shape, bool)
    np.equal(labels[lower : upper + 1], particle_cluster, out=mask[lower : upper + 1])
    if not mask.any():
        there = _census(labels[lower : upper + 1])
        raise UserError(
            f"No voxel in the slices {lower} … {upper} has the label {particle_cluster}. "
            + (f"There are: {there}." if there else "Only the border, which has no label, lies there: choose others.")
        )
    return mask


def slices_to_pick(depth: int, lower_z: int | None, upper_z: int | None) -> tuple[int, int]:
    """First and last slice to pick in, both included, of a label map of `depth` slices.

    Raises
    ------
    UserError
        Limits outside the map or crossed.
    """
    lower = 0 if lower_z is None else lower_z
    upper = depth - 1 if upper_z is None else upper_z
    what = f"The slices to pick in are {lower} … {upper}, the label map has the slices 0 … {depth - 1}"
    if lower < 0 or upper > depth - 1:
        raise UserError(f"{what}: choose them inside.")
    if lower > upper:
        raise UserError(f"{what}: the first must not come after the last.")
    return lower, upper


def connected_components(mask: np.ndarray) -> np.ndarray:
    """Number the groups of voxels that touch by their faces.

    Parameters
    ----------
    mask
        bool `[z, y, x]`.

    Returns
    -------
    ndarray
        int32 `[z, y, x]`: 0 outside, 1, 2 … in raster order of each group's first voxel (as
        `scipy.ndimage.label`).
    """
    return cc3d.connected_components(np.ascontiguousarray(mask), connectivity=6, out_dtype=np.uint32).view(np.int32)


def _census(labels: np.ndarray, most: int = 8) -> str:
    values, counts = np.unique(labels, return_counts=True)
    present = zip(values.tolist(), counts.tolist(), strict=True)
    # Negative labels (the border, −1) cannot be picked from.
    pairs = sorted((pair for pair in present if pair[0] >= 0), key=lambda pair: -pair[1])
    parts = [f"label {value:g} ({count:,} voxels)" for value, count in pairs[:most]]
    if len(pairs) > most:
        parts.append(f"{len(pairs) - most} more")
    return ", ".join(parts)
