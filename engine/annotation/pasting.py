"""Writing objects into a label map one after the other, and counting what happens: cut, outside, overwritten.

Which voxels belong to an object is said by a stamp (`spheres`, `shape_masks`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

MOST_LABEL = 127
"""The largest label of an int8 label map."""

Corner = tuple[int, int, int]


class Stamp(Protocol):
    """Says which voxels about an object belong to it.

    Attributes
    ----------
    offsets
        [k, 3] whole voxels z, y, x from the voxel of an object: all that can belong to it.
    always
        So many of them, the first ones, belong to every object.
    """

    offsets: np.ndarray
    always: int

    def chosen(self, fractions: np.ndarray, matrices: np.ndarray | None) -> np.ndarray:
        """Which of the other offsets belong to each of n objects: bool [n, k - always].

        Parameters
        ----------
        fractions
            [n, 3] centre less its voxel, z, y, x.
        matrices
            [n, 3, 3] from z, y, x in the tomogram to z, y, x in the particle; None: the objects are not turned.
        """


def _per_label() -> np.ndarray:
    return np.zeros(MOST_LABEL + 1, np.int64)


@dataclass
class Counts:
    """What happened to the objects of each label.

    Attributes
    ----------
    objects, clipped, outside
        [128] by label: objects written, of these cut by a face of the tomogram, and those without a voxel inside it
        (also because they are smaller than a voxel).
    written
        [128] voxels written, also those that were written over later.
    overwritten
        [128, 128] voxels of the first label that an object of the second label was written over.
    """

    objects: np.ndarray = field(default_factory=_per_label)
    clipped: np.ndarray = field(default_factory=_per_label)
    outside: np.ndarray = field(default_factory=_per_label)
    written: np.ndarray = field(default_factory=_per_label)
    overwritten: np.ndarray = field(default_factory=lambda: np.zeros((MOST_LABEL + 1,) * 2, np.int64))

    @property
    def voxels(self) -> np.ndarray:
        """[128] voxels that have the label now."""
        return np.asarray(self.written - self.overwritten.sum(axis=1))


@dataclass(frozen=True)
class Brush:
    """A stamp for one canvas.

    Attributes
    ----------
    label
        What is written.
    stamp
        Which voxels.
    steps
        [k] the offsets of the stamp as steps in the flat label map.
    columns
        [3, k] the offsets along z, y, x.
    low, high
        [3] the smallest and the largest offset along each axis.
    """

    label: int
    stamp: Stamp
    steps: np.ndarray
    columns: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Canvas:
    """A label map, or a box of one, that objects are written into.

    Parameters
    ----------
    shape
        (z, y, x) of the whole tomogram: its faces cut objects.
    start, stop
        The box that is wanted, `stop` excluded; None = all.

    Attributes
    ----------
    labels
        int8 [z, y, x] of the box.
    counts
        What happened so far.
    """

    def __init__(self, shape: Sequence[int], start: Corner | None = None, stop: Corner | None = None) -> None:
        self._shape = np.array(shape)
        self._start = np.zeros(3, int) if start is None else np.array(start)
        self._size = (self._shape if stop is None else np.array(stop)) - self._start
        self._everything = bool((self._size == self._shape).all())
        self._strides = np.array([self._size[1] * self._size[2], self._size[2], 1])
        self._flat = np.zeros(int(self._size.prod()), dtype=np.int8)
        self.labels = self._flat.reshape(self._size)
        self.counts = Counts()

    def brush(self, label: int, stamp: Stamp) -> Brush:
        """What writes the objects of one label."""
        offsets = stamp.offsets if len(stamp.offsets) else np.zeros((1, 3), int)
        columns = np.ascontiguousarray(stamp.offsets.T)
        return Brush(label, stamp, stamp.offsets @ self._strides, columns, offsets.min(axis=0), offsets.max(axis=0))

    def touched(self, voxels: np.ndarray, brush: Brush) -> np.ndarray:
        """Which objects at `voxels` [n, 3] may have a voxel in the box: bool [n]; all, where the box is everything."""
        if self._everything:
            return np.ones(len(voxels), dtype=bool)
        begins, ends = voxels + brush.low - self._start, voxels + brush.high - self._start
        return np.asarray(((ends >= 0) & (begins < self._size)).all(axis=1))

    def places(
        self, brush: Brush, voxels: np.ndarray, fractions: np.ndarray, matrices: np.ndarray | None
    ) -> list[np.ndarray]:
        """Where in the flat label map the voxels of each object of a label are; those that are cut are counted.

        Parameters
        ----------
        brush
            Of the label.
        voxels
            [n, 3] the voxel of each object in the tomogram, z, y, x.
        fractions, matrices
            As for `Stamp.chosen`.
        """
        chosen = brush.stamp.chosen(fractions, matrices)
        at = voxels - self._start
        inside = ((at + brush.low >= 0) & (at + brush.high < self._size)).all(axis=1).tolist()
        bases = (at @ self._strides).tolist()
        inner, shell = np.split(brush.steps, [brush.stamp.always])
        found = []
        for row, base in enumerate(bases):
            if inside[row]:
                places = np.concatenate([inner, shell[chosen[row]]])
                places += base
                self.counts.outside[brush.label] += not len(places)
            else:
                places = self._cut(brush, voxels[row], base, chosen[row])
            found.append(places)
        return found

    def paste(self, label: int, places: np.ndarray) -> None:
        """Write one object over what is there; `places` as from `places`."""
        counts = self.counts
        counts.objects[label] += 1
        counts.written[label] += len(places)
        under = self._flat.take(places, mode="wrap")  # all lie in it; this mode does not look whether they do
        if np.count_nonzero(under):
            counts.overwritten[:, label] += np.bincount(under[under > 0], minlength=MOST_LABEL + 1)
        self._flat[places] = label

    def _cut(self, brush: Brush, voxel: np.ndarray, base: int, chosen: np.ndarray) -> np.ndarray:
        """`places` of one object that reaches over a face of the box."""
        always = brush.stamp.always
        these = np.concatenate([np.arange(always), always + np.flatnonzero(chosen)])
        in_tomogram = _within(brush, these, voxel, self._shape)
        count = int(np.count_nonzero(in_tomogram))
        self.counts.clipped[brush.label] += 0 < count < len(these)
        self.counts.outside[brush.label] += not count
        in_box = in_tomogram if self._everything else _within(brush, these, voxel - self._start, self._size)
        return np.asarray(brush.steps[these[in_box]] + base)


def _within(brush: Brush, these: np.ndarray, voxel: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Which of the offsets `these` from a voxel lie in a box that begins at 0: bool [m]."""
    found = np.ones(len(these), dtype=bool)
    for axis in range(3):
        at, length = int(voxel[axis]), int(size[axis])
        if at + brush.low[axis] < 0 or at + brush.high[axis] >= length:
            along = brush.columns[axis][these]
            found &= (along >= -at) & (along < length - at)
    return found
