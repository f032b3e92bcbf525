"""The running average of many particles, as its three central planes. Opens nothing; volumes slice as [z, y, x].

Only the planes that are shown are computed: the mean of the planes is the plane of the mean, so thousands of boxes are
never held, and of a rotated box three planes are interpolated instead of all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from engine.errors import UserError
from engine.objects.crops import PLANES, central_slices, cube_around, resampling_weights


@dataclass(frozen=True, eq=False)
class PlaneSum:
    """A sum over particles, to be added to that of other tomograms.

    Attributes
    ----------
    planes
        [3, box, box]: the planes z, y and x through the centre, see `engine.objects.crops.central_slices`.
    count
        How many particles were added.
    """

    planes: np.ndarray
    count: int

    def resized(self, edge: int) -> "PlaneSum":
        """The same planes of edge × edge pixels: to add up tomograms of other voxel sizes."""
        weights = resampling_weights(self.planes.shape[-1], edge)
        return PlaneSum(np.einsum("ai,pij,bj->pab", weights, self.planes, weights), self.count)

    def __add__(self, other: "PlaneSum") -> "PlaneSum":
        return PlaneSum(self.planes + other.planes, self.count + other.count)

    def mean(self) -> np.ndarray:
        """[3, box, box]; zeros where nothing was added."""
        return self.planes / max(self.count, 1)


def sum_planes(
    volume_array: Any,
    centres_zyx: np.ndarray,
    box: int,
    rotations: Rotation | None = None,
    progress: Callable[[int], None] | None = None,
) -> PlaneSum:
    """The three central planes of boxes around particles, summed.

    Each box counts alike: before it is added, the mean over its planes is subtracted and it is divided by their
    standard deviation, within the ball that fits the box. Boxes that lie outside the volume, are constant or hold what
    is not a number are left out.

    Parameters
    ----------
    volume_array
        [z, y, x].
    centres_zyx
        [n, 3] in voxels, rounded to the nearest voxel.
    box
        Edge in voxels; an even one is made odd by one more, so that the particle is in the very middle.
    rotations
        n rotations that take vectors (x, y, z) of the particle to the tomogram
        (`engine.objects.rotation_from_relion`). With them each particle is turned back, so that particles
        whose angles are right lie on top of each other: the value at r of the average is taken at R·r of the tomogram,
        interpolated linearly. None adds the boxes up as they lie.
    progress
        Called with the number of particles that are done.

    Returns
    -------
    PlaneSum
        Of odd box × box pixels; 0 outside the circle that fits the box.

    Raises
    ------
    UserError
        A box below 1, or another number of rotations than of particles.
    """
    if box < 1:
        raise UserError(f"The box ({box}) must be 1 or more.")
    box += 1 - box % 2
    centres = np.asarray(centres_zyx, dtype=np.float64).reshape(-1, 3)
    if rotations is not None and len(rotations) != len(centres):
        raise UserError(f"{len(centres)} objects have {len(rotations)} orientations: give one for each.")
    disc = _disc(box)
    total, count = np.zeros((3, box, box)), 0
    matrices = None if rotations is None else rotations.as_matrix().reshape(-1, 3, 3)
    points = _plane_points(box)[:, np.tile(disc.ravel(), 3)]
    order = np.flatnonzero(np.isfinite(centres).all(axis=1))
    order = order[np.argsort(np.rint(centres[order, 0]), kind="stable")]
    for done, index in enumerate(order, start=1):
        if matrices is None:
            wide = central_slices(volume_array, centres[index : index + 1], box, planes=PLANES)[0]
            seen = wide.reshape(box, 3, box).swapaxes(0, 1)[:, disc]
        else:
            seen = _turned(volume_array, centres[index], box, matrices[index], points)
        spread = float(seen.std(dtype=np.float64))
        # A few roundings of a constant box are no contrast.
        if np.isfinite(spread) and spread > 1e-6 * max(1.0, float(np.abs(seen).max())):
            total[:, disc] += (seen - seen.mean(dtype=np.float64)) / spread
            count += 1
        if progress is not None:
            progress(done)
    return PlaneSum(total, count)


def _turned(volume: Any, centre: np.ndarray, box: int, matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """[3, points of a plane]: the central planes of the particle turned back; zeros where the box cannot be cut."""
    cube = cube_around(volume, centre, box)
    if cube is None:
        return np.zeros((3, points.shape[1] // 3), dtype=np.float32)
    places = (matrix @ points)[::-1] + box // 2  # z, y, x, as the cube is indexed
    return map_coordinates(cube, places, order=1, mode="nearest", prefilter=False).reshape(3, -1)


def _plane_points(box: int) -> np.ndarray:
    """[3, 3·box·box]: x, y, z of the points of the planes z, y, x, counted from the centre."""
    steps = np.arange(box) - box // 2
    rows, columns = np.meshgrid(steps, steps, indexing="ij")
    zero = np.zeros_like(rows)
    planes = [(columns, rows, zero), (columns, zero, rows), (zero, columns, rows)]
    return np.stack([np.stack(plane) for plane in planes], axis=1).reshape(3, -1).astype(np.float64)


def _disc(box: int) -> np.ndarray:
    steps = np.arange(box) - box // 2
    return np.asarray(steps[:, None] ** 2 + steps**2 <= (box / 2) ** 2)
