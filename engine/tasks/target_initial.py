"""The label map under the objects of a target, such as membranes, with labels as the feature library has them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from engine.annotation import ObjectClass
from engine.errors import UserError
from engine.project import Project
from engine.tasks.provenance import file_identity
from engine.tasks.segmented_classes import SegmentedClass, classes_of
from engine.volumes import Volume, open_volume

MOST_LABEL = 127
"""The largest label of a target."""

MOST_VALUES = 65_536


class NamedLabels:
    """A label map whose labels are translated where it is sliced.

    A label means the class that its segmentation says; where it says none, the class of the library with that number.

    Attributes
    ----------
    shape
        (z, y, x).
    identity
        Of the file, and how labels were translated.
    names
        Label → class, of the feature library.
    """

    def __init__(
        self, key: str, volume: Volume, own: Mapping[int, SegmentedClass], library: list[ObjectClass], file: Any
    ) -> None:
        self.shape = volume.shape
        self._key, self._volume, self._own = key, volume, own
        self._library = {c.name: c for c in library}
        self.names = {c.label: c.name for c in library}
        by_label = {c.label: c.label for c in library}
        named = {label: self._library[c.name].label for label, c in own.items() if c.name in self._library}
        self._meant = {**by_label, **{label: named.get(label, 0) for label in own}, 0: 0}
        self.identity = {**file, "labels": named}

    def __getitem__(self, key: Any) -> np.ndarray:
        """Labels of the feature library. Raises UserError for one that means no class of it."""
        values = np.asarray(self._volume[key])
        low, high = float(values.min(initial=0)), float(values.max(initial=0))
        if not 0 <= high - low <= MOST_VALUES or (values.dtype.kind == "f" and (values != np.floor(values)).any()):
            raise UserError(f"{self._key} holds no labels but values from {low:g} to {high:g}: choose a segmentation.")
        shifted = (values - low).astype(np.int64)
        there = np.flatnonzero(np.bincount(shifted.reshape(-1)))
        meant = np.zeros(int(high - low) + 1, dtype=np.int8)
        for number in there.tolist():
            meant[number] = self._meaning(int(number + low))
        return np.asarray(meant[shifted])

    def _meaning(self, label: int) -> int:
        meant = self._meant.get(label, 0)
        if label and not 1 <= meant <= MOST_LABEL:
            known = self._own.get(label)
            what = f"{known.name!r} (label {label})" if known else f"the label {label}"
            raise UserError(
                f"{self._key} has voxels of {what}, and the feature library has no such class with a number up to "
                f"{MOST_LABEL}: add it there, or choose another segmentation to put under the objects."
            )
        return meant

    def described(self, label: int) -> dict[str, Any]:
        """A class of the library for the description of a segmentation."""
        known = next(c for c in self._library.values() if c.label == label)
        return {"label": label, "name": known.name, "colour": known.colour, "radius": known.radius}


@contextmanager
def open_initial(name: str, tomogram: str, project: Project) -> Iterator[NamedLabels | None]:
    """The segmentation `name` of a tomogram while the block runs; None where `name` is empty.

    Raises
    ------
    UserError
        The tomogram has none of that name.
    """
    if not name:
        yield None
        return
    there = {found.name: found for found in project.segmentations(tomogram)}
    if name not in there:
        known = ", ".join(there) or "none"
        raise UserError(
            f"{tomogram} has no segmentation {name!r} to put under the objects (it has: {known}): make it first, or "
            "leave this tomogram out."
        )
    found = there[name]
    path = project.readable(found.path)
    described = bool(found.made_by.get("classes") or found.made_by.get("names"))
    with open_volume(path) as volume:
        own = classes_of(project, found) if described else {}
        yield NamedLabels(found.key, volume, own, project.classes, file_identity(path))
