"""Densities to mean 0 and deviation 1, as the network was trained: of the whole tomogram, or of each patch.

The statistics of the volume are gathered once, slab by slab; what is read of it later is changed in place.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from engine.errors import UserError
from engine.inference.interpolation import linear_weights, weighted
from engine.inference.regions import Region
from engine.volumes import slabs

FLATTEST = 1e-3
"""Least deviation of a neighbourhood, as a part of that of the whole volume: empty space is not blown up to noise."""


class Normalisation(Protocol):
    """What makes densities fit for a network."""

    def __call__(self, values: np.ndarray, region: Region) -> None:
        """Change `values` (float32), which were read from `region` of the volume, in place."""


@dataclass(frozen=True)
class WholeVolume:
    """Mean 0 and deviation 1 of the whole volume."""

    mean: float
    deviation: float

    def __call__(self, values: np.ndarray, region: Region) -> None:
        """See `Normalisation`."""
        values -= np.float32(self.mean)
        values *= np.float32(1 / self.deviation)


@dataclass(frozen=True, eq=False)
class Local:
    """Mean 0 and deviation 1 of the surroundings of each voxel: what a network trained on normalised patches saw.

    Mean and deviation are known at the corners of a grid, each of a window as large as a patch, and interpolated
    between them, so that neighbouring tiles agree.

    Attributes
    ----------
    cell
        Voxels from one corner to the next, half a patch.
    mean, deviation
        At the corners, [z, y, x].
    """

    cell: int
    mean: np.ndarray
    deviation: np.ndarray

    def __call__(self, values: np.ndarray, region: Region) -> None:
        """See `Normalisation`."""
        corners, matrices = [], []
        for s, length in zip(region, self.mean.shape, strict=True):
            first, matrix = linear_weights((np.arange(s.start, s.stop) + 0.5) / self.cell, length)
            corners.append(slice(first, first + matrix.shape[1]))
            matrices.append(matrix)
        place = tuple(corners)
        values -= weighted(self.mean[place], matrices)
        values /= weighted(self.deviation[place], matrices)


def normalisation_of(array: Any, kind: str, patch: int, name: str) -> Normalisation:
    """The normalisation that a model asks for.

    Parameters
    ----------
    array
        [z, y, x], read slab by slab.
    kind
        "tomogram" or "patch".
    patch
        Edge in voxels of the patches trained on.
    name
        The tomogram, for the sentence.

    Raises
    ------
    UserError
        Voxels that are not finite, or all the same.
    """
    return whole_volume(array, name) if kind == "tomogram" else local(array, patch, name)


def whole_volume(array: Any, name: str) -> WholeVolume:
    """Statistics of the whole volume; parameters and errors as `normalisation_of`."""
    total = squares = count = 0.0
    first = None
    for slab in slabs(array.shape, 8):
        values = np.asarray(array[slab], dtype=np.float64)
        if first is None:
            first = float(values.flat[0])  # taken off first: large offsets would cost the variance its digits
        values -= first
        total += float(values.sum())
        squares += float(np.vdot(values, values))
        count += values.size
    return _checked(total, squares, count, first or 0.0, name)


def local(array: Any, patch: int, name: str) -> Local:
    """Statistics of windows of `patch`³ voxels; parameters and errors as `normalisation_of`."""
    cell = max(patch // 2, 1)
    shape = [-(-int(n) // cell) for n in array.shape]
    sums, squares = np.zeros(shape), np.zeros(shape)
    starts = [np.arange(0, int(n), cell) for n in array.shape[1:]]
    offset = float(np.asarray(array[0:1], dtype=np.float64).flat[0])
    for layer in range(shape[0]):
        for z in range(layer * cell, min((layer + 1) * cell, int(array.shape[0])), 8):
            values = np.asarray(array[z : min(z + 8, (layer + 1) * cell)], dtype=np.float64) - offset
            for kept, part in ((sums, values.sum(0)), (squares, np.square(values).sum(0))):
                kept[layer] += np.add.reduceat(np.add.reduceat(part, starts[0], 0), starts[1], 1)
    lengths = [np.diff([*range(0, int(n), cell), int(n)]) for n in array.shape]
    counts = np.einsum("i,j,k->ijk", *lengths).astype(np.float64)
    whole = _checked(float(sums.sum()), float(squares.sum()), float(counts.sum()), offset, name)
    number, total, square = (_windows(a) for a in (counts, sums, squares))
    mean = total / number
    deviation = np.sqrt(np.maximum(square / number - mean**2, 0))
    deviation = np.maximum(deviation, FLATTEST * whole.deviation)
    return Local(cell, (mean + offset).astype(np.float32), deviation.astype(np.float32))


def _windows(cells: np.ndarray) -> np.ndarray:
    """Sums of the up to eight cells about each corner."""
    for axis in range(3):
        wide = np.pad(cells, [(1, 1) if a == axis else (0, 0) for a in range(3)])
        before, after = (np.take(wide, range(k, wide.shape[axis] - 1 + k), axis) for k in (0, 1))
        cells = before + after
    return cells


def _checked(total: float, squares: float, count: float, offset: float, name: str) -> WholeVolume:
    mean = total / count
    variance = squares / count - mean**2
    if not np.isfinite(variance):
        raise UserError(f"{name} holds not-a-number or infinite voxels: replace them, or choose another tomogram.")
    if variance <= 1e-14 * (squares / count) or squares == 0:
        raise UserError(f"{name} holds the same value {offset + mean:g} in every voxel: choose another tomogram.")
    return WholeVolume(mean + offset, float(np.sqrt(variance)))
