"""Score maps: how sure a network is, voxel by voxel, that a class is there; read slab by slab and checked then.

A label map counts as score maps that are sure of everything. What files they come from is not known here.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.errors import UserError
from engine.volumes import slabs

BYTE = 255.0
"""The whole number that means 1."""


class ScoreMaps:
    """One score map per class, all of one shape.

    Parameters
    ----------
    maps
        Label → `[z, y, x]`, anything that slices like an array. Real numbers 0 … 1, or whole numbers 0 … 255 that
        mean a 255th each. The background, label 0, is left out.

    Raises
    ------
    UserError
        No map, two shapes, not three axes, a label below 0.
    """

    def __init__(self, maps: Mapping[int, Any]) -> None:
        self._maps: dict[int, Any] = {int(label): maps[label] for label in sorted(maps) if label != 0}
        if not self._maps:
            raise UserError("There is no score map of any class: segment again with score maps, or use the label map.")
        if min(self._maps) < 0:
            raise UserError(f"A score map belongs to the label {min(self._maps)}: labels of classes are 1 or more.")
        first = next(iter(self._maps))
        self.shape: tuple[int, ...] = tuple(int(n) for n in self._maps[first].shape)
        if len(self.shape) != 3 or 0 in self.shape:
            raise UserError(f"A score map needs three dimensions (z, y, x), that of class {first} has {self.shape}.")
        for label, array in self._maps.items():
            check_same_shape(array.shape, self.shape, f"The score maps of class {label}", f"class {first}")

    @property
    def labels(self) -> tuple[int, ...]:
        """The classes that have a map, ascending."""
        return tuple(self._maps)

    def read(self, label: int, start: int, stop: int) -> np.ndarray:
        """Slices start … stop − 1 of the map of a class, float32 0 … 1 `[z, y, x]`.

        Raises
        ------
        UserError
            There is no map of that class, or values that are no scores.
        """
        if label not in self._maps:
            known = ", ".join(str(n) for n in self._maps)
            raise UserError(f"There is no score map of the class with label {label} (there are: {known}).")
        values = np.asarray(self._maps[label][start:stop])
        whole = values.dtype.kind in "iub"
        most = BYTE if whole and values.dtype.kind != "b" else 1.0
        low, high = float(values.min(initial=0)), float(values.max(initial=0))
        if not (np.isfinite(low) and np.isfinite(high)):
            raise UserError(f"The score map of class {label} holds NaN or infinite values: segment the tomogram again.")
        # Rounding in a network's last step may leave a hair above 1.
        if low < -1e-3 or high > most * 1.001:
            raise UserError(
                f"The score map of class {label} holds values from {low:g} to {high:g}: scores are 0 … 1, or 0 … 255 "
                "as whole numbers."
            )
        scores = values.astype(np.float32)
        return scores / np.float32(most) if most != 1.0 else scores


class LabelScores(ScoreMaps):
    """A label map as score maps: 1 where the label is, 0 elsewhere.

    Parameters
    ----------
    labels
        Label map `[z, y, x]`.
    classes
        The labels that count.
    """

    def __init__(self, labels: np.ndarray, classes: tuple[int, ...]) -> None:
        super().__init__(dict.fromkeys(classes, labels))

    def read(self, label: int, start: int, stop: int) -> np.ndarray:
        """As `ScoreMaps.read`."""
        if label not in self._maps:
            raise UserError(f"There is no class with label {label}.")
        return (np.asarray(self._maps[label][start:stop]) == label).astype(np.float32)


def present_labels(labels: np.ndarray) -> dict[int, int]:
    """Label → voxels, for the labels above 0 of a label map, read slab by slab.

    Raises
    ------
    UserError
        Not three axes, or values that are not whole numbers.
    """
    if labels.ndim != 3 or 0 in labels.shape:
        shape = " × ".join(str(n) for n in labels.shape) or "a single number"
        raise UserError(f"A label map needs three dimensions (z, y, x), this array has the shape {shape}.")
    counts: dict[int, int] = {}
    for slab in slabs(labels.shape, 8):
        values = np.asarray(labels[slab])
        if values.dtype.kind == "f" and not (np.isfinite(values).all() and (values == np.round(values)).all()):
            raise UserError("The label map holds numbers that are not whole: choose a label map, not a score map.")
        found, numbers = np.unique(values[values > 0], return_counts=True)
        for value, number in zip(found.tolist(), numbers.tolist(), strict=True):
            counts[int(value)] = counts.get(int(value), 0) + int(number)
    return dict(sorted(counts.items()))


def mean_scores(scores: ScoreMaps, members: np.ndarray, labels: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Mean score of each object over its voxels, in the map of its class.

    Parameters
    ----------
    scores
        Of the shape of `members`.
    members
        int32 `[z, y, x]`: 0 = none, object k is k + 1.
    labels, sizes
        Class and voxels of each object, `[n]`.

    Returns
    -------
    ndarray
        float64 `[n]`.

    Raises
    ------
    UserError
        Another shape, a class without a map, values that are no scores.
    """
    check_same_shape(scores.shape, members.shape, "The score maps", "the label map")
    sums = np.zeros(len(labels) + 1)
    of_object = np.concatenate([[0], labels])
    for slab in slabs(members.shape, 8):
        part = members[slab]
        where = np.flatnonzero(part)
        if not len(where):
            continue
        number = part.reshape(-1)[where]
        classes = of_object[number]
        for label in np.unique(classes).tolist():
            those = classes == label
            values = scores.read(label, slab.start, slab.stop).reshape(-1)[where[those]]
            sums += np.bincount(number[those], weights=values, minlength=len(sums))
    return sums[1:] / np.maximum(sizes, 1)


def check_same_shape(one: tuple[int, ...], other: tuple[int, ...], name: str, other_name: str) -> None:
    """Raise a `UserError` unless two shapes (z, y, x) are equal."""
    if tuple(one) != tuple(other):
        a, b = (" × ".join(str(int(n)) for n in shape) for shape in (one, other))
        raise UserError(f"{name} and {other_name} differ in shape ({a} and {b} voxels): give both of the same place.")
