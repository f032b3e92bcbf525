"""Boxes of voxels around objects: what subtomogram averaging starts from.

The rule for the centre, for odd and even sizes alike: a position is rounded to its nearest voxel c, and the box holds
the voxels c − size // 2 … c − size // 2 + size − 1 along each axis. So the rounded position is voxel size // 2 of the
box (counted from 0), which is where RELION, Dynamo and FFT-based programs take the centre of a box to be.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import UserError

Padding = Literal["pad", "skip"]

OUTSIDE = "lies outside the tomogram"
INCOMPLETE = "the box reaches out of the tomogram"
NOT_FINITE = "the box holds voxels that are not numbers"


@dataclass(frozen=True, eq=False)
class Subtomogram:
    """The box of one object, or why there is none.

    Attributes
    ----------
    index
        Which object, counted from 0 in the order they were given.
    voxels
        [size, size, size] float32 in the order z, y, x; None where the object was skipped.
    reason
        Why it was skipped; empty otherwise.
    """

    index: int
    voxels: NDArray[np.float32] | None
    reason: str = ""


def cut_boxes(
    volume: Any,
    centres_zyx: ArrayLike,
    size: int,
    padding: Padding = "pad",
    normalise: bool = False,
    invert: bool = False,
) -> Iterator[Subtomogram]:
    """Cut a box around each object; one box is in memory at a time, and the volume is read in the order of z.

    Parameters
    ----------
    volume
        [z, y, x], anything that slices like an array.
    centres_zyx
        [n, 3] in voxels.
    size
        Edge of a box, voxels.
    padding
        Where a box reaches out of the tomogram: "pad" fills the rest with the mean of the part of the box that lies
        inside, "skip" leaves the object out.
    normalise
        Subtract the mean of a box and divide by its (population) standard deviation, both taken over the part inside
        the tomogram; a box of one value becomes 0.
    invert
        Change the sign of the densities.

    Yields
    ------
    Subtomogram
        One for every object, skipped ones included.

    Raises
    ------
    UserError
        A size below 1, or a position that is not a number.
    """
    starts = box_starts(centres_zyx, size)
    whole = boxes_inside(centres_zyx, size, volume.shape)
    for index in np.argsort(starts[:, 0], kind="stable"):
        if not whole[index] and padding == "skip":
            yield Subtomogram(int(index), None, INCOMPLETE)
        else:
            yield _cut(volume, int(index), starts[index], size, normalise, invert)


def box_starts(centres_zyx: ArrayLike, size: int) -> NDArray[np.int64]:
    """The first voxel of each box, [n, 3] in the order z, y, x; negative where it lies before the tomogram.

    Raises
    ------
    UserError
        A size below 1, or a position that is not a number.
    """
    if size < 1:
        raise UserError(f"The size of a box is {size} voxels: it must be 1 or more.")
    return nearest_voxels(centres_zyx) - size // 2


def nearest_voxels(centres_zyx: ArrayLike) -> NDArray[np.int64]:
    """Positions rounded to whole voxels, [n, 3]; halves go to the even neighbour.

    Raises
    ------
    UserError
        A position that is not a number.
    """
    centres = np.asarray(centres_zyx, dtype=np.float64).reshape(-1, 3)
    if not np.isfinite(centres).all():
        raise UserError("Some objects have no position (x, y or z is empty): delete or complete them first.")
    return np.rint(centres).astype(np.int64)


def boxes_inside(centres_zyx: ArrayLike, size: int, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Which boxes lie wholly inside a tomogram of `shape` (z, y, x): [n] bool.

    Raises
    ------
    UserError
        A size below 1, or a position that is not a number.
    """
    starts = box_starts(centres_zyx, size)
    return np.asarray(((starts >= 0) & (starts + size <= np.asarray(shape))).all(axis=1))


def _cut(volume: Any, index: int, start: NDArray[np.int64], size: int, normalise: bool, invert: bool) -> Subtomogram:
    inside = [
        slice(max(0, int(first)), min(int(length), int(first) + size))
        for first, length in zip(start, volume.shape, strict=True)
    ]
    if any(part.stop <= part.start for part in inside):
        return Subtomogram(index, None, OUTSIDE)
    part = np.asarray(volume[tuple(inside)]).astype(np.float32)
    if not np.isfinite(part).all():
        return Subtomogram(index, None, NOT_FINITE)
    if normalise:
        part -= part.mean(dtype=np.float64)
        spread = part.std(dtype=np.float64)
        if spread > 0:
            part /= spread
    if invert:
        np.negative(part, out=part)
    if part.shape == (size,) * 3:
        return Subtomogram(index, part)
    box = np.full((size,) * 3, part.mean(dtype=np.float64), dtype=np.float32)
    places = (slice(p.start - int(first), p.stop - int(first)) for p, first in zip(inside, start, strict=True))
    box[tuple(places)] = part
    return Subtomogram(index, box)
