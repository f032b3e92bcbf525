"""Means of densities as 32-bit numbers."""

from typing import Any

import numpy as np


def mean32(values: Any, axis: int | tuple[int, ...]) -> np.ndarray:
    """Mean along `axis` as float32, summed in float32; in double precision where such a sum leaves 32 bits.

    Densities of 1e38 are rare, and a sum in double precision takes twice as long: so it is done where it is needed.
    Infinite values stay what they are.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.asarray(np.mean(values, axis=axis, dtype=np.float32))
        if not np.isinf(mean).any():
            return mean
        return np.asarray(np.mean(values, axis=axis, dtype=np.float64)).astype(np.float32)
