"""The bank of Gabor filters of S1, and which of them are kept.

Method: PickET S1. The responses are linear and signed, so their variances follow from the covariance of the
neighbourhoods: no response of the bank is ever computed to choose among its filters.
"""

import numpy as np


def gabor_bank(size: int, sinusoids: int) -> np.ndarray:
    """All filters: cosine waves of n frequencies per axis under one Gaussian.

    Parameters
    ----------
    size
        N, voxels.
    sinusoids
        n, frequencies per axis, 0 … 0.5 · N / (N − 1) cycles per voxel.

    Returns
    -------
    ndarray
        float32 `[n³, N³]`, neighbourhoods in C order of (z, y, x). Filter a·n² + b·n + c has the frequency
        index a along *y*, b along *z* and c along x, as PickET numbers them. The Gaussian has σ² = 2 (h/3)²
        about the central voxel (h = N // 2); the waves start at the corner.
    """
    places = np.arange(size) * size / (size - 1)
    frequencies = 0.5 * np.arange(sinusoids) / max(sinusoids - 1, 1)
    phases = frequencies[:, None] * places
    offsets = np.arange(size) - size // 2
    window = np.exp(-(offsets**2) / (4 * (size // 2 / 3) ** 2))
    envelope = window[:, None, None] * window[:, None] * window
    # [a, b, c, z, y, x]
    phase = (
        phases[:, None, None, None, :, None]
        + phases[None, :, None, :, None, None]
        + phases[None, None, :, None, None, :]
    )
    bank = np.cos(2 * np.pi * phase) * envelope
    return bank.reshape(sinusoids**3, size**3).astype(np.float32)


def keep_strongest(bank: np.ndarray, covariance: np.ndarray, count: int) -> np.ndarray:
    """Numbers of the filters whose responses vary most.

    Parameters
    ----------
    bank
        `[n³, N³]`.
    covariance
        Of the neighbourhoods, float64 `[N³, N³]`.
    count
        How many to keep.

    Returns
    -------
    ndarray
        int64 `[count]`, by ascending standard deviation (PickET's order).
    """
    filters = bank.astype(np.float64)
    variances = np.einsum("fi,fi->f", filters @ covariance, filters)
    return np.argsort(variances, kind="stable")[-count:]
