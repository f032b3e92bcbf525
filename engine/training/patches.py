"""Batches of patches, cut from volumes that stay on disk.

Volumes are opened where patches are read (in a worker process of torch's DataLoader, say) and memory-mapped, so that
memory does not grow with the number of tomograms. Where to cut is the business of `sampling`. A batch depends on its
request alone, not on which worker makes it nor on those before it.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from engine.errors import UserError
from engine.inference.regions import read_mirrored
from engine.training.augmentation import Augmentation
from engine.training.sampling import EXAMPLES, TRAINING, VALIDATION, Place, Sampler, Shape, step_generator
from engine.volumes import open_volume

Normalisation = Literal["tomogram", "patch"]

TRIES = 10
"""So many places are drawn in place of one where the density is constant, as in the padding of a reconstruction."""


@dataclass(frozen=True, eq=False)
class PatchSource:
    """One tomogram with its target.

    Parameters
    ----------
    name
        For sentences.
    density, target
        Arrays [z, y, x], or the files that hold them.
    mean, deviation
        Of the whole tomogram: what "tomogram" normalises with.
    """

    name: str
    density: Any
    target: Any
    mean: float = 0.0
    deviation: float = 1.0


class Request(NamedTuple):
    """Which batch: what it is for (`TRAINING`, `VALIDATION` or `EXAMPLES`), epoch and step."""

    purpose: int
    epoch: int
    step: int


class Batch(NamedTuple):
    """Densities float32 [batch, 1, z, y, x] and channels int64 [batch, z, y, x]."""

    density: torch.Tensor
    channels: torch.Tensor


class Failure(NamedTuple):
    """What a worker sends in place of a batch: the sentence of a `UserError`, which would not survive the way."""

    sentence: str


@dataclass(frozen=True, eq=False)
class PatchStream:
    """The patches of training or of validation.

    Parameters
    ----------
    sources
        The tomograms; a sampler counts in them.
    sampler
        Where to cut.
    """

    sources: Sequence[PatchSource]
    sampler: Sampler


@dataclass(eq=False)
class PatchBatches(Dataset[Batch | Failure]):
    """All batches of a training, made on request.

    Parameters
    ----------
    training, validation
        Where patches come from; without validation there are none of it.
    examples
        Places in the tomograms of validation (else of training) for `EXAMPLES`.
    patch, batch
        Edge in voxels, patches per batch.
    channel_of
        Label → channel as an array: `channel_of[label]`; the targets hold no label beyond it. -1 = nobody said what it
        is.
    normalisation
        "patch": mean 0 and deviation 1 of each patch; "tomogram": of the whole tomogram.
    augmentation
        For patches of training.
    seed, rank
        Of the randomness; validation is the same on every rank and in every epoch.
    """

    training: PatchStream
    validation: PatchStream | None
    patch: int
    batch: int
    channel_of: np.ndarray
    normalisation: Normalisation = "tomogram"
    augmentation: Augmentation = field(default_factory=Augmentation)
    examples: Sequence[Place] = ()
    seed: int = 0
    rank: int = 0

    def __post_init__(self) -> None:
        self._opened: dict[Any, Any] = {}
        self._process = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": {}}

    def __getitem__(self, request: Request) -> Batch | Failure:
        try:
            return self.make(request)
        except UserError as error:
            return Failure(str(error))

    def make(self, request: Request) -> Batch:
        """The batch of a request. Raises UserError for a place that cannot be used (see `cut`)."""
        purpose, epoch, step = request
        stream = self.training if purpose == TRAINING or self.validation is None else self.validation
        if purpose == TRAINING:
            generator = step_generator(self.seed, TRAINING, epoch, step, self.rank)
        else:  # the same patches in each epoch, so that a curve shows the network and not the dice
            generator = step_generator(self.seed, VALIDATION, 0, step)
        places = list(self.examples) if purpose == EXAMPLES else stream.sampler.draw(self.batch, generator)
        edges = (len(places), self.patch, self.patch, self.patch)
        density, channels = np.empty(edges, np.float32), np.empty(edges, np.int64)
        for number, place in enumerate(places):
            cut, labels = self._cut(stream, place, generator, may_move=purpose != EXAMPLES)
            if purpose == TRAINING:
                cut, labels = self.augmentation.apply(cut, labels, generator)
            density[number], channels[number] = cut, labels
        return Batch(torch.from_numpy(density[:, None]), torch.from_numpy(channels))

    def _cut(
        self, stream: PatchStream, place: Place, generator: np.random.Generator, may_move: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        for _ in range(TRIES):
            source = stream.sources[place.tomogram]
            density = read_patch(self._array(source.density), place.start, self.patch)
            normal = normalised(density, self.normalisation, source, place.start)
            if normal is not None:
                labels = read_patch(self._array(source.target), place.start, self.patch)
                return normal, self.channel_of[labels.astype(np.int64)]
            if not may_move:
                return np.zeros_like(density), np.zeros(density.shape, np.int64)
            (place,) = stream.sampler.draw(1, generator)
        raise UserError(
            f"{source.name} holds the same value throughout a patch of {self.patch} voxels (from x {place.start[2]}, y "
            f"{place.start[1]}, z {place.start[0]}), and so do {TRIES - 1} others: normalise by tomogram, or leave it "
            "out."
        )

    def _array(self, volume: Any) -> Any:
        if not isinstance(volume, str | Path):
            return volume
        if os.getpid() != self._process:  # a forked worker must not share open files with others
            self._opened, self._process = {}, os.getpid()
        if volume not in self._opened:
            self._opened[volume] = open_volume(volume)
        return self._opened[volume].array


def read_patch(array: Any, start: Shape, patch: int) -> np.ndarray:
    """A cube [z, y, x] of the volume as float32; what lies beyond its faces is its mirror image."""
    return read_mirrored(array, tuple(slice(first, first + patch) for first in start))


def normalised(patch: np.ndarray, normalisation: Normalisation, source: PatchSource, start: Shape) -> np.ndarray | None:
    """The patch with mean 0 and deviation 1, of itself or of its tomogram; None where that is impossible (constant).

    Raises
    ------
    UserError
        Not-a-number or infinite voxels.
    """
    mean, deviation = source.mean, source.deviation
    if normalisation == "patch":
        mean, deviation = float(patch.mean(dtype=np.float64)), float(patch.std(dtype=np.float64))
    if not (np.isfinite(deviation) and np.isfinite(mean)) or not np.isfinite(patch.sum(dtype=np.float64)):
        raise UserError(
            f"{source.name} holds not-a-number or infinite voxels near x {start[2]}, y {start[1]}, z {start[0]}: "
            "replace them, or choose another tomogram."
        )
    # What is left of a constant patch is rounding.
    if deviation <= 1e-7 * max(abs(mean), 1e-30):
        return None
    return (patch - np.float32(mean)) / np.float32(deviation)
