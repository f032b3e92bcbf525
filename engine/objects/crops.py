"""Central slices of particles for a gallery."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.errors import UserError

PLANES = ("z", "y", "x")


def central_slices(
    volume_array: Any,
    centres_zyx: np.ndarray,
    box: int,
    average: int = 1,
    planes: Sequence[str] = ("z",),
) -> np.ndarray:
    """Square slices through the centres of particles; the volume is read in the order of z.

    Parameters
    ----------
    volume_array
        [z, y, x].
    centres_zyx
        [n, 3] in voxels, rounded to the nearest voxel.
    box
        Side in voxels; the centre lies at index box // 2.
    average
        How many slices to average.
    planes
        "z" (rows y, columns x), "y" (rows z, columns x), "x" (rows z, columns y).

    Returns
    -------
    ndarray
        [n, box, box × number of planes] float32, planes side by side. What lies outside the volume has the
        mean of what lies inside (0 where nothing does).

    Raises
    ------
    UserError
        A box or average below 1, an unknown plane.
    """
    if box < 1 or average < 1:
        raise UserError(f"The box ({box}) and the number of averaged slices ({average}) must be 1 or more.")
    unknown = [plane for plane in planes if plane not in PLANES]
    if unknown or not planes:
        raise UserError(f"Planes are z, y or x, not {unknown}.")
    centres = np.rint(np.asarray(centres_zyx, dtype=np.float64).reshape(-1, 3)).astype(np.int64)
    crops = np.zeros((len(centres), box, box * len(planes)), dtype=np.float32)
    for index in np.argsort(centres[:, 0], kind="stable"):
        for place, plane in enumerate(planes):
            crops[index, :, place * box : (place + 1) * box] = _slice_through(
                volume_array, centres[index], box, average, PLANES.index(plane)
            )
    return crops


def _slice_through(volume: Any, centre: np.ndarray, box: int, average: int, normal: int) -> np.ndarray:
    """[box, box] perpendicular to axis `normal`, averaged along it."""
    sides = [average if axis == normal else box for axis in range(3)]
    starts = [int(c) - side // 2 for c, side in zip(centre, sides, strict=True)]
    inside = [
        slice(max(0, start), min(int(length), start + side))
        for start, side, length in zip(starts, sides, volume.shape, strict=True)
    ]
    picture = np.zeros((box, box), dtype=np.float32)
    if any(part.stop <= part.start for part in inside):
        return picture
    flat = np.mean(np.asarray(volume[tuple(inside)]), axis=normal, dtype=np.float32)
    picture[:] = flat.mean()
    rows, columns = (
        slice(part.start - start, part.stop - start)
        for axis, (part, start) in enumerate(zip(inside, starts, strict=True))
        if axis != normal
    )
    picture[rows, columns] = flat
    return picture
