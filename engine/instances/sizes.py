"""Sizes of pieces and what they say: where speckle ends and particles begin, and what is too large to be one.

A suggestion is for a person to judge: it comes with a histogram and with its reason in one sentence.
"""

from dataclasses import dataclass

import cc3d
import numpy as np
from scipy import ndimage

from engine.errors import UserError
from engine.instances.masks import connected_components
from engine.words import span

_FEW = 10
"""With fewer pieces nothing is suggested."""
_ALIKE = 8.0
"""Pieces within this ratio of sizes (a factor of 2 in diameter) are of one kind."""
_HUGE = 20.0
"""Pieces so many times the typical size are not particles of the typical kind."""
_STEP, _SMOOTHING = 0.02, 0.1
"""Decades of size: grid of the density, and standard deviation of its smoothing."""


@dataclass(frozen=True)
class SizeSuggestion:
    """Limits on the sizes of particles, for a person to accept or change.

    Parameters
    ----------
    minimum, maximum
        Sizes to keep, voxels, both included; None = no limit suggested.
    clear
        Whether a gap in the distribution separates the small from the particles. Where not, `minimum` is a rule of
        thumb, and the reason says so.
    reason
        One sentence with figures.
    edges, counts
        Histogram of the sizes on a logarithmic scale: float64 `[n + 1]` in voxels, halfway between whole numbers, and
        int64 `[n]`.
    """

    minimum: int | None
    maximum: int | None
    clear: bool
    reason: str
    edges: np.ndarray
    counts: np.ndarray


def component_sizes(labels: np.ndarray) -> np.ndarray:
    """Voxels of each piece.

    Parameters
    ----------
    labels
        `[z, y, x]`: a mask (bool), whose pieces are the groups of voxels that touch by their faces, or an
        instance map (integers), whose pieces are its labels from 1 on.

    Returns
    -------
    ndarray
        int64, by ascending label; labels without voxels are left out.
    """
    if labels.dtype != bool:
        inside = labels > 0
        found = np.bincount(labels[inside].astype(np.int64, copy=False)) if inside.any() else np.empty(0, np.int64)
    elif labels.any():
        found = cc3d.statistics(connected_components(labels))["voxel_counts"][1:].astype(np.int64)
    else:
        found = np.empty(0, np.int64)
    return found[found > 0]


def suggest_sizes(sizes: np.ndarray) -> SizeSuggestion:
    """Suggest limits on the sizes of particles from the sizes of all pieces.

    The smallest: a clear valley in the density of log sizes (half of the lower of its two sides or less, and by more
    than chance) below which lies a quarter of the volume at most; without one, the size below which lies a tenth of
    the volume, huge pieces left out. The largest: only where pieces of more than 20 times the typical size (the median
    of those above the smallest) hold a tenth of the volume; it is put into the widest gap near 20 times.

    Parameters
    ----------
    sizes
        Voxels of each piece, any order; see `component_sizes`.

    Returns
    -------
    SizeSuggestion

    Raises
    ------
    UserError
        There is no piece.
    """
    sizes = np.sort(np.asarray(sizes, np.int64))
    sizes = sizes[sizes > 0]
    if not len(sizes):
        raise UserError("There is no piece whose size could be looked at: choose a particle cluster that has voxels.")
    edges, counts = size_histogram(sizes)
    reach = f"{span(sizes[0], sizes[-1])} voxels"
    if len(sizes) < _FEW:
        there = "There is only 1 piece" if len(sizes) == 1 else f"There are only {len(sizes)} pieces"
        reason = f"{there}, of {reach}: too few to tell speckle from particles."
        return SizeSuggestion(None, None, False, reason, edges, counts)

    valley = _valley(sizes)
    if valley is not None:
        minimum = valley
        small, large = np.split(sizes, [np.searchsorted(sizes, valley)])
        typical = float(np.median(large))
        said = (
            f"Hardly any piece has about {valley:,} voxels: {len(small):,} have {small[0]:,} to {small[-1]:,} and hold "
            f"{_share(small.sum(), sizes.sum())} of the volume, {len(large):,} have {large[0]:,} or more"
        )
    else:
        typical, minimum = _tenth(sizes)
        usual = sizes[sizes <= _HUGE * typical]
        low, high = np.percentile(usual, [5, 95])
        small = usual[usual < minimum]
        if high <= _ALIKE * low:
            minimum = 0
            said = (
                f"Nine in ten of the {len(usual):,} pieces have {low:,.0f} to {high:,.0f} voxels, so none is too small"
            )
        elif not len(small):
            minimum = 0
            said = f"There is no gap between small and large ({reach}), and the smallest hold much of the volume"
        else:
            said = (
                f"There is no clear gap between small and large ({reach}), but the {_share(len(small), len(sizes))} of "
                f"the pieces below {minimum:,} voxels hold only {_share(small.sum(), usual.sum())} of the volume"
            )
    maximum, more = _upper(sizes, typical)
    return SizeSuggestion(minimum or None, maximum, valley is not None, f"{said}{more}.", edges, counts)


def size_histogram(sizes: np.ndarray, per_decade: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Histogram of sizes on a logarithmic scale, each bin wide enough for a whole number.

    Parameters
    ----------
    sizes
        Voxels, at least one, each ≥ 1.
    per_decade
        Bins for a factor of ten, where sizes are large enough for so many.

    Returns
    -------
    edges : ndarray
        float64 `[n + 1]`, from 0.5 on, halfway between whole numbers.
    counts : ndarray
        int64 `[n]`.
    """
    steps = int(np.ceil(np.log10(float(sizes.max()) + 1) * per_decade)) + 1
    edges = np.unique(np.round(10 ** (np.arange(steps + 1) / per_decade))) - 0.5
    edges = edges[: int(np.searchsorted(edges, sizes.max())) + 1]
    counts, _ = np.histogram(sizes, edges)
    return edges, counts.astype(np.int64)


def _tenth(sizes: np.ndarray) -> tuple[float, int]:
    """Typical size and the smallest to keep: a tenth of the volume lies below that, huge pieces left out."""
    minimum = _holding_most(sizes)
    # Left out once only: each further time would take the largest of what is left for huge.
    usual = sizes[sizes <= _HUGE * np.median(sizes[sizes >= minimum])]
    minimum = _holding_most(usual)
    return float(np.median(usual[usual >= minimum])), minimum


def _holding_most(sizes: np.ndarray) -> int:
    """The smallest of the pieces (ascending) that together hold nine tenths of the volume."""
    return int(sizes[np.searchsorted(np.cumsum(sizes), 0.1 * sizes.sum())])


def _valley(sizes: np.ndarray) -> int | None:
    """Size at which a clear valley divides the density of log sizes (ascending), if one does."""
    # A piece of n voxels is spread over n − ½ … n + ½, or small whole numbers would stand apart like a comb.
    grid = np.arange(np.log10(0.5), np.log10(sizes[-1] + 0.5) + 0.5, _STEP)
    value, count = np.unique(sizes, return_counts=True)
    ends = np.stack([value - 0.5, value + 0.5], axis=1).ravel()
    total = np.repeat(np.cumsum(count), 2)
    total[0::2] -= count
    density = np.diff(np.interp(grid, np.log10(ends), total))
    smooth = ndimage.gaussian_filter1d(density, _SMOOTHING / _STEP, mode="constant")
    before, after = np.maximum.accumulate(smooth), np.maximum.accumulate(smooth[::-1])[::-1]
    lower_side = np.minimum(before, after)
    with np.errstate(invalid="ignore"):
        depth = smooth / lower_side
    # Pieces under the smoothing window, there and at the lower side: the difference must be more than chance.
    window = np.sqrt(2 * np.pi) * _SMOOTHING / _STEP
    certain = (lower_side - smooth) * window >= 3 * np.sqrt((lower_side + smooth) * window)
    place = 10 ** grid[:-1]
    smaller = np.searchsorted(sizes, place)
    volume = np.concatenate([[0], np.cumsum(sizes)])[smaller] / sizes.sum()
    sides = np.minimum(smaller, len(sizes) - smaller) >= _FEW
    possible = (depth <= 0.5) & certain & (volume <= 0.25) & sides
    if not possible.any():
        return None
    # Speckle is the smallest of all: the first valley is meant, not one between kinds of particles.
    first = int(np.argmax(possible))
    after_it = np.flatnonzero(~possible[first:])
    valley = slice(first, first + int(after_it[0]) if len(after_it) else len(depth))
    lowest = np.flatnonzero(depth[valley] <= depth[valley].min() + 0.02)
    return int(np.ceil(place[first + int(lowest[len(lowest) // 2])]))


def _upper(sizes: np.ndarray, typical: float) -> tuple[int | None, str]:
    huge = sizes[sizes > _HUGE * typical]
    if not len(huge):
        return None, f"; none is far larger than the typical {typical:,.0f} voxels"
    if huge.sum() < 0.1 * sizes.sum():
        share = _share(huge.sum(), sizes.sum())
        return None, f"; {len(huge):,} far larger than the typical {typical:,.0f} voxels hold only {share}"
    near = sizes[(sizes >= _HUGE / 2 * typical) & (sizes <= _HUGE * 2 * typical)].astype(float)
    ends = np.concatenate([[_HUGE / 2 * typical], near, [_HUGE * 2 * typical]])
    widest = int(np.argmax(np.diff(np.log(ends))))
    maximum = int(np.sqrt(ends[widest] * ends[widest + 1]))
    gone = sizes[sizes > maximum]
    return maximum, (
        f"; {len(gone):,} of more than {maximum:,} voxels, far above the typical {typical:,.0f}, hold "
        f"{_share(gone.sum(), sizes.sum())} and are probably membranes or fused particles"
    )


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2g} %" if part < whole else "100 %"
