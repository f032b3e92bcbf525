"""The objects of a target: rows of an object table as the arrays that `targets` works with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from engine.annotation.pasting import MOST_LABEL
from engine.errors import UserError
from engine.objects import ObjectTable, known_angles, rotation_from_relion
from engine.objects.orientations import deepfinder_from_rotation, rotation_from_deepfinder
from engine.objects.table import ANGLES
from engine.words import plural

DECIMALS = 9
"""Digits of angles (degrees) that converting them from one convention to another leaves as they were."""


@dataclass(frozen=True, eq=False)
class TargetObjects:
    """Objects of one tomogram, in the order in which they are written.

    Attributes
    ----------
    centres
        [n, 3] voxels of the tomogram, z, y, x.
    labels
        [n] whole numbers, 1 to 127.
    matrices
        [n, 3, 3] that take z, y, x in the tomogram to z, y, x in the particle; NaN where no orientation is known.
    ids
        [n] for messages.
    names
        Label → what it is called in messages and reports.
    """

    centres: np.ndarray
    labels: np.ndarray
    matrices: np.ndarray
    ids: np.ndarray
    names: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def oriented(self) -> np.ndarray:
        """Which have an orientation: [n] bool."""
        return np.asarray(np.isfinite(self.matrices).all(axis=(1, 2)))

    def called(self, index: int) -> str:
        """One object for a message: its id, class and place."""
        z, y, x = self.centres[index]
        label = int(self.labels[index])
        return f"object {self.ids[index]} ({self.names.get(label, f'label {label}')} at x {x:g}, y {y:g}, z {z:g})"


def objects_from_table(table: ObjectTable, labels: Mapping[str, int], *, compat: bool = False) -> TargetObjects:
    """The objects of a table.

    Parameters
    ----------
    table
        Objects of one tomogram.
    labels
        Class → label.
    compat
        For a target as DeepFinder makes it: with matrices of its three angles, freed of what converting them added in
        the last digits. Where a voxel lies exactly on the edge of a mask, these decide.

    Raises
    ------
    UserError
        A class without label, a label that no label map of int8 holds, an object without position.
    """
    rows = table.rows
    check_labels(labels)
    strange = ~rows["class"].isin(list(labels)).to_numpy()
    if strange.any():
        name = rows["class"].iloc[int(np.argmax(strange))]
        raise UserError(
            f"{plural(int(strange.sum()), 'object')} without a label for the class, the first {name!r} (labels are "
            f"known of {', '.join(labels) or 'no class'}): add the class to the feature library, or leave these "
            "objects out."
        )
    centres = table.coordinates_zyx()
    lost = ~np.isfinite(centres).all(axis=1)
    if lost.any():
        first = int(rows["id"].iloc[int(np.argmax(lost))])
        raise UserError(
            f"{plural(int(lost.sum()), 'object')} without position, the first is object {first}: remove them."
        )
    angles = rows[list(ANGLES)].to_numpy(dtype=np.float64)
    known = known_angles(angles)
    matrices = np.full((len(rows), 3, 3), np.nan)
    if known.any():
        rotation = rotation_from_relion(angles[known])
        if compat:
            rotation = rotation_from_deepfinder(np.round(deepfinder_from_rotation(rotation), DECIMALS))
        # The inverse, and z, y, x instead of x, y, z.
        matrices[known] = rotation.as_matrix().transpose(0, 2, 1)[:, ::-1, ::-1]
    return TargetObjects(
        centres,
        rows["class"].map(dict(labels)).to_numpy(dtype=np.int64),
        matrices,
        rows["id"].to_numpy(),
        {label: name for name, label in labels.items()},
    )


def check_labels(labels: Mapping[str, int]) -> None:
    """Raise UserError unless every label (class → label) is 1 to 127 and no two classes share one."""
    taken: dict[int, str] = {}
    for name, label in labels.items():
        if not 1 <= label <= MOST_LABEL:
            why = "0 is the background" if label == 0 else "a target keeps whole numbers of 8 bits"
            raise UserError(
                f"The class {name} has the label {label}, which no target can hold ({why}): give it a number from 1 "
                f"to {MOST_LABEL}."
            )
        if label in taken:
            raise UserError(f"The classes {taken[label]} and {name} have the same label {label}: change one.")
        taken[label] = name
