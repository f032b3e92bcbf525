"""Tomograms and targets looked at voxel by voxel before a training: what is wrong with them, and what the loop needs.

What a person should know comes as notes; what makes the training pointless is refused with one sentence.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.annotation.classes import ObjectClass
from engine.errors import UserError
from engine.inference.normalisation import whole_volume
from engine.instances import Truth
from engine.tasks.training_data import DEFAULT_RADIUS, NamedLabel, Pair, TrainingData, numbered_class
from engine.training.leakage import Member, find_leaks, fingerprint
from engine.training.patches import PatchSource
from engine.training.preparation import channel_lookup, joined, label_counts, places_in_target
from engine.training.sampling import Places
from engine.volumes import open_volume
from engine.words import plural

DRAWN = 2000
"""Voxels per class and target that patches are cut about where no object list says where objects are."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a training needs of its data.

    Parameters
    ----------
    classes
        In the order of the channels.
    channel_of
        Label → channel; -1 where nobody said what it is.
    training, validation
        The tomograms.
    training_places, validation_places
        What patches are cut about.
    negatives
        Rejected picks in the training tomograms.
    truths
        Objects of each validation tomogram, labels being channels; None where no list says.
    counts
        Voxels of each channel in the training targets.
    notes
        What a person should know.
    """

    classes: list[ObjectClass]
    channel_of: np.ndarray
    training: list[PatchSource]
    validation: list[PatchSource]
    training_places: Places
    validation_places: Places
    negatives: Places
    truths: list[Truth] | None
    counts: list[int]
    notes: list[str]


@dataclass(frozen=True, eq=False)
class _Looked:
    """What was seen of one pair."""

    pair: Pair
    source: PatchSource
    counts: dict[int, int]
    places: Mapping[int, np.ndarray]
    member: Member


def prepare(
    data: TrainingData, allow_leakage: bool, seed: int, progress: Callable[[float, str], None] = lambda f, text: None
) -> Prepared:
    """Look at all tomograms and targets.

    Parameters
    ----------
    data
        Which.
    allow_leakage
        Whether validation may have been seen in training; a note says where.
    seed
        Of places drawn from targets.
    progress
        Called with (fraction, text).

    Raises
    ------
    UserError
        A tomogram that is constant or holds not-a-number; a target with labels that no class has; a class that no
        training target holds; validation that training has seen.
    """
    looked: list[_Looked] = []
    for number, pair in enumerate(data.pairs):
        progress(number / len(data.pairs), f"looking at {pair.name}")
        looked.append(_look(pair, [c.label for c in data.classes], seed + number))
    training, validation = looked[: len(data.training)], looked[len(data.training) :]
    notes = list(data.notes)
    named = data.classes or [numbered_class(n) for n in sorted({n for each in looked for n in each.counts if n})]
    if not named:
        raise UserError("The training targets hold background only: make targets with objects.")
    for each in looked:
        _check_labels(each, named, data.background | data.left_open)
    notes += _check_classes(training, validation, named)
    if leaks := find_leaks([each.member for each in training], [each.member for each in validation]):
        more = f", and {len(leaks) - 1} more" if len(leaks) > 1 else ""
        if not allow_leakage:
            raise UserError(
                f"Validation has seen what the network learns: {leaks[0]}{more}; choose other tomograms for "
                "validation, or switch 'Allow known objects in validation' on (allow_leakage)."
            )
        notes += [f"Scores on validation will look better than they are: {leak}." for leak in leaks]
    if not validation:
        notes.append("Without validation targets nothing says whether the network learns or remembers.")
    labels = [c.label for c in named]
    # Labels that are background have no channel; the table is as long as the largest of them.
    channel_of = np.zeros(max([*labels, *data.background, *data.left_open]) + 1, dtype=np.int64)
    lookup = channel_lookup(labels)
    channel_of[: len(lookup)] = lookup
    channel_of[list(data.left_open)] = -1
    listed = bool(validation) and all(each.pair.objects is not None for each in validation)
    return Prepared(
        classes=[c.with_radius(_radius(c, looked)) for c in named],
        channel_of=channel_of,
        training=[each.source for each in training],
        validation=[each.source for each in validation],
        training_places=_places(training, labels),
        validation_places=_places(validation, labels),
        negatives=_negatives(training),
        truths=[_truth(each, labels) for each in validation] if listed else None,
        counts=_channel_counts(training, labels, data.left_open),
        notes=notes,
    )


def _look(pair: Pair, labels: list[int], seed: int) -> _Looked:
    with open_volume(pair.tomogram) as volume:
        statistics = whole_volume(volume.array, pair.name)
        print_of_it = fingerprint(volume.array)
    places = dict(pair.objects or {})
    with open_volume(pair.target) as target:
        counts = label_counts(target.array, str(pair.target.name))
        # Classes that no list names, such as membranes, are cut about their voxels.
        without = [n for n in (labels or sorted(counts)) if n and n in counts and not len(places.get(n, ()))]
        if without:
            places |= places_in_target(target.array, without, DRAWN, np.random.default_rng([seed]))
    source = PatchSource(pair.name, pair.tomogram, pair.target, statistics.mean, statistics.deviation)
    objects = list((pair.objects or {}).values())
    centres = np.concatenate(objects) if objects else np.empty((0, 3))
    member = Member(pair.name.split("/")[-1], Path(pair.tomogram).resolve(), print_of_it, pair.shape, centres)
    return _Looked(pair, source, counts, places, member)


def _check_labels(looked: _Looked, named: list[NamedLabel], background: set[int]) -> None:
    known = {0, *background, *(c.label for c in named)}
    beyond = [label for label in looked.counts if label not in known]
    if beyond:
        listed = ", ".join(f"{c.label} = {c.name}" for c in named)
        voxels = plural(looked.counts[beyond[0]], "voxel")
        raise UserError(
            f"The target {looked.pair.target.name} holds the label {beyond[0]} ({voxels}), "
            f"which no class has ({listed}): add a class with that label, or make the target anew."
        )
    lost = sorted(set(looked.pair.objects or {}) - known)
    if lost:
        raise UserError(
            f"The object list of {looked.pair.name} has objects of class {lost[0]}, and there are {len(named) + 1} "
            "classes with background: give more classes, or remove those objects."
        )


def _check_classes(training: list[_Looked], validation: list[_Looked], named: list[NamedLabel]) -> list[str]:
    notes = []
    for each in named:
        if not any(looked.counts.get(each.label) for looked in training):
            raise UserError(
                f"No training target holds a voxel of {each.name} (label {each.label}), so it cannot be learnt: leave "
                "the class out, or make targets with it."
            )
        if validation and not any(looked.counts.get(each.label) for looked in validation):
            notes.append(f"No validation target holds a voxel of {each.name}: nothing will say how well it is learnt.")
    return notes


def _places(looked: list[_Looked], labels: list[int]) -> Places:
    channels = {label: channel for channel, label in enumerate(labels, start=1)}
    found: dict[int, Any] = {
        number: [(channels[label], centres) for label, centres in sorted(each.places.items()) if label in channels]
        for number, each in enumerate(looked)
    }
    return joined(found)


def _truth(looked: _Looked, labels: list[int]) -> Truth:
    objects = looked.pair.objects or {}
    parts = [(channel, objects[label]) for channel, label in enumerate(labels, start=1) if len(objects.get(label, ()))]
    if not parts:
        return Truth(np.empty(0, np.int64), np.empty((0, 3)))
    return Truth(
        np.repeat([channel for channel, _ in parts], [len(centres) for _, centres in parts]),
        np.concatenate([centres for _, centres in parts]),
    )


def _negatives(looked: list[_Looked]) -> Places:
    found = {number: each.pair.rejected for number, each in enumerate(looked)}
    return joined({number: [(0, centres)] for number, centres in found.items() if centres is not None})


def _channel_counts(looked: list[_Looked], labels: list[int], left_open: set[int]) -> list[int]:
    total = sum(count for each in looked for label, count in each.counts.items() if label not in left_open)
    counts = [sum(each.counts.get(label, 0) for each in looked) for label in labels]
    return [total - sum(counts), *counts]


def _radius(named: NamedLabel, looked: list[_Looked]) -> float:
    """Å of a ball with as many voxels as an object of the class has in the targets, for classes of unknown radius."""
    voxels = objects = 0
    size = 1.0
    for each in looked:
        listed = (each.pair.objects or {}).get(named.label)
        if listed is not None and len(listed):
            voxels, objects = voxels + each.counts.get(named.label, 0), objects + len(listed)
        if each.pair.voxel_size:
            size = float(np.mean(each.pair.voxel_size))
    if not voxels or not objects:
        return DEFAULT_RADIUS
    return round(float((3 * voxels / objects / (4 * np.pi)) ** (1 / 3) * size), 1)
