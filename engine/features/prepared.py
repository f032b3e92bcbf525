"""A tomogram as its neighbourhoods are compared: blurred, scaled, on the device to compute on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from engine.errors import UserError
from engine.features.neighbourhoods import Neighbourhoods
from engine.features.parameters import S1Parameters, slices_of
from engine.features.preparation import blur, check_shape, scale_in_place
from engine.features.progress import Progress, silent

Region = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Prepared:
    """A tomogram as its neighbourhoods are compared.

    Parameters
    ----------
    densities
        Blurred and scaled to 0…1, float32 `[z, y, x]`, on the device to compute on.
    lower, upper
        The slices [lower, upper) are fitted.
    threads
        How many slabs are worked on at once.
    seconds
        What it took.
    """

    densities: torch.Tensor
    lower: int
    upper: int
    threads: int
    seconds: float

    def neighbourhoods(self, size: int, centre: float, fitted_only: bool = False) -> Neighbourhoods:
        """Those of all slices, or of the slices to fit on."""
        part = self.densities[self.lower : self.upper] if fitted_only else self.densities
        return Neighbourhoods(part, size, centre, self.threads)


def prepare(
    volume: np.ndarray,
    parameters: S1Parameters,
    progress: Progress = silent,
    threads: int = 1,
    device: str = "cpu",
    value_range: tuple[float, float] | None = None,
    inside: Region | None = None,
) -> Prepared:
    """Blur and scale a tomogram.

    Parameters
    ----------
    volume, progress, threads, device
        See `engine.features.segment`.
    parameters
        Which slices are fitted.
    value_range
        Smallest and largest blurred density to scale by, where `volume` is a part of something; None = its own.
    inside
        The part of `volume` (z, y, x) that is used once all of it is blurred; slice limits and results are of this
        part. None = all.

    Raises
    ------
    UserError
        What concerns the volume.
    """
    check_shape(volume)
    lower, upper = slices_of(volume if inside is None else volume[inside], parameters)
    began = time.perf_counter()
    progress(0.0, "Blurring")
    densities = blur(volume, threads)
    densities = scale_in_place(densities if inside is None else np.ascontiguousarray(densities[inside]), value_range)
    return Prepared(torch.from_numpy(densities).to(device), lower, upper, threads, time.perf_counter() - began)


@contextmanager
def running_on(threads: int | None, device: str) -> Iterator[int]:
    """How many slabs to work on at once; each with one thread of torch on a CPU, so that they do not multiply."""
    if threads is not None and threads < 1:
        raise UserError(f"The number of threads is {threads}: at least one is needed.")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield (threads or before) if torch.device(device).type == "cpu" else 1
    finally:
        torch.set_num_threads(before)
