"""What a person is told about a target: objects and voxels of each class, what was cut and what was overwritten."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from engine.annotation.pasting import Counts
from engine.words import plural


@dataclass(frozen=True)
class ClassCount:
    """One class of a target.

    Attributes
    ----------
    label, name
        Which.
    objects
        How many were written.
    voxels
        That have the label at the end.
    clipped
        Objects that a face of the tomogram cuts.
    outside
        Objects that leave no voxel: outside the tomogram, or smaller than a voxel.
    unturned
        Objects of a shape that were placed without being turned, because their orientation is not known.
    """

    label: int
    name: str
    objects: int
    voxels: int
    clipped: int = 0
    outside: int = 0
    unturned: int = 0


@dataclass(frozen=True)
class Overlap:
    """Voxels of `under` that were overwritten by objects of `over`; the same label twice: objects that share voxels."""

    under: int
    over: int
    voxels: int


@dataclass(frozen=True)
class InitialCount:
    """One label of the initial map: its voxels, and those of them that objects were written over."""

    label: int
    name: str
    voxels: int
    covered: int


@dataclass(frozen=True)
class TargetReport:
    """What became of the objects.

    Attributes
    ----------
    classes
        By label.
    overlaps
        Of objects with objects, most voxels first.
    initial
        Labels of the initial map, if there was one.
    """

    classes: tuple[ClassCount, ...]
    overlaps: tuple[Overlap, ...] = ()
    initial: tuple[InitialCount, ...] | None = None

    def lines(self) -> list[str]:
        """One line for each class, then one for each label of the initial map."""
        found = []
        names = {c.label: c.name for c in self.classes}
        for each in self.classes:
            line = f"{each.name} (label {each.label}): {plural(each.objects, 'object')}, {plural(each.voxels, 'voxel')}"
            for count, what in (
                (each.clipped, "cut by a face of the tomogram"),
                (each.outside, "without a voxel in it"),
                (each.unturned, "not turned, for want of angles"),
            ):
                line += f", {count:,} {what}" if count else ""
            lost = [o for o in self.overlaps if o.under == each.label and o.over != each.label]
            if lost:
                by = ", ".join(f"{names[o.over]} {o.voxels:,}" for o in lost)
                line += f", {sum(o.voxels for o in lost):,} voxels overwritten ({by})"
            shared = sum(o.voxels for o in self.overlaps if o.under == o.over == each.label)
            line += f", {shared:,} voxels shared by objects of the class" if shared else ""
            found.append(line)
        for below in self.initial or ():
            found.append(
                f"{below.name} (label {below.label}) of the initial map: {below.voxels:,} voxels, {below.covered:,} of "
                "them under objects"
            )
        return found

    def as_dict(self) -> dict[str, Any]:
        """For the description of a result: plain numbers and text."""
        names = {c.label: c.name for c in self.classes}
        content: dict[str, Any] = {
            "classes": [
                {key: value for key, value in asdict(c).items() if value or key != "unturned"} for c in self.classes
            ],
            "overwritten": [{"class": names[o.under], "by": names[o.over], "voxels": o.voxels} for o in self.overlaps],
        }
        if self.initial is not None:
            content["initial"] = [asdict(below) for below in self.initial]
        return content


def report(
    labels: Iterable[int],
    names: Mapping[int, str],
    counts: Counts,
    unturned: np.ndarray,
    initial: np.ndarray | None = None,
    covered: np.ndarray | None = None,
) -> TargetReport:
    """A report from numbers by label.

    Parameters
    ----------
    labels
        Those of the classes.
    names
        Label → what it is called; others are called "label N".
    counts
        From the canvas.
    unturned
        [128] objects not turned, by label.
    initial, covered
        [128] voxels of the initial map and [128, 128] those of them under objects; None = there was no such map.
    """
    classes = tuple(
        ClassCount(
            label,
            names.get(label, f"label {label}"),
            int(counts.objects[label]),
            int(counts.voxels[label]),
            int(counts.clipped[label]),
            int(counts.outside[label]),
            int(unturned[label]),
        )
        for label in sorted(labels)
    )
    below = None
    if initial is not None and covered is not None:
        below = tuple(
            InitialCount(int(k), names.get(int(k), f"label {k}"), int(initial[k]), int(covered[k].sum()))
            for k in np.flatnonzero(initial)
        )
    return TargetReport(classes, _overlaps(counts.overwritten), below)


def _overlaps(pairs: np.ndarray) -> tuple[Overlap, ...]:
    found = [Overlap(int(a), int(b), int(pairs[a, b])) for a, b in zip(*np.nonzero(pairs), strict=True) if a]
    return tuple(sorted(found, key=lambda o: -o.voxels))
