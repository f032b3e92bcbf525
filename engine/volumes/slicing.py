"""Planes of a volume and their display as bytes. A volume is anything that slices as [z, y, x]."""

from typing import Any, Literal

import numpy as np

from engine.errors import UserError
from engine.volumes.means import mean32

Axis = Literal["z", "y", "x"]
AXES: tuple[Axis, ...] = ("z", "y", "x")
LARGE = 1e30  # the difference of two such densities may leave 32 bits


def take_slice(
    array: Any,
    axis: Axis,
    index: int,
    slab: int = 1,
    step: int = 1,
    origin: tuple[int, int] = (0, 0),
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """One plane of a volume, averaged over neighbouring slices and thinned on demand.

    Parameters
    ----------
    array
        [z, y, x].
    axis
        The axis that the plane is perpendicular to. "z" gives rows y and columns x, "y" rows z and columns x,
        "x" rows z and columns y.
    index
        Which slice, 0-based.
    slab
        How many slices to average, centred at `index` (an even number takes one more before than after), as
        far as the volume goes.
    step
        Take every step-th voxel of the plane in both directions.
    origin, size
        A region of the plane: first row and column, and rows and columns in voxels before thinning; cut at
        the edge of the volume. None is the whole plane.

    Returns
    -------
    ndarray
        [rows, columns], a copy: float32 where averaged (slab > 1), otherwise the type of the volume in the
        byte order of this machine.

    Raises
    ------
    UserError
        The index or the region lies outside the volume; slab or step below 1.
    """
    where = AXES.index(axis)
    depth = int(array.shape[where])
    plane = [int(n) for i, n in enumerate(array.shape) if i != where]
    if not 0 <= index < depth:
        raise UserError(f"Slice {axis} = {index} is outside the volume: it has {axis} = 0 … {depth - 1}.")
    if slab < 1 or step < 1:
        raise UserError(f"Slab {slab} and step {step} must be 1 or more.")
    height, width = size if size is not None else (plane[0], plane[1])
    if not (0 <= origin[0] < plane[0] and 0 <= origin[1] < plane[1]) or height < 1 or width < 1:
        raise UserError(
            f"The region from {tuple(origin)} of size {(height, width)} is outside the plane of "
            f"{plane[0]} × {plane[1]} voxels."
        )
    in_plane = [
        slice(start, min(start + length, limit), step)
        for start, length, limit in zip(origin, (height, width), plane, strict=True)
    ]
    first = max(0, index - slab // 2)
    last = min(depth, index - slab // 2 + slab)
    along = slice(index, index + 1) if slab == 1 else slice(first, last)
    block = array[(*in_plane[:where], along, *in_plane[where:])]
    if slab == 1:
        return np.array(block.squeeze(where), dtype=np.dtype(block.dtype).newbyteorder("="), order="C")
    return mean32(block, where)


def to_display(slice2d: np.ndarray, low: float, high: float) -> np.ndarray:
    """Grey values 0…255 for densities from `low` (black) to `high` (white); not-a-number is black.

    With `low` ≥ `high` (a constant volume) everything is middle grey.
    """
    if not low < high:
        return np.full(slice2d.shape, 128, dtype=np.uint8)
    wide = max(abs(low), abs(high)) > LARGE
    number = np.float64 if wide else np.float32
    grey: np.ndarray = slice2d.astype(number)
    grey -= number(low)
    grey *= number(255.0 / (high - low))
    np.nan_to_num(grey, copy=False, nan=0.0, posinf=255.0, neginf=0.0)
    return np.clip(np.rint(grey, out=grey), 0, 255, out=grey).astype(np.uint8)


def thumbnail(array: Any, size: int = 96) -> np.ndarray:
    """A small picture of the central z slice.

    Parameters
    ----------
    array
        [z, y, x].
    size
        The longest side in pixels; smaller planes are not enlarged.

    Returns
    -------
    ndarray
        [rows, columns] uint8: mean of the three central slices, thinned to at most 4 × `size`, reduced by
        block means, contrast from the 1st to the 99th percentile.
    """
    depth, height, width = (int(n) for n in array.shape)
    longest = max(height, width)
    # A thinned read touches a fraction of a large file; the rest of the reduction averages noise away.
    step = max(1, longest // (4 * size))
    plane = take_slice(array, "z", depth // 2, slab=min(3, depth), step=step).astype(np.float32)
    block = max(1, -(-max(plane.shape) // size))
    rows, columns = (max(1, n // block) for n in plane.shape)
    plane = plane[: rows * block, : columns * block]
    row_block, column_block = plane.shape[0] // rows, plane.shape[1] // columns
    small = plane[: rows * row_block, : columns * column_block]
    small = small.reshape(rows, row_block, columns, column_block).mean(axis=(1, 3), dtype=np.float64)
    finite = small[np.isfinite(small)]
    if finite.size == 0:
        return np.zeros(small.shape, dtype=np.uint8)
    low, high = np.percentile(finite, (1, 99))
    return to_display(small, float(low), float(high))
