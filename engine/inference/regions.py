"""Boxes of voxels as slices, and reading them with what lies beyond the faces of a volume mirrored."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Region = tuple[slice, ...]
"""Slices with start and stop along z, y, x."""

Shape = tuple[int, int, int]


def shape_of(region: Region) -> Shape:
    """Voxels in z, y, x."""
    z, y, x = (s.stop - s.start for s in region)
    return z, y, x


def moved(region: Region, by: Sequence[int]) -> Region:
    """`region` moved by so many voxels along z, y, x."""
    return tuple(slice(s.start + b, s.stop + b) for s, b in zip(region, by, strict=True))


def common(one: Region, other: Region) -> Region | None:
    """What two regions share; None where they share nothing."""
    shared = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
    return shared if all(s.start < s.stop for s in shared) else None


def within(region: Region, wide: Region) -> Region:
    """`region` counted from the start of `wide`."""
    return moved(region, [-s.start for s in wide])


def whole(shape: Sequence[int]) -> Region:
    """The region of a whole volume."""
    return tuple(slice(0, int(n)) for n in shape)


def mirrored(start: int, stop: int, length: int) -> np.ndarray:
    """The voxels that stand at `start` … `stop` − 1 when an axis of `length` goes on as its mirror image.

    The outermost voxel is not repeated: …, 2, 1, 0, 1, 2, … An axis of one voxel repeats it.
    """
    if length == 1:
        return np.zeros(stop - start, np.intp)
    places = np.arange(start, stop) % (2 * length - 2)
    return np.where(places < length, places, 2 * length - 2 - places)


def read_mirrored(array: Any, region: Region, change: Callable[[np.ndarray, Region], None] | None = None) -> np.ndarray:
    """A region of a volume, also beyond its faces, where it goes on as its mirror image.

    Parameters
    ----------
    array
        [z, y, x], sliced once.
    region
        May start below 0 and end beyond the volume.
    change
        Applied in place to what was read, before mirroring; called with the values and their region.

    Returns
    -------
    ndarray
        float32, contiguous; a copy.
    """
    places = [mirrored(s.start, s.stop, int(n)) for s, n in zip(region, array.shape, strict=True)]
    inner = tuple(slice(int(p.min()), int(p.max()) + 1) for p in places)
    values = np.array(array[inner], dtype=np.float32, order="C")
    if change is not None:
        change(values, inner)
    for axis, (place, read) in enumerate(zip(places, inner, strict=True)):
        if len(place) != values.shape[axis] or place[0] != read.start or (np.diff(place) != 1).any():
            values = np.take(values, place - read.start, axis=axis)
    return np.ascontiguousarray(values)
