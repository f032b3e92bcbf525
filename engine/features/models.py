"""What is learnt: two clusters of neighbourhoods, from one tomogram or from several together."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from engine.errors import UserError
from engine.features.clustering import METHODS
from engine.features.decisions import Decision
from engine.features.filters import keep_strongest
from engine.features.kmeans import fit_kmeans
from engine.features.modes import MODES, Features
from engine.features.neighbourhoods import Neighbourhoods
from engine.features.parameters import S1Parameters
from engine.features.prepared import Prepared
from engine.features.progress import Progress, part_of, silent
from engine.features.rows import Material

POOLED = 150_000
"""Neighbourhoods that a model of several tomograms is fitted on together, if not told otherwise."""


@dataclass(frozen=True)
class Model:
    """Two clusters of neighbourhoods, ready to label any prepared tomogram.

    Parameters
    ----------
    parameters
        How it was fitted.
    features, decision
        What is compared, and the rule found.
    centre
        What is subtracted from every density before.
    n_neighbourhoods
        How many it was fitted on.
    filters
        Mode gabor: numbers of the kept filters, by ascending standard deviation.
    background
        Which cluster is background; None = the larger one of each tomogram (PickET's rule).
    seconds
        What the fit took.
    """

    parameters: S1Parameters
    features: Features
    decision: Decision
    centre: float
    n_neighbourhoods: int
    filters: np.ndarray | None
    background: int | None
    seconds: float


def fit_each(
    prepared: Prepared,
    workflows: Sequence[S1Parameters],
    progress: Progress = silent,
    filters: np.ndarray | None = None,
) -> Iterator[tuple[S1Parameters, Model | UserError]]:
    """Fit workflows of one mode on one tomogram; see `segment_each`."""
    first = workflows[0]
    centre = float(torch.stack([plane.mean(dtype=torch.float64) for plane in prepared.densities]).mean())
    boxes = prepared.neighbourhoods(first.neighbourhood_size, centre, fitted_only=True)
    included = sample_mask(boxes, first.max_neighbourhoods, first.seed)
    material = Material.of_volume(boxes, included, first.at_once)
    del included
    yield from _fit(material, centre, workflows, progress, filters)


def pooled_windows(prepared: Prepared, parameters: S1Parameters, centre: float, count: int) -> torch.Tensor:
    """A tomogram's share of what one model of several tomograms is fitted on, float64 `[n, N³]`."""
    boxes = prepared.neighbourhoods(parameters.neighbourhood_size, centre, fitted_only=True)
    numbers = np.random.default_rng(parameters.seed).choice(boxes.count, min(count, boxes.count), replace=False)
    return boxes.take(torch.from_numpy(np.sort(numbers)).to(prepared.densities.device))


def fit_pooled(
    windows: Sequence[torch.Tensor],
    centre: float,
    parameters: S1Parameters,
    progress: Progress = silent,
    threads: int = 1,
) -> Model:
    """Fit one model on samples of several tomograms; the larger cluster of them all is background everywhere.

    Parameters
    ----------
    windows
        From `pooled_windows`, all with this `centre`.
    centre, parameters, progress, threads
        As there.

    Raises
    ------
    UserError
        All neighbourhoods are the same; a cluster ran empty.
    """
    material = Material(parameters.neighbourhood_size, threads, windows=torch.cat(list(windows)))
    ((_, model),) = _fit(material, centre, [parameters], progress, None)
    if isinstance(model, UserError):
        raise model
    second = sum(material.rows(model.features).each(lambda _, columns: int((model.decision.scores(columns) > 0).sum())))
    return replace(model, background=int(2 * second > model.n_neighbourhoods))


def _fit(
    material: Material,
    centre: float,
    workflows: Sequence[S1Parameters],
    progress: Progress,
    filters: np.ndarray | None,
) -> Iterator[tuple[S1Parameters, Model | UserError]]:
    first, began = workflows[0], time.perf_counter()
    try:
        features, filters = _features(material, first, filters)
        rows = material.rows(features)
        start = fit_kmeans(rows, first.seed, part_of(progress, 0, 0.5))
    except UserError as error:
        yield from ((parameters, error) for parameters in workflows)
        return
    shared = time.perf_counter() - began
    for number, parameters in enumerate(workflows):
        began = time.perf_counter()
        part = part_of(progress, 0.5 + 0.5 * number / len(workflows), 0.5 + 0.5 * (number + 1) / len(workflows))
        try:
            decision = METHODS[parameters.method].refine(rows, start, part)
        except UserError as error:
            yield parameters, error
            continue
        seconds = shared + time.perf_counter() - began
        yield parameters, Model(parameters, features, decision, centre, rows.count, filters, None, seconds)


def _features(
    material: Material, parameters: S1Parameters, filters: np.ndarray | None
) -> tuple[Features, np.ndarray | None]:
    mode = MODES[parameters.mode]
    if mode.bank is None:
        return mode.build(parameters.neighbourhood_size, None), None
    bank = mode.bank(parameters.neighbourhood_size, parameters.sinusoids)
    if filters is None:
        filters = keep_strongest(bank, material.covariance(), parameters.output_features)
    return mode.build(parameters.neighbourhood_size, torch.from_numpy(bank[filters].astype(np.float64))), filters


def sample_mask(boxes: Neighbourhoods, most: int | None, seed: int) -> torch.Tensor | None:
    """Which neighbourhoods are fitted: bool `[z, y, x]`, or None for all."""
    if most is None or most >= boxes.count:
        return None
    chosen = np.zeros(boxes.count, bool)
    chosen[np.random.default_rng(seed).choice(boxes.count, most, replace=False, shuffle=False)] = True
    return torch.from_numpy(chosen.reshape(boxes.shape)).to(boxes.volume.device)
