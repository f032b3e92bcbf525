"""Making a volume smaller by block means, and where a coordinate goes then."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from engine.errors import UserError
from engine.volumes.means import mean32
from engine.volumes.slabs import SLAB_BYTES


def bin_volume(array: Any, factor: int) -> np.ndarray:
    """Mean over blocks of factor³ voxels, read slab by slab.

    Parameters
    ----------
    array
        [z, y, x]; an incomplete block at the far end of an axis is left out, so voxel 0 keeps its corner.
    factor
        Whole number of 1 or more. The voxel size grows by it.

    Returns
    -------
    ndarray
        [z // factor, y // factor, x // factor], float32.

    Raises
    ------
    UserError
        A factor below 1 or larger than the shortest axis.
    """
    shape = tuple(int(n) for n in array.shape)
    if factor < 1 or factor > min(shape):
        raise UserError(f"Binning by {factor} is not possible for a volume of {shape} voxels (z, y, x).")
    depth, height, width = (n // factor for n in shape)
    binned = np.empty((depth, height, width), dtype=np.float32)
    thickness = max(1, SLAB_BYTES // (factor * shape[1] * shape[2] * 4))
    for start in range(0, depth, thickness):
        stop = min(start + thickness, depth)
        piece = np.asarray(array[start * factor : stop * factor, : height * factor, : width * factor])
        blocks = piece.reshape(stop - start, factor, height, factor, width, factor)
        binned[start:stop] = mean32(blocks, (1, 3, 5))
    return binned


def binned_coordinate(coordinate: ArrayLike, factor: float) -> np.ndarray:
    """Where the point at `coordinate` (voxels, centre of voxel i at i) lies once binned: (i+0.5)/b − 0.5."""
    return (np.asarray(coordinate, dtype=np.float64) + 0.5) / factor - 0.5


def unbinned_coordinate(coordinate: ArrayLike, factor: float) -> np.ndarray:
    """The way back from `binned_coordinate`: (i+0.5)·b − 0.5."""
    return (np.asarray(coordinate, dtype=np.float64) + 0.5) * factor - 0.5
