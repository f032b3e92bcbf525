"""Two label maps of the same volume compared voxel by voxel: what is equal, and which label was taken for which.

Dice and IoU are those of Dice (Ecology 26 (1945) 297–302) and Jaccard (New Phytologist 11 (1912) 37–50), per label.
The clusters of an unsupervised segmentation have no order, so the comparison can be read with 0 and 1 exchanged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.volumes import slabs

COUNTED_DIRECTLY = 2**16
"""Pairs of labels for which a table of counts is cheaper than sorting."""
LARGEST_LABEL = 2**30


@dataclass(frozen=True)
class LabelAgreement:
    """How well one label agrees.

    Attributes
    ----------
    label
        Its number.
    first, second, both
        Voxels that have it in the first map, in the second, in both.
    """

    label: int
    first: int
    second: int
    both: int

    @property
    def dice(self) -> float:
        """2 · both / (first + second)."""
        return 2 * self.both / (self.first + self.second)

    @property
    def iou(self) -> float:
        """Both / (first + second − both)."""
        return self.both / (self.first + self.second - self.both)


@dataclass(frozen=True, eq=False)
class SegmentationComparison:
    """The joint counts of two label maps.

    Attributes
    ----------
    pairs
        [n, 2] int64: label in the first map, label in the second; only those that occur, in ascending order.
    counts
        [n] int64: voxels of each pair.
    """

    pairs: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def total(self) -> int:
        """Voxels."""
        return int(self.counts.sum())

    @property
    def equal(self) -> int:
        """Voxels with the same label in both maps."""
        return int(self.counts[self.pairs[:, 0] == self.pairs[:, 1]].sum())

    @property
    def fraction(self) -> float:
        """Equal / total."""
        return self.equal / self.total

    def labels(self) -> list[LabelAgreement]:
        """Agreement of each label that occurs in either map, in ascending order."""
        found = []
        for label in np.unique(self.pairs):
            of_first, of_second = self.pairs[:, 0] == label, self.pairs[:, 1] == label
            voxels = (int(self.counts[rows].sum()) for rows in (of_first, of_second, of_first & of_second))
            found.append(LabelAgreement(int(label), *voxels))
        return found

    def exchanged(self) -> "SegmentationComparison":
        """The same with 0 and 1 of the second map exchanged."""
        second = self.pairs[:, 1]
        swapped = np.where((second == 0) | (second == 1), 1 - second, second)
        pairs = np.stack([self.pairs[:, 0], swapped], axis=1)
        order = np.lexsort((pairs[:, 1], pairs[:, 0]))
        return SegmentationComparison(pairs[order], self.counts[order])


def compare_segmentations(
    first: Any, second: Any, progress: Callable[[float, str], None] | None = None
) -> SegmentationComparison:
    """Count which label of one map meets which of the other; slab by slab, whatever the size.

    Parameters
    ----------
    first, second
        [z, y, x] of whole numbers (of any type), anything that slices like an array.
    progress
        Called with (fraction, text).

    Raises
    ------
    UserError
        Different shapes, or values that are no whole numbers.
    """
    if tuple(first.shape) != tuple(second.shape):
        shapes = " and ".join("×".join(str(int(n)) for n in volume.shape) for volume in (first, second))
        raise UserError(
            f"The two segmentations differ in shape ({shapes} voxels): compare segmentations of the same tomogram."
        )
    found: dict[tuple[int, int], int] = {}
    for slab in slabs(first.shape, 32):
        one, other = (_whole_numbers(np.asarray(volume[slab]), slab.start) for volume in (first, second))
        for pair, count in _count(one, other):
            found[pair] = found.get(pair, 0) + count
        if progress is not None:
            progress(slab.stop / first.shape[0], "comparing")
    pairs = sorted(found)
    return SegmentationComparison(
        np.array(pairs, dtype=np.int64).reshape(-1, 2), np.array([found[pair] for pair in pairs], dtype=np.int64)
    )


def _whole_numbers(values: np.ndarray, first_slice: int) -> NDArray[np.int64]:
    if values.dtype.kind == "f":
        wrong = ~np.isfinite(values) | (values != np.rint(values))
        if wrong.any():
            value = values[wrong][0]
            raise UserError(
                f"A voxel near slice {first_slice} has the value {value:g}, which is no label: "
                "compare label maps, whose voxels are whole numbers."
            )
    if values.size and max(abs(float(values.min())), abs(float(values.max()))) > LARGEST_LABEL:
        raise UserError(f"The label {float(values.max()):g} is too large: labels go up to {LARGEST_LABEL}.")
    return values.astype(np.int64).ravel()


def _count(one: NDArray[np.int64], other: NDArray[np.int64]) -> list[tuple[tuple[int, int], int]]:
    """How often each pair of labels occurs."""
    low, low_other = int(one.min()), int(other.min())
    width, width_other = int(one.max()) - low + 1, int(other.max()) - low_other + 1
    codes = (one - low) * width_other + (other - low_other)
    if width * width_other <= COUNTED_DIRECTLY:
        counts = np.bincount(codes, minlength=width * width_other)
        used = np.flatnonzero(counts)
        counts = counts[used]
    else:
        used, counts = np.unique(codes, return_counts=True)
    return [
        ((int(code) // width_other + low, int(code) % width_other + low_other), int(count))
        for code, count in zip(used, counts, strict=True)
    ]
