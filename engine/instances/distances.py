"""How deep each voxel of a mask lies: its squared distance to the background, in whole numbers.

A separable exact Euclidean distance transform: the square of the distance along x, then its lower envelope with
parabolas along y and z (the minimum over shifts k of value + k², which needs only shifts shorter than the greatest
distance found so far). Squares are kept because they are integers: equal distances are equal numbers.
"""

import numpy as np
from scipy import ndimage

_FAR = 128
"""Distances from here on, in voxels, are left to SciPy: their squares and a shift's would not fit 16 bits."""


def squared_distance(mask: np.ndarray) -> np.ndarray:
    """Squared Euclidean distance of each voxel of a mask to the nearest voxel outside it.

    The faces of the volume do not count as outside. Equal to the square of SciPy's `distance_transform_edt`, which
    takes over where a voxel lies 128 voxels deep or deeper (and in a mask without an outside).

    Parameters
    ----------
    mask
        bool `[z, y, x]`.

    Returns
    -------
    ndarray
        uint16 `[z, y, x]` (int32 where SciPy took over), voxels², 0 outside the mask.
    """
    found = np.empty(mask.shape, np.uint16)
    for z, plane in enumerate(mask):
        rows = _along_x(plane)
        found[z] = rows
        _lower_envelope(rows, found[z])
    for y in range(0, mask.shape[1], 8):  # few rows at a time stay in the processor's cache
        block = found[:, y : y + 8]
        _lower_envelope(block.copy(), block)
    if found.max(initial=0) < _FAR**2:
        return found
    distance = ndimage.distance_transform_edt(mask)
    return np.rint(np.square(distance, out=distance), out=distance).astype(np.int32)


def _along_x(plane: np.ndarray) -> np.ndarray:
    """Squared distance to the background of the same row; where there is none, the square of `_FAR`."""
    x = np.arange(plane.shape[1], dtype=np.int32)
    before = x - np.maximum.accumulate(np.where(plane, -_FAR, x), axis=1)
    after = np.minimum.accumulate(np.where(plane, x[-1] + _FAR, x)[:, ::-1], axis=1)[:, ::-1] - x
    return np.square(np.minimum(np.minimum(before, after), _FAR)).astype(np.uint16)


def _lower_envelope(values: np.ndarray, lowest: np.ndarray) -> None:
    """Lower `lowest`, at first equal to `values`, to the least of values + shift² along the first axis."""
    shift, farthest = 1, len(values) - 1
    while shift <= farthest and shift * shift < lowest.max():
        shifted = values + np.uint16(shift * shift)
        np.minimum(lowest[shift:], shifted[:-shift], out=lowest[shift:])
        np.minimum(lowest[:-shift], shifted[shift:], out=lowest[:-shift])
        shift += 1
