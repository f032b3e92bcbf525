"""What S1 can be told, and which slices that means in a tomogram."""

from dataclasses import dataclass

import numpy as np

from engine.errors import UserError
from engine.features.clustering import METHODS
from engine.features.modes import MODES
from engine.features.preparation import check_shape


@dataclass(frozen=True)
class S1Parameters:
    """What S1 can be told.

    Parameters
    ----------
    neighbourhood_size
        N, voxels; odd and at least 3.
    mode
        Name of a feature mode (`engine.features.MODES`).
    method
        Name of a clustering method (`engine.features.METHODS`).
    lower_z, upper_z
        The clusters are fitted on the slices [lower_z, upper_z), 0-based; None = from the first, to the last.
        All slices are labelled whatever these are.
    max_neighbourhoods
        Fit on so many neighbourhoods, drawn without replacement; None = on all.
    seed
        Of that draw and of the first centres.
    sinusoids, output_features
        Mode gabor: n, the bank has n³ filters; and how many of them are kept, those that vary most.
    at_once
        At most so many neighbourhoods are written out together; None = what suits the machine.

    Raises
    ------
    UserError
        A value out of its range, or an unknown mode or method.
    """

    neighbourhood_size: int = 5
    mode: str = "intensities"
    method: str = "kmeans"
    lower_z: int | None = None
    upper_z: int | None = None
    max_neighbourhoods: int | None = None
    seed: int = 42
    sinusoids: int = 10
    output_features: int = 64
    at_once: int | None = None

    def __post_init__(self) -> None:
        if self.neighbourhood_size < 3 or self.neighbourhood_size % 2 == 0:
            raise UserError(
                f"The neighbourhood size is {self.neighbourhood_size} voxels: "
                "it must be odd and at least 3 (5 is usual)."
            )
        for title, name, known in (
            ("feature mode", self.mode, tuple(MODES)),
            ("clustering method", self.method, tuple(METHODS)),
        ):
            if name not in known:
                raise UserError(f'There is no {title} "{name}": choose from {", ".join(known)}.')
        if self.max_neighbourhoods is not None and self.max_neighbourhoods < 2:
            raise UserError(
                f"The largest number of neighbourhoods to fit on is {self.max_neighbourhoods}: two clusters need "
                "at least 2 (leave it empty to fit on all)."
            )
        if self.mode == "gabor" and self.sinusoids < 1:
            raise UserError(f"The number of sinusoids is {self.sinusoids}: at least one is needed (10 is usual).")
        if self.mode == "gabor" and not 1 <= self.output_features <= self.sinusoids**3:
            raise UserError(
                f"{self.output_features} of the {self.sinusoids**3} Gabor filters ({self.sinusoids} sinusoids per "
                f"axis) are to be kept: choose 1 to {self.sinusoids**3}."
            )
        if self.at_once is not None and self.at_once < 1:
            raise UserError(f"The number of neighbourhoods at once is {self.at_once}: at least one is needed.")
        if not 0 <= self.seed < 2**32:
            raise UserError(f"The seed is {self.seed}: it must lie between 0 and {2**32 - 1}.")


def slices_of(volume: np.ndarray, parameters: S1Parameters) -> tuple[int, int]:
    """First slice of `volume` `[z, y, x]` to fit on, and the one after the last.

    Raises
    ------
    UserError
        See `slices_to_fit`; a volume smaller than a neighbourhood or with a single one; fewer neighbourhoods than
        the sample asked for is no error, all are taken then.
    """
    size = parameters.neighbourhood_size
    check_shape(volume)
    check_room(volume.shape, size)
    lower, upper = slices_to_fit(volume.shape[0], size, parameters.lower_z, parameters.upper_z)
    if (upper - lower - size + 1) * (volume.shape[1] - size + 1) * (volume.shape[2] - size + 1) < 2:
        raise UserError(
            "The region holds a single neighbourhood, two clusters need at least two: choose a larger region."
        )
    return lower, upper


def check_room(shape: tuple[int, ...], size: int) -> None:
    """Raise a `UserError` unless a volume of `shape` (z, y, x) holds a neighbourhood of `size`."""
    if min(shape) < size:
        raise UserError(
            f"The volume has {' × '.join(map(str, shape))} voxels (z, y, x), less than one neighbourhood of "
            f"{size} × {size} × {size}: choose a larger region or a smaller neighbourhood size."
        )


def slices_to_fit(depth: int, size: int, lower_z: int | None, upper_z: int | None) -> tuple[int, int]:
    """First slice to fit on, and the one after the last, in a tomogram of `depth` slices.

    Raises
    ------
    UserError
        Limits outside the tomogram or crossed, or fewer slices than a neighbourhood of `size` needs.
    """
    lower = 0 if lower_z is None else lower_z
    upper = depth if upper_z is None else upper_z
    what = f"The slice limits for fitting are {lower} … {upper}, the tomogram has {depth} slice{'s' * (depth != 1)}"
    if lower < 0 or upper > depth:
        raise UserError(f"{what}: they must lie within 0 … {depth}.")
    if lower >= upper:
        raise UserError(f"{what}: the lower limit must be less than the upper one.")
    if upper - lower < size:
        raise UserError(
            f"{what}: at least {size} slices (one neighbourhood) are needed between them, "
            f"{'this is' if upper - lower == 1 else 'these are'} {upper - lower}."
        )
    return lower, upper
