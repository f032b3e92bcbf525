"""Where along z a tomogram holds the specimen: the suggestion for the slices to learn from and to pick in.

Inside the lamella densities vary on the scale of particles; above and below it only the noise of the
reconstruction is left. So the spread of block means is taken slice by slice.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from engine.errors import UserError

BLOCK = 4
"""Voxels of the square whose mean counts: noise is averaged away, particles are not."""

SMOOTHING = 1.5
"""σ in slices of what the spread along z is smoothed by."""

CONTRAST = 1.08
"""The spread inside must exceed that outside so many times for bounds to be suggested."""

GAP = 4
"""Half the slices that may lie between two parts of the specimen."""

WIDTH = 1024
"""Rows and columns that are looked at, at most, in the middle of a slice."""


@dataclass(frozen=True)
class LamellaSuggestion:
    """The slices that hold the specimen.

    Parameters
    ----------
    lower, upper
        The slices [lower, upper), 0-based; the whole depth where nothing stands out.
    reason
        One sentence with figures.
    spread
        Standard deviation of block means of each slice, float64 `[z]`, in the tomogram's densities.
    """

    lower: int
    upper: int
    reason: str
    spread: np.ndarray


def suggest_lamella(volume: Any) -> LamellaSuggestion:
    """Find the slices that hold the specimen, from the local variance along z.

    Parameters
    ----------
    volume
        Densities `[z, y, x]`, anything that slices like an array; read slice by slice.

    Raises
    ------
    UserError
        Slices smaller than a block.
    """
    depth = int(volume.shape[0])
    spread = np.array([_spread(np.asarray(volume[z : z + 1, *_middle(volume.shape)])[0]) for z in range(depth)])
    smooth = ndimage.gaussian_filter1d(spread, SMOOTHING, mode="nearest")
    # The plateau is what half of the slices reach; a lamella fills most of a tomogram that was reconstructed with care.
    outside, inside = float(smooth.min()), float(np.percentile(smooth, 60))
    everything = LamellaSuggestion(
        0,
        depth,
        f"The local variance is much the same from slice 0 to {depth - 1}: there is no bound to be seen, take all.",
        spread,
    )
    if inside <= CONTRAST * outside or depth < 12:
        return everything
    above = smooth > outside + 0.3 * (inside - outside)  # where the specimen begins, not where it is full
    # The first and last slices are repeated outside: there, a closing would otherwise take as many slices off.
    closed = ndimage.binary_closing(np.pad(above, GAP, mode="edge"), iterations=GAP)[GAP:-GAP]
    groups, count = ndimage.label(closed)
    sizes = ndimage.sum_labels(above, groups, range(1, count + 1))
    members = np.flatnonzero(groups == 1 + int(np.argmax(sizes)))
    lower, upper = int(members[0]), int(members[-1]) + 1
    if lower <= 1 and upper >= depth - 1:
        return everything
    reason = (
        f"Slices {lower} to {upper - 1}: there the local variance is {(inside / outside) ** 2:.2g} times that of the "
        "slices with the least of it."
    )
    return LamellaSuggestion(lower, upper, reason, spread)


def _middle(shape: tuple[int, ...]) -> tuple[slice, slice]:
    rows, columns = (slice(max(0, (n - WIDTH) // 2), max(0, (n - WIDTH) // 2) + WIDTH) for n in shape[1:])
    return rows, columns


def _spread(plane: np.ndarray) -> float:
    height, width = (n // BLOCK for n in plane.shape)
    if not height or not width:
        raise UserError(
            f"A slice of {plane.shape[0]} × {plane.shape[1]} voxels is too small to look for the lamella in: set the "
            "slices by hand."
        )
    blocks = plane[: height * BLOCK, : width * BLOCK].astype(np.float32).reshape(height, BLOCK, width, BLOCK)
    means = blocks.mean((1, 3))
    # Robust against gold, whose few blocks would decide the plain standard deviation.
    low, high = np.percentile(means, (10, 90))
    return float(high - low) / 2.563
