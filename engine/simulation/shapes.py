"""The shapes in a phantom, as distances in Å: three asymmetric particles, and what a vesicle is made of.

A particle is a union of capsules (all points within a radius of a line; a line of no length makes a ball).
"""

from dataclasses import dataclass

import numpy as np

Point = tuple[float, float, float]
Capsule = tuple[Point, Point, float]


@dataclass(frozen=True)
class Shape:
    """A particle in its own frame, the origin at its centre of mass.

    Parameters
    ----------
    name
        Class name.
    capsules
        (one end, other end, radius) each, x, y, z in Å.
    """

    name: str
    capsules: tuple[Capsule, ...]

    @property
    def radius(self) -> float:
        """Distance in Å from the origin to the farthest point."""
        return max(float(np.linalg.norm(end)) + r for a, b, r in self.capsules for end in (a, b))

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Signed distance in Å of points `[..., 3]` (x, y, z, Å) to the surface, negative inside."""
        return np.min([capsule_distance(points, *capsule) for capsule in self.capsules], axis=0)


def capsule_distance(points: np.ndarray, start: Point, end: Point, radius: float) -> np.ndarray:
    """Signed distance of points `[..., 3]` to the surface of a capsule, negative inside, all in one unit."""
    a, along = np.asarray(start, float), np.subtract(end, start).astype(float)
    length = float(along @ along)
    share = np.clip((points - a) @ along / length, 0, 1) if length else np.zeros(points.shape[:-1])
    return np.linalg.norm(points - a - share[..., None] * along, axis=-1) - radius


def shell_distance(points: np.ndarray, radius: float, thickness: float) -> np.ndarray:
    """Signed distance of points `[..., 3]` to a hollow ball about the origin, negative inside its wall."""
    return np.abs(np.linalg.norm(points, axis=-1) - radius) - thickness / 2


HOOK = Shape(
    "hook",
    (
        ((-9, -25, -2), (-9, 15, -2), 18),
        ((-9, 15, -2), (16, 20, 8), 18),
        ((13, -20, -7), (13, -20, -7), 16),
    ),
)
BARREL = Shape(
    "barrel",
    (
        ((-4, -4, -35), (-4, -4, 35), 42),
        ((41, -4, 35), (41, -4, 35), 32),
        ((-14, 26, -40), (-14, 26, -40), 34),
    ),
)
TRIPOD = Shape(
    "tripod",
    (
        ((-6, -5, -4), (-6, -5, 26), 72),
        ((4, 0, -4), (89, 10, -24), 42),
        ((4, 0, -4), (-41, 75, -39), 40),
        ((4, 0, -4), (-36, -80, -24), 36),
    ),
)

SHAPES: tuple[Shape, ...] = (HOOK, BARREL, TRIPOD)
"""By size. Their origins are their centres of mass within 1 Å."""
