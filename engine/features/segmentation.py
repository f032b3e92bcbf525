"""PickET S1 on an array: its parameters, the road from densities to a label map, and what comes out.

The steps themselves live beside this file: `preparation` (blur, scale), `modes` (features) and `clustering`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from engine.errors import UserError
from engine.features.clustering import METHODS, Decision
from engine.features.modes import MODES
from engine.features.neighbourhoods import Neighbourhoods
from engine.features.preparation import blur, check_shape, scale_in_place
from engine.features.progress import Progress, part_of, silent

BACKGROUND, PARTICLE, BORDER = 0, 1, -1


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
        if not 0 <= self.seed < 2**32:
            raise UserError(f"The seed is {self.seed}: it must lie between 0 and {2**32 - 1}.")


@dataclass(frozen=True)
class S1Result:
    """What S1 found.

    Parameters
    ----------
    labels
        int8 `[z, y, x]`: 0 the larger cluster (background), 1 the smaller (particles), −1 the border of
        N // 2 voxels, whose neighbourhoods are not whole.
    counts
        Voxels labelled 0 and 1.
    n_neighbourhoods
        How many the clusters were fitted on.
    n_features
        Numbers per neighbourhood.
    centroids
        Mean features of clusters 0 and 1, float64 `[2, n_features]`, in blurred densities scaled to 0…1.
    seconds
        Time taken: "features" (blurring and scaling) and "clustering" (fit and labels).
    iterations
        Iterations of the fit.
    """

    labels: np.ndarray
    counts: tuple[int, int]
    n_neighbourhoods: int
    n_features: int
    centroids: np.ndarray
    seconds: dict[str, float]
    iterations: int


def segment(
    volume: np.ndarray,
    parameters: S1Parameters,
    progress: Progress | None = None,
    threads: int | None = None,
    device: str = "cpu",
) -> S1Result:
    """Label each voxel background or particle, as PickET's S1 does.

    Holds, beside `volume`, about five float32 copies of it at most, whatever the neighbourhood size. The
    labels do not change when the densities are scaled or shifted, so a box cut out for a preview needs no
    knowledge of the whole.

    Parameters
    ----------
    volume
        Densities `[z, y, x]`, any real type; they are not changed.
    parameters
        See `S1Parameters`.
    progress
        Called with (fraction, text).
    threads
        CPU threads to use; None = torch's setting.
    device
        A torch device.

    Raises
    ------
    UserError
        Densities that are not finite or all the same; a volume or a range of slices smaller than a
        neighbourhood; slice limits outside the volume or crossed.
    """
    report = progress or silent
    size, mode = parameters.neighbourhood_size, MODES[parameters.mode]
    lower, upper = _slices_to_fit(volume, parameters)
    with _threads(threads, device) as n_threads:
        began = time.perf_counter()
        report(0.0, "Blurring")
        prepared = scale_in_place(blur(volume, n_threads))
        blurred = time.perf_counter()

        densities = torch.from_numpy(prepared).to(device)
        fitted = Neighbourhoods(densities[lower:upper], size, _mean(prepared), n_threads)
        included = _sample(fitted, parameters)
        n_fitted = fitted.count if included is None else int(included.sum())
        decision = METHODS[parameters.method].fit(fitted, included, parameters.seed, part_of(report, 0.1, 0.9))
        del included
        boxes = Neighbourhoods(densities, size, fitted.centre, n_threads)
        labels, counts = _label(boxes, decision, part_of(report, 0.9, 1.0))
        means = decision.means
        if relabel(labels):
            counts, means = counts[::-1], means[::-1]
        done = time.perf_counter()
    return S1Result(
        labels=labels,
        counts=counts,
        n_neighbourhoods=n_fitted,
        n_features=mode.count(size),
        centroids=mode.extract(means).copy(),
        seconds={"features": blurred - began, "clustering": done - blurred},
        iterations=decision.iterations,
    )


def relabel(labels: np.ndarray) -> bool:
    """Call the larger of the clusters 0 and 1 background (0), in place.

    The border (−1) has no vote and stays. A tie changes nothing.

    Parameters
    ----------
    labels
        int8 with the values −1, 0, 1.

    Returns
    -------
    bool
        Whether 0 and 1 were exchanged.
    """
    swap = np.count_nonzero(labels == PARTICLE) > np.count_nonzero(labels == BACKGROUND)
    if swap:
        for plane in labels:  # by planes: the mask of the whole would be one more copy
            np.subtract(1, plane, out=plane, where=plane != BORDER)
    return bool(swap)


def _label(boxes: Neighbourhoods, decision: Decision, progress: Progress) -> tuple[np.ndarray, tuple[int, int]]:
    """Labels of the whole volume, −1 where no neighbourhood is centred, and how many are 0 and 1."""
    half = boxes.size // 2
    labels = np.full(boxes.volume.shape, BORDER, np.int8)
    inside = labels[half:-half, half:-half, half:-half]

    def label_slab(start: int, stop: int) -> tuple[int, int]:
        second = decision.labels(boxes, start, stop)
        inside[start:stop] = second.to(torch.int8).cpu().numpy()
        return stop, int(torch.count_nonzero(second))

    ones = 0
    for done, of_slab in boxes.each_slab(label_slab):
        ones += of_slab
        progress(done / boxes.shape[0], "Labelling voxels")
    progress(1.0, "Labelled")
    return labels, (boxes.count - ones, ones)


def _slices_to_fit(volume: np.ndarray, parameters: S1Parameters) -> tuple[int, int]:
    size = parameters.neighbourhood_size
    check_shape(volume)
    if min(volume.shape) < size:
        shape = " × ".join(str(n) for n in volume.shape)
        raise UserError(
            f"The volume has {shape} voxels (z, y, x), less than one neighbourhood of {size} × {size} × {size}: "
            "choose a larger region or a smaller neighbourhood size."
        )
    lower, upper = slices_to_fit(volume.shape[0], size, parameters.lower_z, parameters.upper_z)
    if (upper - lower - size + 1) * (volume.shape[1] - size + 1) * (volume.shape[2] - size + 1) < 2:
        raise UserError(
            "The region holds a single neighbourhood, two clusters need at least two: choose a larger region."
        )
    return lower, upper


def slices_to_fit(depth: int, size: int, lower_z: int | None, upper_z: int | None) -> tuple[int, int]:
    """First slice to fit on, and the one after the last, in a tomogram of `depth` slices.

    Raises
    ------
    UserError
        Limits outside the tomogram or crossed, or fewer slices than a neighbourhood of `size` needs.
    """
    lower = 0 if lower_z is None else lower_z
    upper = depth if upper_z is None else upper_z
    what = f"The slice limits for fitting are {lower} … {upper}, the tomogram has {depth} slices"
    if lower < 0 or upper > depth:
        raise UserError(f"{what}: they must lie within 0 … {depth}.")
    if lower >= upper:
        raise UserError(f"{what}: the lower limit must be less than the upper one.")
    if upper - lower < size:
        raise UserError(
            f"{what}: at least {size} slices (one neighbourhood) are needed between them, these are {upper - lower}."
        )
    return lower, upper


def _sample(boxes: Neighbourhoods, parameters: S1Parameters) -> torch.Tensor | None:
    """Which neighbourhoods are fitted: bool `[z, y, x]`, or None for all."""
    most = parameters.max_neighbourhoods
    if most is None or most >= boxes.count:
        return None
    random = np.random.default_rng(parameters.seed)
    chosen = np.zeros(boxes.count, bool)
    chosen[random.choice(boxes.count, most, replace=False, shuffle=False)] = True
    return torch.from_numpy(chosen.reshape(boxes.shape)).to(boxes.volume.device)


def _mean(volume: np.ndarray) -> float:
    return float(np.mean([plane.mean(dtype=np.float64) for plane in volume]))


@contextmanager
def _threads(threads: int | None, device: str) -> Iterator[int]:
    """How many slabs to work on at once; each with one thread of torch on a CPU, so that they do not multiply."""
    if threads is not None and threads < 1:
        raise UserError(f"The number of threads is {threads}: at least one is needed.")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield (threads or before) if torch.device(device).type == "cpu" else 1
    finally:
        torch.set_num_threads(before)
