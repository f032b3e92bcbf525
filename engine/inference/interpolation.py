"""Linear interpolation along one axis as a matrix: what resampling and local normalisation share."""

from collections.abc import Sequence

import numpy as np


def linear_weights(places: np.ndarray, length: int, reach: float = 1.0) -> tuple[int, np.ndarray]:
    """Weights that turn samples 0 … `length` − 1 of an axis into values at `places`.

    Parameters
    ----------
    places
        Ascending, in samples; what lies beyond the ends takes the outermost sample.
    length
        Samples of the axis.
    reach
        Half the base of the triangle that samples are weighted with: 1 is linear interpolation; when an axis is made
        coarser, its factor, so that finer detail is averaged away.

    Returns
    -------
    first, weights
        The first sample that is needed, and [places, samples] float32 from there on; rows sum to 1.
    """
    places = np.clip(places, 0, length - 1)
    first = max(int(np.floor(places[0] - reach)) + 1, 0)
    last = min(int(np.ceil(places[-1] + reach)) - 1, length - 1)
    samples = np.arange(min(first, int(places[0])), max(last, int(np.ceil(places[-1]))) + 1)
    weights = np.clip(1.0 - np.abs(places[:, None] - samples[None, :]) / reach, 0.0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    return int(samples[0]), weights.astype(np.float32)


def weighted(values: np.ndarray, matrices: Sequence[np.ndarray]) -> np.ndarray:
    """Apply one matrix of `linear_weights` along each of the three axes, float32 [z, y, x]."""
    result = values.astype(np.float32, copy=False)
    for axis, matrix in enumerate(matrices):
        result = np.moveaxis(np.tensordot(matrix, result, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(result)
