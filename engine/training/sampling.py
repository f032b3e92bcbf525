"""Where patches are cut: DeepFinder's way, and a balanced one that shows the background too.

Every draw takes its randomness from a generator that it is given. `step_generator` makes one that depends on nothing
but the seed and the number of the step, so that a training that was interrupted goes on exactly as it would have.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.errors import UserError

Shape = tuple[int, int, int]

TRAINING, VALIDATION, EXAMPLES = 0, 1, 2
"""What a step is for: a part of its randomness."""

MOST_HARD = 0.25
"""Share of patches about places without object that is not exceeded unless a person asks for it."""


@dataclass(frozen=True, eq=False)
class Places:
    """Where the objects are that patches are cut about.

    Parameters
    ----------
    tomogram
        Number of the tomogram of each, int `[n]`.
    centres
        z, y, x in voxels, float `[n, 3]`.
    channels
        Number of the class of each, 1 or more, int `[n]`.
    """

    tomogram: np.ndarray
    centres: np.ndarray
    channels: np.ndarray

    def __len__(self) -> int:
        return len(self.tomogram)


@dataclass(frozen=True)
class Place:
    """One patch: the number of its tomogram and its first voxel z, y, x, below 0 where a thin tomogram is padded."""

    tomogram: int
    start: Shape


class Sampler(Protocol):
    """What says where to cut."""

    def draw(self, count: int, generator: np.random.Generator) -> list[Place]:
        """`count` places of patches."""


def step_generator(seed: int, purpose: int, epoch: int, step: int, rank: int = 0) -> np.random.Generator:
    """The randomness of one step, from these numbers alone."""
    return np.random.default_rng([seed, purpose, epoch, step, rank])


class DeepFinderSampler:
    """As DeepFinder samples: about objects only, all of them alike or all classes alike ("bootstrap").

    Parameters
    ----------
    places
        The objects.
    shapes
        Of the tomograms, by number.
    patch
        Edge of a patch in voxels.
    shift
        Each centre is moved by a whole number of voxels up to so many along each axis.
    bootstrap
        Each batch chooses from a pool that holds as many objects of each class.

    Raises
    ------
    UserError
        No object.
    """

    def __init__(self, places: Places, shapes: Sequence[Shape], patch: int, shift: int, bootstrap: bool):
        _need_objects(places)
        self.places, self.shapes, self.patch, self.shift, self.bootstrap = places, shapes, patch, shift, bootstrap

    def draw(self, count: int, generator: np.random.Generator) -> list[Place]:
        """`count` places, the pool of the bootstrap drawn anew."""
        pool = bootstrap_pool(self.places.channels, count, generator) if self.bootstrap else np.arange(len(self.places))
        found = []
        for index in pool[generator.integers(0, len(pool), count)]:
            # DeepFinder cuts off the fraction of a position.
            centre = self.places.centres[index].astype(np.int64)
            found.append(_place(int(self.places.tomogram[index]), centre, self, generator))
        return found


class BalancedSampler:
    """Classes alike, objects of a class alike, and shares of patches at any place and at places known to hold none.

    Parameters
    ----------
    places, shapes, patch, shift
        As for `DeepFinderSampler`. Without any object all patches lie anywhere.
    background
        The share, 0 … 1, of patches that lie anywhere: DeepFinder's way never shows ice, membranes or the edge of the
        lamella unless an object is near. A tomogram is chosen by its number of voxels.
    negatives
        Places that look like an object and are none, such as rejected picks; their channels do not matter.
    negative_share
        The share of patches about them; None = as `hard_share` says.
    """

    def __init__(
        self,
        places: Places,
        shapes: Sequence[Shape],
        patch: int,
        shift: int,
        background: float,
        negatives: Places | None = None,
        negative_share: float | None = None,
    ):
        self.places, self.shapes, self.patch, self.shift = places, shapes, patch, shift
        self.negatives = negatives
        hard = 0.0
        if negatives is not None and len(negatives):
            hard = hard_share(len(negatives), len(places)) if negative_share is None else negative_share
        self.background = background if len(places) else 1.0 - hard
        self._until_hard = self.background + hard
        self._of_class = [np.flatnonzero(places.channels == c) for c in np.unique(places.channels)]
        voxels = np.array([float(np.prod(shape)) for shape in shapes])
        self._chance = voxels / voxels.sum()

    def draw(self, count: int, generator: np.random.Generator) -> list[Place]:
        """`count` places."""
        found = []
        for _ in range(count):
            kind = generator.random()
            if kind < self.background:
                tomogram = int(generator.choice(len(self.shapes), p=self._chance))
                centre = generator.integers(0, self.shapes[tomogram])
                found.append(Place(tomogram, _start(centre, self.shapes[tomogram], self.patch)))
                continue
            if kind < self._until_hard and self.negatives is not None:
                about, index = self.negatives, int(generator.integers(len(self.negatives)))
            else:
                members = self._of_class[generator.integers(len(self._of_class))]
                about, index = self.places, int(members[generator.integers(len(members))])
            centre = np.rint(about.centres[index]).astype(np.int64)
            found.append(_place(int(about.tomogram[index]), centre, self, generator))
        return found

    def one_of_each(self, most: int, generator: np.random.Generator) -> list[Place]:
        """Places centred on objects, a class at a time, `most` in all: what shows best how a network does."""
        order = [generator.permutation(members) for members in self._of_class]
        turns = [int(members[turn]) for turn in range(most) for members in order if turn < len(members)]
        found = []
        for index in turns[:most]:
            tomogram = int(self.places.tomogram[index])
            centre = np.rint(self.places.centres[index]).astype(np.int64)
            found.append(Place(tomogram, _start(centre, self.shapes[tomogram], self.patch)))
        return found or self.draw(most, generator)


def hard_share(negatives: int, objects: int) -> float:
    """The share of patches about places without object: as many as they are among all places, `MOST_HARD` at most."""
    return min(negatives / (negatives + objects), MOST_HARD) if negatives else 0.0


def bootstrap_pool(channels: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Numbers of objects: `count` of each class drawn with replacement, the classes in ascending order."""
    return np.concatenate(
        [generator.choice(np.flatnonzero(channels == c), count, replace=True) for c in np.unique(channels)]
    )


def clamped_centre(centre: np.ndarray, shape: Shape, patch: int) -> Shape:
    """The centre (z, y, x) moved so that a patch about it lies inside: to P/2 … D − P/2 along each axis.

    Along an axis shorter than the patch it becomes ⌊D / 2⌋, and the patch reaches beyond both faces.
    """
    half = patch // 2
    z, y, x = (min(max(int(c), half), n - half) if n >= patch else n // 2 for c, n in zip(centre, shape, strict=True))
    return z, y, x


def _place(
    tomogram: int, centre: np.ndarray, sampler: DeepFinderSampler | BalancedSampler, generator: np.random.Generator
) -> Place:
    moved = centre + generator.integers(-sampler.shift, sampler.shift, 3, endpoint=True)
    return Place(tomogram, _start(moved, sampler.shapes[tomogram], sampler.patch))


def _start(centre: np.ndarray, shape: Shape, patch: int) -> Shape:
    z, y, x = (c - patch // 2 for c in clamped_centre(centre, shape, patch))
    return z, y, x


def _need_objects(places: Places) -> None:
    if not len(places):
        raise UserError("There is no object to cut training patches about: give an object list, or sample balanced.")
