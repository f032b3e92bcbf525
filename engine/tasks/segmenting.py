"""From a tomogram and a model to scores in the tomogram's voxels: what the task "segment" and its preview share."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import UserError
from engine.tasks.segment_models import SegmentModel
from engine.tasks.segment_parameters import SegmentParameters
from engine.volumes import Volume

if TYPE_CHECKING:
    import torch

    from engine.inference.normalisation import Normalisation
    from engine.inference.prediction import PredictionOptions
    from engine.inference.regions import Region
    from engine.inference.resampling import Resampled

Progress = Callable[[float, str], None]

TOLERANCE = 0.02
"""Voxel sizes of model and tomogram may differ by so much."""


@dataclass(frozen=True, eq=False)
class Segmented:
    """A part of a segmentation, in voxels of the tomogram.

    Attributes
    ----------
    region
        Where; starts at even voxels unless the tomogram was resampled.
    channels
        The network's channel with the highest score, uint8 [z, y, x].
    scores
        [classes, z, y, x], on any device.
    """

    region: "Region"
    channels: np.ndarray
    scores: "torch.Tensor"


def resampling_factors(
    name: str, voxel_size: Sequence[float], model: SegmentModel, parameters: SegmentParameters
) -> tuple[float, ...] | None:
    """New voxels per voxel of the tomogram along z, y, x; None where the voxel sizes agree or one is not known.

    Raises
    ------
    UserError
        They differ and the tomogram is not to be resampled.
    """
    if model.voxel_size is None:
        return None
    factors = tuple(size / model.voxel_size for size in voxel_size)
    if all(abs(f - 1) <= TOLERANCE for f in factors):
        return None
    if parameters.resample == "refuse":
        raise UserError(
            f"{name} has voxels of {_sizes(voxel_size)} Å and the model {model.name} was trained with "
            f"{model.voxel_size:g} Å: switch 'Another voxel size' to resample, correct the voxel size, or choose "
            "another model."
        )
    return factors


def segment_parts(
    volume: Volume,
    name: str,
    model: SegmentModel,
    parameters: SegmentParameters,
    factors: Sequence[float] | None,
    *,
    box: "Region | None" = None,
    progress: Progress | None = None,
) -> "Iterator[Segmented]":
    """The segmentation of a tomogram, or of a box of it, part by part; together they cover it once.

    Parameters
    ----------
    volume, name
        The tomogram.
    model, parameters
        How.
    factors
        As `resampling_factors` gives them.
    box
        In voxels of the tomogram.
    progress
        Called with (fraction, text).

    Raises
    ------
    UserError
        A constant volume or one with voxels that are not numbers; what `predict` and `predict_compat` say.
    """
    from engine.inference.compat_tiles import predict_compat
    from engine.inference.label_maps import best_channel
    from engine.inference.prediction import predict, silent
    from engine.inference.resampling import Resampled

    shape = tuple(int(n) for n in volume.shape)
    seen = Resampled(volume.array, factors) if factors else None
    array: Any = volume.array if seen is None else seen
    normalisation = _normalisation(volume, name, model, tuple(factors) if factors else None)
    wanted = box if box is None or seen is None else _resampled_box(box, seen)
    report = progress or silent
    if parameters.compat:
        parts = predict_compat(array, model.network, normalisation, parameters.patch, box=wanted, progress=report)
    else:
        options = prediction_options(model, parameters)
        parts = predict(array, model.network, normalisation, options, box=wanted, progress=report)
    for part in parts:
        placed = (part.region, part.scores) if seen is None else _back(seen, part.region, part.scores, shape, box)
        if placed is not None:
            region, scores = placed
            yield Segmented(region, best_channel(scores).cpu().numpy(), scores)


def prediction_options(model: SegmentModel, parameters: SegmentParameters) -> "PredictionOptions":
    """What `predict` is told. An axis shorter than the patches trained on is padded to them, as in training."""
    from engine.inference.prediction import PredictionOptions

    return PredictionOptions(
        edge=parameters.tile,
        halo=parameters.halo,
        blending=parameters.blending,
        averaging=parameters.averaging,
        precision=parameters.precision,
        memory=None if parameters.memory is None else parameters.memory * 1e9,
        least_edge=model.patch,
    )


def _normalisation(
    volume: Volume, name: str, model: SegmentModel, factors: tuple[float, ...] | None
) -> "Normalisation":
    """The statistics of the whole tomogram, remembered for previews."""
    status = volume.info.path.stat()
    key = (str(volume.info.path), volume.info.dataset, status.st_size, status.st_mtime_ns)
    kind = (model.normalisation, model.patch if model.normalisation == "patch" else 0)
    return _remembered(_Array(volume, factors, key), kind, name)


class _Array:
    """A volume that is equal to another one of the same file: what `_remembered` knows it by."""

    def __init__(self, volume: Volume, factors: tuple[float, ...] | None, key: tuple[Any, ...]) -> None:
        self.volume: Volume | None = volume
        self.factors = factors
        self.key = (key, factors)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Array) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@lru_cache(maxsize=64)
def _remembered(array: _Array, kind: tuple[str, int], name: str) -> "Normalisation":
    from engine.inference.normalisation import normalisation_of
    from engine.inference.resampling import Resampled
    from engine.volumes import check_finite

    volume = array.volume
    assert volume is not None  # it is let go of only below
    check_finite(volume.array, name)
    seen = Resampled(volume.array, array.factors) if array.factors else volume.array
    found = normalisation_of(seen, *kind, name)
    array.volume = None  # the memory of this function must not keep the file open
    return found


def _resampled_box(box: "Region", seen: "Resampled") -> "Region":
    """The voxels of the resampled volume that a box of the tomogram needs."""
    found = []
    for s, n, factor in zip(box, seen.shape, seen.factors, strict=True):
        first = min(max(int(np.floor((s.start + 0.5) * factor)), 0), n - 1)
        last = min(max(int(np.floor((s.stop - 0.5) * factor)), first), n - 1)
        found.append(slice(first, last + 1))
    return tuple(found)


def _back(
    seen: "Resampled", region: "Region", scores: "torch.Tensor", shape: Sequence[int], box: "Region | None"
) -> "tuple[Region, torch.Tensor] | None":
    """A part of the resampled volume in voxels of the tomogram, each with the scores of the voxel it lies in."""
    import torch

    from engine.inference.regions import common

    wide, places = seen.back(region, shape)
    kept = common(wide, box) if box is not None else common(wide, wide)
    if kept is None:
        return None
    for axis, (k, w, place) in enumerate(zip(kept, wide, places, strict=True), start=1):
        chosen = torch.from_numpy(place[k.start - w.start : k.stop - w.start]).to(scores.device)
        scores = scores.index_select(axis, chosen)
    return kept, scores


def _sizes(voxel_size: Sequence[float]) -> str:
    texts = [f"{size:g}" for size in voxel_size]
    return texts[0] if len(set(texts)) == 1 else " × ".join(texts)
