"""What happens to a tomogram before its neighbourhoods are compared: blurring, and scaling to 0…1.

Method: PickET S1. Integer densities are cast to float32 first, so nothing wraps or is rounded to whole
numbers.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from scipy import ndimage

from engine.errors import UserError

SIGMA = 2.0
RADIUS = 8


def blur(volume: np.ndarray, threads: int = 1) -> np.ndarray:
    """Gaussian blur with σ = 2 voxels, cut at 8 voxels, the edge sample repeated outside.

    Parameters
    ----------
    volume
        Densities `[z, y, x]`, any real type.
    threads
        How many slabs are worked on at once; the result does not depend on it.

    Returns
    -------
    ndarray
        float32 `[z, y, x]`.

    Raises
    ------
    UserError
        The volume is not three-dimensional, or holds values that are not finite numbers.
    """
    check_densities(volume)
    offsets = np.arange(-RADIUS, RADIUS + 1)
    kernel = np.exp(-0.5 * (offsets / SIGMA) ** 2)
    kernel /= kernel.sum()

    blurred = np.empty(volume.shape, np.float32)
    # A pass along one axis leaves the slabs across another axis independent of each other. SciPy sums each
    # line in float64 whatever the input's type, so the cast to float32 needs no copy of its own.
    _blur_axis(volume, blurred, kernel, axis=0, across=1, threads=threads)
    _blur_axis(blurred, blurred, kernel, axis=1, across=0, threads=threads)
    _blur_axis(blurred, blurred, kernel, axis=2, across=0, threads=threads)
    return blurred


def normalise(blurred: np.ndarray) -> np.ndarray:
    """Scale to 0…1 by the smallest and the largest value of the whole volume.

    Parameters
    ----------
    blurred
        Densities `[z, y, x]`.

    Returns
    -------
    ndarray
        float32 `[z, y, x]`, a new array.

    Raises
    ------
    UserError
        All values are the same, or some are not finite.
    """
    return scale_in_place(blurred.astype(np.float32))


def scale_in_place(volume: np.ndarray, value_range: tuple[float, float] | None = None) -> np.ndarray:
    """Do what `normalise` does to a float32 volume without a second copy of it; by another range where one is given."""
    low, high = volume.min(), volume.max()
    if not float(high) - float(low) <= float(np.finfo(volume.dtype).max):  # true of not-a-number, too
        raise UserError(
            f"The blurred densities reach {low:g} … {high:g}, too large for 32-bit numbers: rescale the tomogram."
        )
    if low == high:
        raise UserError(
            f"The volume is constant (every blurred density is {low:g}): there is nothing to separate. "
            "Choose another tomogram or another region."
        )
    if value_range is not None:
        low, high = (volume.dtype.type(value) for value in value_range)
    volume -= low
    volume /= high - low
    return volume


def check_shape(volume: np.ndarray) -> None:
    """Raise a `UserError` unless `volume` is a three-dimensional array with something in it."""
    if volume.ndim != 3 or 0 in volume.shape:
        shape = " × ".join(str(n) for n in volume.shape) or "a single number"
        raise UserError(f"A tomogram needs three dimensions (z, y, x), this array has the shape {shape}.")


def check_densities(volume: np.ndarray) -> None:
    """Raise a `UserError` unless `volume` is a three-dimensional array of finite real numbers."""
    check_shape(volume)
    if volume.dtype.kind not in "iufb":
        raise UserError(f"Densities must be real numbers, these are of the type {volume.dtype}.")
    bad = sum(plane.size - int(np.count_nonzero(np.isfinite(plane))) for plane in volume)
    if bad:
        raise UserError(
            f"{bad} of the {volume.size} densities are not finite numbers (NaN or infinite): "
            "write the tomogram again without them."
        )


def _blur_axis(
    source: np.ndarray, target: np.ndarray, kernel: np.ndarray, axis: int, across: int, threads: int
) -> None:
    """Blur along `axis` into `target`, in slabs cut across another axis; source and target may be the same."""
    edges = np.linspace(0, source.shape[across], 4 * threads + 1).astype(int)
    cuts = [slice(a, b) for a, b in pairwise(edges) if b > a]

    def blur_slab(cut: slice) -> None:
        part = tuple(cut if a == across else slice(None) for a in range(3))
        slab = source[part]
        if slab.dtype.kind == "f" and slab.dtype.itemsize == 2:
            slab = slab.astype(np.float32)  # SciPy knows no float16
        ndimage.correlate1d(slab, kernel, axis=axis, output=target[part], mode="reflect")

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(blur_slab, cuts))


def approximate_range(volume: np.ndarray, factor: int) -> tuple[float, float]:
    """Smallest and largest value that `blur` gives, from a volume that was binned before.

    Block means blur too, with a variance of (factor² − 1) / 12; the rest is made up for. Good to a few per cent of
    the range, at a small part of the cost.

    Parameters
    ----------
    volume
        Block means `[z, y, x]` over `factor`³ voxels.
    factor
        1 … 5.
    """
    left = max(SIGMA**2 - (factor**2 - 1) / 12, 0.0)
    blurred = ndimage.gaussian_filter(volume.astype(np.float32), left**0.5 / factor)
    return float(blurred.min()), float(blurred.max())
