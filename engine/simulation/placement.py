"""Where things go in a phantom so that none overlaps another, and drawing them there."""

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

ATTEMPTS = 3000
GAPS = (60.0, 20.0)
"""Å between things: wide enough that a blur does not join them all or, where that fits nowhere, less."""


class Scene:
    """The density and the label map being filled, and the balls already taken.

    Parameters
    ----------
    shape
        Voxels (z, y, x).
    voxel_size
        Å.
    """

    def __init__(self, shape: tuple[int, int, int], voxel_size: float) -> None:
        self.shape = shape
        self.voxel_size = voxel_size
        self.density = np.zeros(shape, np.float32)
        self.labels = np.zeros(shape, np.uint8)
        self._centres = np.empty((0, 3))
        self._radii = np.empty(0)

    def free_place(self, radius: float, random: np.random.Generator) -> np.ndarray | None:
        """A random place (x, y, z, voxels) where a ball of `radius` voxels fits, or None when none was found."""
        sizes = np.array(self.shape[::-1], float)
        low, high = np.full(3, radius + 0.5), sizes - 1.5 - radius
        if np.any(low > high):
            return None
        for gap in GAPS:
            for place in random.uniform(low, high, (ATTEMPTS, 3)):
                if self.is_free(place[None], radius, gap):
                    return place
        return None

    def is_free(self, centres: np.ndarray, radius: float, gap: float) -> bool:
        """Whether balls about centres `[n, 3]` (x, y, z, voxels) keep `gap` Å away from everything."""
        apart = np.linalg.norm(centres[:, None] - self._centres[None], axis=-1)
        return bool(np.all(apart > radius + self._radii + gap / self.voxel_size))

    def take(self, centres: np.ndarray, radius: float) -> None:
        """Mark balls about centres `[n, 3]` as taken."""
        self._centres = np.concatenate([self._centres, centres])
        self._radii = np.concatenate([self._radii, np.full(len(centres), radius)])

    def draw(
        self,
        centre: np.ndarray,
        reach: float,
        distance: Callable[[np.ndarray], np.ndarray],
        label: int,
        weight: float = 1.0,
        rotation: Rotation | None = None,
    ) -> None:
        """Add a thing to density and labels.

        Parameters
        ----------
        centre
            x, y, z in voxels.
        reach
            Voxels from the centre beyond which there is nothing of it.
        distance
            Signed distance in Å for points `[..., 3]` in the frame of the thing (x, y, z, Å, origin at the
            centre).
        label
            Number in the label map.
        weight
            Density inside; the edge is smoothed over one voxel.
        rotation
            From the frame of the thing to the tomogram; None = the same frame.
        """
        low = np.maximum(np.floor(centre - reach - 1).astype(int), 0)
        high = np.minimum(np.ceil(centre + reach + 2).astype(int), self.shape[::-1])
        box = tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))
        z, y, x = np.meshgrid(*[np.arange(s.start, s.stop) for s in box], indexing="ij")
        points = (np.stack([x, y, z], axis=-1) - centre) * self.voxel_size
        if rotation is not None:
            points = points @ rotation.as_matrix()  # rows times R: each point times R's inverse
        inside = np.clip(0.5 - distance(points) / self.voxel_size, 0, 1).astype(np.float32)
        self.density[box] = np.maximum(self.density[box], weight * inside)
        self.labels[box][inside >= 0.5] = label
