"""Patches made more varied: half-turns, mirrors and intensity. Each on NumPy arrays or torch tensors [..., z, y, x].

A half-turn about the tilt axis (y) is what DeepFinder does. Half-turns about x and z are turns of the specimen too, and
all three leave the missing wedge where it is, as long as tilts reach as far to both sides. A mirror makes the other
hand of every particle, which does not exist: it is off unless asked for.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

HalfTurns = Literal["none", "tilt axis", "all axes"]


@dataclass(frozen=True)
class Augmentation:
    """What is done to patches of training.

    Parameters
    ----------
    half_turns
        "tilt axis": about y with a chance of one half, as DeepFinder; "all axes": none or one of the three about x, y
        and z, a quarter each.
    mirror
        Along x with a chance of one half. It changes the hand of what is seen.
    gain, offset, noise
        After normalisation, per patch: a factor from 1 ± gain, a sum from ± offset, both uniform, and Gaussian noise of
        a deviation up to `noise`.
    """

    half_turns: HalfTurns = "tilt axis"
    mirror: bool = False
    gain: float = 0.0
    offset: float = 0.0
    noise: float = 0.0

    def apply(self, density: np.ndarray, labels: np.ndarray, generator: np.random.Generator) -> tuple[Any, Any]:
        """One patch [z, y, x] and its labels, changed alike; the arrays given may be changed."""
        if self.half_turns == "tilt axis" and generator.random() < 0.5:
            density, labels = half_turn(density, "y"), half_turn(labels, "y")
        elif self.half_turns == "all axes" and (turn := int(generator.integers(4))) < 3:
            density, labels = half_turn(density, "zyx"[turn]), half_turn(labels, "zyx"[turn])
        if self.mirror and generator.random() < 0.5:
            density, labels = mirrored(density), mirrored(labels)
        return with_intensity(density, self.gain, self.offset, self.noise, generator), labels


def half_turn(patch: Any, axis: str) -> Any:
    """Turn by 180° about an axis ("z", "y" or "x"): the two other axes are flipped together. It may be a view."""
    axes = [{"z": -3, "y": -2, "x": -1}[other] for other in "zyx" if other != axis]
    return _flipped(patch, axes)


def mirrored(patch: Any) -> Any:
    """Flip x alone: the mirror image, of the other hand. It may be a view."""
    return _flipped(patch, [-1])


def with_intensity(
    patch: np.ndarray, gain: float, offset: float, noise: float, generator: np.random.Generator
) -> np.ndarray:
    """A random gain, offset and noise, see `Augmentation`; the same array where all three are 0."""
    if gain:
        patch = patch * np.float32(1 + generator.uniform(-gain, gain))
    if offset:
        patch = patch + np.float32(generator.uniform(-offset, offset))
    if noise:
        deviation = np.float32(generator.uniform(0, noise))
        patch = patch + deviation * generator.standard_normal(patch.shape, dtype=np.float32)
    return patch


def _flipped(patch: Any, axes: list[int]) -> Any:
    return np.flip(patch, tuple(axes)) if isinstance(patch, np.ndarray) else patch.flip(axes)
