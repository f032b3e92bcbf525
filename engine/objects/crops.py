"""What is cut from a tomogram to be looked at: central slices, small cubes, and the contrast to show them with.

Boxes for other programs (full size, normalised, skipped at the border on request) are in `subtomograms`; means of many
crops are in `averaging`. Volumes are anything that slices as [z, y, x]; nothing here opens a file.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from engine.errors import UserError

PLANES = ("z", "y", "x")
PROBES = 48
"""Pictures from which the contrast of a tomogram is taken."""
DARKEST, BRIGHTEST = 0.5, 99.5
"""Percentiles of the probes shown as black and white."""


def central_slices(
    volume_array: Any,
    centres_zyx: np.ndarray,
    box: int,
    average: int = 1,
    planes: Sequence[str] = ("z",),
    step: int = 1,
) -> np.ndarray:
    """Square slices through the centres of particles; the volume is read in the order of z.

    Parameters
    ----------
    volume_array
        [z, y, x].
    centres_zyx
        [n, 3] in voxels, rounded to the nearest voxel. A position that is not a number gives a picture of zeros.
    box
        Side in voxels; the centre lies at index box // 2. A box at the border is padded, never shifted.
    average
        How many slices to average.
    planes
        "z" (rows y, columns x), "y" (rows z, columns x), "x" (rows z, columns y).
    step
        Take every step-th voxel of the plane in both directions, the first one of the box included.

    Returns
    -------
    ndarray
        [n, side, side × number of planes] float32 with side = ceil(box / step), planes side by side. What lies
        outside the volume has the mean of what lies inside (0 where nothing does).

    Raises
    ------
    UserError
        A box, average or step below 1, an unknown plane.
    """
    if box < 1 or average < 1:
        raise UserError(f"The box ({box}) and the number of averaged slices ({average}) must be 1 or more.")
    if step < 1:
        raise UserError(f"The step ({step}) must be 1 or more.")
    unknown = [plane for plane in planes if plane not in PLANES]
    if unknown or not planes:
        raise UserError(f"Planes are z, y or x, not {unknown}.")
    centres = np.asarray(centres_zyx, dtype=np.float64).reshape(-1, 3)
    known = np.asarray(np.isfinite(centres).all(axis=1))
    voxels = np.rint(np.where(known[:, None], centres, 0)).astype(np.int64)
    side = -(-box // step)
    crops = np.zeros((len(centres), side, side * len(planes)), dtype=np.float32)
    for index in np.argsort(voxels[:, 0], kind="stable"):
        if not known[index]:
            continue
        for place, plane in enumerate(planes):
            crops[index, :, place * side : (place + 1) * side] = _slice_through(
                volume_array, voxels[index], box, average, PLANES.index(plane), step
            )
    return crops


def contrast_limits(
    volume_array: Any,
    box: int,
    average: int = 1,
    planes: Sequence[str] = ("z",),
    step: int = 1,
    seed: int = 0,
) -> tuple[float, float]:
    """The densities to show as black and white in pictures of one tomogram, whatever objects are shown.

    Percentiles of `PROBES` pictures, made as `central_slices` makes them, at places drawn at random from the
    middle of the volume. So all pictures of a tomogram share one contrast, which fits the averaging, and a
    picture is the same in whatever selection it appears.

    Parameters
    ----------
    volume_array
        [z, y, x].
    box, average, planes, step
        As for `central_slices`.
    seed
        Of the places.

    Returns
    -------
    tuple
        (low, high); equal where the probes are constant or hold no finite number.
    """
    lengths = np.array(volume_array.shape, dtype=np.float64)
    places = 0.15 + 0.7 * np.random.default_rng(seed).random((PROBES, 3))
    crops = central_slices(volume_array, places * (lengths - 1), min(box, int(lengths.max())), average, planes, step)
    finite = crops[np.isfinite(crops)]
    if finite.size == 0:
        return 0.0, 0.0
    low, high = np.percentile(finite, (DARKEST, BRIGHTEST))
    return float(low), float(high)


def small_cubes(
    volume_array: Any,
    centres_zyx: np.ndarray,
    box: int,
    edge: int,
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Cubes around particles, brought to a common number of voxels: what similarity is computed from.

    Parameters
    ----------
    volume_array
        [z, y, x].
    centres_zyx
        [n, 3] in voxels, rounded to the nearest voxel.
    box
        Edge of the cube in the tomogram, voxels. An even one is made odd by one more, so that the particle is in the
        very middle before and after.
    edge
        Edge of the cubes that are returned.
    progress
        Called with the number of cubes that are done.

    Returns
    -------
    ndarray
        [n, edge, edge, edge] float32 in the order z, y, x: means over the parts of voxels that a new voxel covers
        (linear interpolation where box < edge). What lies outside the volume has the mean of what lies inside; a cube
        that lies wholly outside, or holds what is not a number, is all not-a-number.

    Raises
    ------
    UserError
        A box or edge below 1.
    """
    if box < 1 or edge < 1:
        raise UserError(f"The box ({box}) and the edge ({edge}) must be 1 or more.")
    box += 1 - box % 2
    weights = resampling_weights(box, edge)
    centres = np.asarray(centres_zyx, dtype=np.float64).reshape(-1, 3)
    cubes = np.full((len(centres), edge, edge, edge), np.nan, dtype=np.float32)
    order = np.flatnonzero(np.isfinite(centres).all(axis=1))
    order = order[np.argsort(np.rint(centres[order, 0]), kind="stable")]
    with threadpool_limits(1):  # thousands of small products: threads that wait for each other cost many times more
        for done, index in enumerate(order, start=1):
            cube = cube_around(volume_array, centres[index], box)
            if cube is not None:
                # One axis after the other: [box³] → [edge, box²] → … costs little more than reading.
                for _ in range(3):
                    cube = np.tensordot(cube, weights, axes=(0, 1))
                cubes[index] = cube
            if progress is not None:
                progress(done)
    return cubes


def cube_around(volume_array: Any, centre_zyx: np.ndarray, box: int) -> np.ndarray | None:
    """[box, box, box] float32 around a position (rounded; at index box // 2).

    What lies outside the volume has the mean of what lies inside. None where nothing lies inside, or where the cube
    holds what is not a number.
    """
    starts = np.rint(np.asarray(centre_zyx, dtype=np.float64)).astype(np.int64) - box // 2
    inside = _inside(volume_array, starts, [box] * 3)
    if inside is None:
        return None
    part = np.asarray(volume_array[inside]).astype(np.float32)
    mean = float(part.mean(dtype=np.float64))
    if not np.isfinite(mean):
        return None
    if part.shape == (box,) * 3:
        return part
    cube = np.full((box,) * 3, mean, dtype=np.float32)
    cube[tuple(slice(p.start - s, p.stop - s) for p, s in zip(inside, starts.tolist(), strict=True))] = part
    return cube


def resampling_weights(box: int, edge: int) -> np.ndarray:
    """[edge, box] weights that bring `box` values to `edge` over the same length; each row sums to 1.

    Each new value is the mean of the old ones that it covers, in proportion; where there are more new values than old
    ones it is interpolated linearly between the centres of the old ones.
    """
    if box < edge:
        centres = (np.arange(edge) + 0.5) * box / edge - 0.5
        low = np.clip(np.floor(centres).astype(int), 0, box - 1)
        high = np.minimum(low + 1, box - 1)
        share = np.clip(centres - low, 0, 1)
        weights = np.zeros((edge, box))
        np.add.at(weights, (np.arange(edge), low), 1 - share)
        np.add.at(weights, (np.arange(edge), high), share)
        return weights.astype(np.float32)
    bounds = np.arange(edge + 1) * box / edge
    old = np.arange(box)
    overlap = np.minimum(bounds[1:, None], old + 1) - np.maximum(bounds[:-1, None], old)
    return (np.clip(overlap, 0, None) * edge / box).astype(np.float32)


def _inside(volume: Any, starts: Sequence[int] | np.ndarray, sides: Sequence[int]) -> tuple[slice, ...] | None:
    """The part of a box that lies in the volume; None where there is none."""
    parts = tuple(
        slice(max(0, int(start)), min(int(length), int(start) + side))
        for start, side, length in zip(starts, sides, volume.shape, strict=True)
    )
    return None if any(part.stop <= part.start for part in parts) else parts


def _slice_through(volume: Any, centre: np.ndarray, box: int, average: int, normal: int, step: int) -> np.ndarray:
    """[side, side] perpendicular to axis `normal`, averaged along it, every step-th voxel."""
    sides = [average if axis == normal else box for axis in range(3)]
    starts = [int(c) - side // 2 for c, side in zip(centre, sides, strict=True)]
    side = -(-box // step)
    picture = np.zeros((side, side), dtype=np.float32)
    inside = _inside(volume, starts, sides)
    if inside is None:
        return picture
    taken, drawn = [], []
    for axis, (part, start) in enumerate(zip(inside, starts, strict=True)):
        if axis == normal:
            taken.append(part)
            continue
        first = -(-(part.start - start) // step)  # the first voxel of the box that the step meets inside the volume
        begin = start + first * step
        if begin >= part.stop:
            return picture
        taken.append(slice(begin, part.stop, step))
        drawn.append(slice(first, first + len(range(begin, part.stop, step))))
    flat = np.mean(np.asarray(volume[tuple(taken)]), axis=normal, dtype=np.float32)
    picture[:] = flat.mean()
    picture[tuple(drawn)] = flat
    return picture
