"""What a tomogram does to what is in it: noise, and the wedge of directions that no tilt of the stage shows."""

import numpy as np
from scipy import fft

MAX_TILT = 60.0
"""Degrees to both sides."""

NOISE_LENGTH = 0.7
"""Voxels over which the noise is alike, the standard deviation of its blur."""


def image(density: np.ndarray, noise: float, random: np.random.Generator) -> np.ndarray:
    """A tomogram of a density: protein dark, coloured noise, a missing wedge, mean 0 and standard deviation 1.

    The stage tilts about y and the beam runs along z, so of the Fourier transform only |k_z| ≤ tan(60°) ·
    |k_x| is known. No contrast transfer function is applied: the contrast is that of a corrected, denoised
    reconstruction.

    Parameters
    ----------
    density
        float32 `[z, y, x]`, 1 = protein.
    noise
        Standard deviation of the noise in every voxel before the wedge is taken out.
    random
        Where the noise comes from.

    Returns
    -------
    ndarray
        float32 `[z, y, x]`.
    """
    waves = fft.rfftn(random.standard_normal(density.shape, np.float32), workers=-1)
    waves *= noise * _colour(density.shape)
    waves -= fft.rfftn(density, workers=-1)
    waves *= _seen(density.shape)
    volume = fft.irfftn(waves, density.shape, workers=-1, overwrite_x=True)
    volume -= volume.mean(dtype=np.float64)
    volume /= volume.std(dtype=np.float64)
    return volume.astype(np.float32, copy=False)


def _colour(shape: tuple[int, ...]) -> np.ndarray:
    """Amplitude of the noise at each frequency, so scaled that its variance stays 1: float32, as rfftn orders them."""
    z, y, x = _frequencies(shape)
    amplitude = np.exp(-2 * (np.pi * NOISE_LENGTH) ** 2 * (z * z + y * y + x * x)) + np.float32(0.05)
    # rfftn keeps one of each conjugate pair; all but the first and (for an even length) last column count twice.
    twice = np.full(x.shape, 2.0)
    twice[..., 0] = 1
    if shape[2] % 2 == 0:
        twice[..., -1] = 1
    power = float((amplitude.astype(np.float64) ** 2 * twice).sum()) / np.prod(shape)
    return amplitude / np.float32(np.sqrt(power))


def _seen(shape: tuple[int, ...]) -> np.ndarray:
    """1 where a tilt within ±60° about y shows the frequency, else 0."""
    z, _, x = _frequencies(shape)
    return (np.abs(z) <= np.tan(np.radians(MAX_TILT)) * np.abs(x) + 1e-7).astype(np.float32)


def _frequencies(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frequencies in cycles per voxel along z, y, x, as arrays that broadcast to the shape of rfftn's result."""
    return (
        fft.fftfreq(shape[0]).astype(np.float32)[:, None, None],
        fft.fftfreq(shape[1]).astype(np.float32)[None, :, None],
        fft.rfftfreq(shape[2]).astype(np.float32)[None, None, :],
    )
