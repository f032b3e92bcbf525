"""How the densities of a volume are distributed, from a sample; and which volumes no science can use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import UserError
from engine.volumes.slabs import slabs

PERCENTILES = (0.05, 0.5, 1.0, 99.0, 99.5, 99.95)
BINS = 256
LARGE = 1e30  # of larger densities squares and differences leave what numbers can hold
SAMPLED_SLICES = 12


@dataclass(frozen=True, eq=False)
class Statistics:
    """Distribution of the sampled finite densities.

    Attributes
    ----------
    minimum, maximum, mean, std
        Of the finite sampled voxels; 0 where there is none.
    percentiles
        At 0.05, 0.5, 1, 99, 99.5 and 99.95 %.
    histogram
        256 counts between the 0.05 and 99.95 % percentiles; what lies beyond is counted in the outermost
        bins.
    edges
        257 bin edges.
    finite_fraction
        Sampled voxels that are neither not-a-number nor infinite, 0…1.
    constant
        All sampled finite voxels are equal (or there is none).
    """

    minimum: float
    maximum: float
    mean: float
    std: float
    percentiles: Mapping[float, float]
    histogram: np.ndarray
    edges: np.ndarray
    finite_fraction: float
    constant: bool


def sample_statistics(array: Any, max_voxels: int = 2_000_000) -> Statistics:
    """Statistics of a sample spread evenly over a volume; a fraction of a second for any size.

    Parameters
    ----------
    array
        [z, y, x].
    max_voxels
        Smaller volumes are read whole; of larger ones about this many voxels from some z slices, the central
        one always among them, thinned in y and x.
    """
    sample = _sample(array, max_voxels)
    finite = sample[np.isfinite(sample)] if sample.dtype.kind == "f" else sample
    if finite.size == 0:
        edges = np.linspace(-0.5, 0.5, BINS + 1)
        nothing = dict.fromkeys(PERCENTILES, 0.0)
        return Statistics(0.0, 0.0, 0.0, 0.0, nothing, np.zeros(BINS, dtype=np.int64), edges, 0.0, True)
    finite_fraction = finite.size / sample.size
    # In double precision and small numbers: the difference of two densities of 3e38 is no 32-bit number, and 256 bins
    # around 1e6 are narrower than 32 bits can tell apart.
    scale = 1.0
    if finite.dtype.kind == "f" and (largest := float(np.abs(finite).max())) > LARGE:
        scale = largest
    finite = finite.astype(np.float64) / scale if scale != 1.0 else finite.astype(_working_dtype(finite))
    percentiles = dict(zip(PERCENTILES, np.percentile(finite, PERCENTILES).tolist(), strict=True))
    minimum, maximum = float(finite.min()), float(finite.max())
    low, high = percentiles[0.05], percentiles[99.95]
    if not low < high:
        low, high = minimum, maximum
    if not high - low > 1e-12 * max(abs(low), abs(high)):  # nothing that 256 bins could divide
        low, high = limits_around(low)
    histogram, edges = np.histogram(np.clip(finite, low, high, dtype=np.float64), bins=BINS, range=(low, high))
    return Statistics(
        minimum=minimum * scale,
        maximum=maximum * scale,
        mean=float(finite.mean(dtype=np.float64)) * scale,
        std=float(finite.std(dtype=np.float64)) * scale,
        percentiles={key: value * scale for key, value in percentiles.items()},
        histogram=histogram,
        edges=edges * scale,
        finite_fraction=finite_fraction,
        constant=minimum == maximum,
    )


def limits_around(value: float) -> tuple[float, float]:
    """Two densities with `value` in their middle, far enough apart for any number to tell them apart."""
    margin = max(0.5, abs(value) * 1e-3)
    return value - margin, value + margin


def is_constant(array: Any) -> bool:
    """Whether all finite voxels have the same value (or there is none); read slab by slab up to the first other one."""
    low, high = np.inf, -np.inf
    for slab in slabs(array.shape, np.dtype(array.dtype).itemsize):
        piece = np.asarray(array[slab])
        piece = piece[np.isfinite(piece)] if piece.dtype.kind == "f" else piece
        if piece.size:
            low, high = min(low, float(piece.min())), max(high, float(piece.max()))
        if low < high:
            return False
    return True


def check_finite(array: Any, name: str) -> None:
    """Refuse a volume with not-a-number or infinite voxels, or with one value everywhere; read slab by slab.

    Parameters
    ----------
    array
        [z, y, x].
    name
        The tomogram, for the sentence.

    Raises
    ------
    UserError
        Says how many voxels are not finite and where the first one is, or the constant value.
    """
    bad, first_bad = 0, None
    low, high = np.inf, -np.inf
    can_be_bad = np.dtype(array.dtype).kind == "f"
    for slab in slabs(array.shape, np.dtype(array.dtype).itemsize):
        piece = np.asarray(array[slab])
        if can_be_bad:
            finite = np.isfinite(piece)
            if not finite.all():
                bad += int(finite.size - np.count_nonzero(finite))
                if first_bad is None:
                    place = np.unravel_index(int(np.argmin(finite)), piece.shape)
                    first_bad = (int(place[2]), int(place[1]), int(place[0]) + slab.start)
                piece = piece[finite]
        if piece.size:
            low, high = min(low, float(piece.min())), max(high, float(piece.max()))
        if low < high and not can_be_bad:
            return
    if bad:
        x, y, z = first_bad or (0, 0, 0)
        raise UserError(
            f"{name} holds {bad:,} not-a-number or infinite voxels (the first at x {x}, y {y}, z {z}): "
            "replace them, or choose another tomogram."
        )
    if not low < high:
        raise UserError(f"{name} holds the same value {low:g} in every voxel: choose another tomogram.")


def _working_dtype(finite: np.ndarray) -> type[np.floating]:
    return np.float32 if finite.dtype.itemsize <= 4 else np.float64


def _sample(array: Any, max_voxels: int) -> np.ndarray:
    depth, height, width = (int(n) for n in array.shape)
    if depth * height * width <= max_voxels:
        return np.asarray(array[...]).ravel()
    count = min(depth, SAMPLED_SLICES)
    chosen = sorted({depth // 2, *(int((i + 0.5) * depth / count) for i in range(count))})
    step = max(1, int(np.ceil(np.sqrt(len(chosen) * height * width / max_voxels))))
    return np.concatenate([np.asarray(array[index, ::step, ::step]).ravel() for index in chosen])
