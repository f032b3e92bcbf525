"""Spheres as targets: which voxels about an object belong to it, by its class radius.

How they are written into a label map is in `pasting`; DeepFinder's own spheres are boxes that it also turns, so they go
through `shape_masks`.
"""

import math
from collections.abc import Sequence

import numpy as np

from engine.errors import UserError

ROUNDING = 1e-9
"""Relative: a radius of 0.3 Å / 0.1 Å shall reach the third voxel."""

LARGEST_RADIUS = 128.0
"""Voxels; a sphere of this size has nine million."""

VALUES_AT_ONCE = 64 * 1024
"""So many distances are computed in one go: they fit into the fast memory of a processor."""


class SphereStamp:
    """The voxels whose centres lie within a radius of an object's exact centre, be it between voxels or not.

    Parameters
    ----------
    radius
        Voxels, above 0; fractions count. A radius below half a voxel may hit no voxel at all.

    Attributes
    ----------
    offsets
        [k, 3] whole voxels z, y, x from the voxel nearest to an object: all that can belong to it.
    always
        So many of them, the first ones, belong to every object.

    Raises
    ------
    UserError
        A radius that is 0, negative, no number or too large.
    """

    def __init__(self, radius: float) -> None:
        radius = checked_radius(radius)
        self._limit = np.float64((radius * (1 + ROUNDING)) ** 2)
        reach = math.floor(radius + 0.5)
        away = np.abs(np.arange(-reach, reach + 1, dtype=np.float32))
        # A centre lies at most half a voxel from its nearest voxel along each axis.
        possible = _sum_of_squares(np.maximum(away - 0.5, 0)) <= self._limit
        inner = _sum_of_squares(away + 0.5) <= self._limit
        shell = np.argwhere(possible & ~inner)
        self.always = int(inner.sum())
        self.offsets = (np.concatenate([np.argwhere(inner), shell]) - reach).astype(np.int32)
        self._shell = (shell - reach).astype(np.float64)

    def chosen(self, fractions: np.ndarray, matrices: np.ndarray | None = None) -> np.ndarray:
        """Which of the offsets after the first `always` belong to each object.

        Parameters
        ----------
        fractions
            [n, 3] centre less its nearest voxel, z, y, x.
        matrices
            Not used: a sphere looks the same from everywhere.

        Returns
        -------
        ndarray
            bool [n, k - always].
        """
        if not fractions.any():  # the same voxels for all that lie on voxel centres
            whole = np.square(self._shell).sum(axis=1) <= self._limit
            return np.broadcast_to(whole, (len(fractions), len(whole)))
        found = np.empty((len(fractions), len(self._shell)), dtype=bool)
        portion = max(1, VALUES_AT_ONCE // max(len(self._shell), 1))
        for start in range(0, len(fractions), portion):
            some = fractions[start : start + portion]
            squares = sum(np.square(self._shell[None, :, axis] - some[:, axis, None]) for axis in range(3))
            found[start : start + portion] = squares <= self._limit
        return found


def deepfinder_spheres(radii: Sequence[float]) -> list[np.ndarray]:
    """DeepFinder's spheres: one box for all classes, of side 2·⌈largest radius⌉, the centre at half of it.

    A voxel belongs to the sphere where d² ≤ r². The box ends one voxel before the farthest voxels of the largest
    spheres on the far side, so these lack their three tips there.

    Parameters
    ----------
    radii
        Voxels, one for each class, above 0.

    Returns
    -------
    list
        One int8 box [z, y, x] for each radius, 1 inside.

    Raises
    ------
    UserError
        A radius that is 0, negative, no number or too large.
    """
    radii = [checked_radius(radius) for radius in radii]
    middle = math.ceil(max(radii))
    axis = np.arange(2 * middle) - middle
    return [(_sum_of_squares(axis) <= radius**2).astype(np.int8) for radius in radii]


def checked_radius(radius: float, of: str = "") -> float:
    """A radius in voxels, if it can be one; `of` names the class in the sentence. Raises UserError."""
    if not (math.isfinite(radius) and 0 < radius <= LARGEST_RADIUS):
        raise UserError(
            f"The radius {radius:g} voxels{f' of {of}' if of else ''} is not possible: give one above 0 and up to "
            f"{LARGEST_RADIUS:g} voxels."
        )
    return float(radius)


def _sum_of_squares(axis: np.ndarray) -> np.ndarray:
    squares = axis**2
    return np.asarray(squares[:, None, None] + squares[:, None] + squares)
