"""PickET S1 on an array: the road from densities to a label map, for one workflow or for several side by side.

The steps live beside this file: `prepared` (blur, scale), `models` (features and fits) and `labelling`. What is learnt
is a `Model`, which can label other tomograms too.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from engine.errors import UserError
from engine.features.labelling import Labelling, labellings
from engine.features.models import Model, fit_each
from engine.features.parameters import S1Parameters
from engine.features.prepared import Prepared, prepare, running_on
from engine.features.progress import Progress, part_of, silent

BORDER = -1


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
    filters
        Mode gabor: numbers of the kept filters, by ascending standard deviation.
    warning
        A sentence that a person should read; empty when all is well.
    """

    labels: np.ndarray
    counts: tuple[int, int]
    n_neighbourhoods: int
    n_features: int
    centroids: np.ndarray
    seconds: dict[str, float]
    iterations: int
    filters: np.ndarray | None = None
    warning: str = ""


def segment(
    volume: np.ndarray,
    parameters: S1Parameters,
    progress: Progress | None = None,
    threads: int | None = None,
    device: str = "cpu",
    filters: np.ndarray | None = None,
) -> S1Result:
    """Label each voxel background or particle, as PickET's S1 does.

    Holds, beside `volume`, about five float32 copies of it at most, whatever the neighbourhood size, mode and
    method.

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
    filters
        Mode gabor: numbers of the filters to use, instead of choosing.

    Raises
    ------
    UserError
        Densities that are not finite or all the same; a volume or a range of slices smaller than a
        neighbourhood; slice limits outside the volume or crossed; a cluster that ran empty.
    """
    ((_, result),) = segment_each(volume, [parameters], progress, threads, device, filters)
    if isinstance(result, UserError):
        raise result
    return result


def segment_each(
    volume: np.ndarray,
    workflows: Sequence[S1Parameters],
    progress: Progress | None = None,
    threads: int | None = None,
    device: str = "cpu",
    filters: np.ndarray | None = None,
) -> Iterator[tuple[S1Parameters, S1Result | UserError]]:
    """Several workflows on one volume; what they share is done once.

    Parameters
    ----------
    volume, progress, threads, device, filters
        See `segment`.
    workflows
        They may differ in mode, method and the parameters of modes; neighbourhood size, slice limits and sample are
        those of the first. Results come mode by mode, in the order in which modes first occur.

    Raises
    ------
    UserError
        What concerns the volume; what concerns one workflow is given in place of its result.
    """
    report = progress or silent
    with running_on(threads, device) as n_threads:
        prepared = prepare(volume, workflows[0], part_of(report, 0, 0.1), n_threads, device)
        yield from segment_prepared(prepared, workflows, part_of(report, 0.1, 1.0), filters)


def segment_prepared(
    prepared: Prepared,
    workflows: Sequence[S1Parameters],
    progress: Progress = silent,
    filters: np.ndarray | None = None,
) -> Iterator[tuple[S1Parameters, S1Result | UserError]]:
    """What `segment_each` does once the volume is blurred and scaled; to be called within `running_on`."""
    modes = list(dict.fromkeys(w.mode for w in workflows))
    for number, mode in enumerate(modes):
        of_mode = [w for w in workflows if w.mode == mode]
        share = part_of(progress, number / len(modes), (number + 1) / len(modes))
        fitted = dict(fit_each(prepared, of_mode, part_of(share, 0, 0.7), filters))
        models = [model for model in fitted.values() if isinstance(model, Model)]
        labelled = iter(label_each(prepared, models, part_of(share, 0.7, 1.0)))
        for parameters, model in fitted.items():
            yield parameters, model if isinstance(model, UserError) else next(labelled)


def label(prepared: Prepared, model: Model, progress: Progress = silent) -> S1Result:
    """Apply a model to a tomogram.

    Parameters
    ----------
    prepared
        The tomogram.
    model
        What was learnt, from it or from others.
    progress
        Called with (fraction, text).

    Raises
    ------
    UserError
        All voxels fell into one cluster.
    """
    (result,) = label_each(prepared, [model], progress)
    if isinstance(result, UserError):
        raise result
    return result


def label_each(
    prepared: Prepared, models: Sequence[Model], progress: Progress = silent
) -> Iterator[S1Result | UserError]:
    """Apply models of one mode to a tomogram; what concerns one of them is given in place of its result."""
    if not models:
        return
    first, place = models[0], 0
    boxes = prepared.neighbourhoods(first.parameters.neighbourhood_size, first.centre)
    half = boxes.size // 2
    began = time.perf_counter()
    for labelling in labellings(boxes, first.features, [model.decision for model in models]):
        together = models[place : place + len(labelling.rules)]
        part = part_of(progress, place / len(models), (place + len(together)) / len(models))
        place += len(together)
        maps = [_bordered(boxes.volume.shape, half) for _ in together]
        # Bound here, once for each round of the loop, because the slabs are worked on by other threads.
        label_slab = partial(_label_slab, labelling, [m[half:-half, half:-half, half:-half] for m in maps])
        ones = np.zeros(len(together), np.int64)
        for done, of_slab in labelling.each_slab(label_slab):
            ones += of_slab
            part(done / boxes.shape[0], "Labelling voxels")
        seconds = (time.perf_counter() - began) / len(together)
        for model, labels, count in zip(together, maps, ones.tolist(), strict=True):
            yield _result(prepared, model, labels, (boxes.count - count, count), seconds)
        began = time.perf_counter()
    progress(1.0, "Labelled")


def _bordered(shape: Sequence[int], half: int) -> np.ndarray:
    """A label map of which only the border is filled: writing the whole of it twice takes longer than the scores."""
    labels = np.empty(tuple(shape), np.int8)
    for axis in range(3):
        along = labels.swapaxes(0, axis)
        along[:half] = along[along.shape[0] - half :] = BORDER
    return labels


def _label_slab(labelling: Labelling, insides: list[np.ndarray], start: int, stop: int) -> tuple[int, list[int]]:
    targets = [torch.from_numpy(inside[start:stop]) for inside in insides]
    device = labelling.boxes.volume.device
    results = [target if device.type == "cpu" else torch.empty_like(target, device=device) for target in targets]
    labelling.label(start, stop, results)
    for target, result in zip(targets, results, strict=True):
        if result is not target:
            target.copy_(result)
    return stop, [int(np.count_nonzero(inside[start:stop])) for inside in insides]


def _result(
    prepared: Prepared, model: Model, labels: np.ndarray, counts: tuple[int, int], seconds: float
) -> S1Result | UserError:
    if 0 in counts:
        return UserError(
            "All voxels fell into one of the two clusters, the other is empty: learn from other slices, or try "
            "another workflow."
        )
    means = model.decision.means.cpu().numpy()
    # Without a model's own word the larger cluster is background; a tie changes nothing, and the border has no vote.
    swapped = counts[1] > counts[0] if model.background is None else model.background == 1
    if swapped:
        exchange(labels)
        counts, means = counts[::-1], means[::-1]
    return S1Result(
        labels=labels,
        counts=counts,
        n_neighbourhoods=model.n_neighbourhoods,
        n_features=model.features.n_features,
        centroids=model.features.described(means, model.centre).copy(),
        seconds={"features": prepared.seconds, "clustering": model.seconds + seconds},
        iterations=model.decision.iterations,
        filters=model.filters,
        warning=model.decision.warning,
    )


def exchange(labels: np.ndarray) -> None:
    """Exchange 0 and 1 in an int8 label map, in place; the border (−1) stays."""
    for plane in labels:  # by planes: the mask of the whole would be one more copy
        plane ^= (plane >= 0).view(np.int8)
