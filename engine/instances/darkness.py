"""How far each voxel stands out from the background, in units of the noise: what a faint or a too dark thing is."""

import numpy as np
from scipy import ndimage

from engine.errors import UserError

NORMAL_MAD = 1.4826
"""Standard deviation of a normal distribution ÷ its median absolute deviation."""


def darkness(density: np.ndarray, sigma: float = 2.5, bright: bool = False) -> np.ndarray:
    """Blur a tomogram and count each voxel's darkness in standard deviations of the background.

    Background is the median of the blurred densities and its noise their median absolute deviation, scaled to a
    standard deviation: both hardly depend on the particles as long as these fill a small part of the volume (Rousseeuw
    and Croux, J. Am. Stat. Assoc. 88, 1993).

    Parameters
    ----------
    density
        Densities `[z, y, x]`, any real type; they are not changed.
    sigma
        Of the Gaussian blur, voxels; about the radius of the smallest particles is best.
    bright
        Whether particles are bright instead of dark.

    Returns
    -------
    ndarray
        float32 `[z, y, x]`: 0 = background, 3 = three standard deviations darker (brighter with `bright`).

    Raises
    ------
    UserError
        Not three axes, values that are not finite, a negative blur, or a background without any noise.
    """
    if density.ndim != 3 or 0 in density.shape:
        shape = " × ".join(str(n) for n in density.shape) or "a single number"
        raise UserError(f"A tomogram needs three dimensions (z, y, x), this array has the shape {shape}.")
    if not 0 <= sigma < np.inf:
        raise UserError(f"The blur is {sigma:g} voxels: it must be 0 or more, for example 2.5.")
    values = ndimage.gaussian_filter(density.astype(np.float32), sigma)
    background = np.median(values)
    if not np.isfinite(background) or not np.isfinite(values.sum(dtype=np.float64)):
        raise UserError("Some densities are not finite numbers (NaN or infinite): write the tomogram again without.")
    values -= background
    noise = NORMAL_MAD * float(np.median(np.abs(values)))
    if noise == 0:
        raise UserError(
            f"More than half of the densities are the same ({background:g}), so there is no noise to compare with: "
            "choose a region without padding."
        )
    values /= np.float32(noise if bright else -noise)
    return values
