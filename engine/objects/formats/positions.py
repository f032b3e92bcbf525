"""What every writer asks of a table before it writes, and every reader of what it read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from engine.errors import UserError
from engine.objects.orientations import known_angles
from engine.objects.table import ANGLES, COORDINATES, ObjectTable


def positions(table: ObjectTable) -> np.ndarray:
    """x, y, z of all objects, [n, 3] in voxels.

    Raises
    ------
    UserError
        One of them is not a number.
    """
    places = table.rows[list(COORDINATES)].to_numpy(dtype=np.float64)
    lost = ~np.isfinite(places).all(axis=1)
    if lost.any():
        count = int(lost.sum())
        raise UserError(
            f"{count:,} object{' has' if count == 1 else 's have'} no position (x, y or z is no finite number), the "
            f"first in row {int(np.argmax(lost)) + 1}: delete or complete them first."
        )
    return places


def angles_and_known(table: ObjectTable) -> tuple[np.ndarray, np.ndarray]:
    """rot, tilt, psi with 0 where unknown, [n, 3], and which rows are known, [n] bool."""
    angles = table.rows[list(ANGLES)].to_numpy(dtype=np.float64)
    known = known_angles(angles)
    return np.where(known[:, None], angles, 0.0), known


def refuse_lost(path: str | Path, frame: pd.DataFrame, columns: Sequence[str | int], counted: str) -> None:
    """Refuse a list in which a number that every object needs is NaN or infinite.

    Parameters
    ----------
    path
        The list, for the message.
    frame
        Numbers; its index is the line, row or object in the list.
    columns
        Those that are needed.
    counted
        What the index counts: "line", "row" or "object".

    Raises
    ------
    UserError
        The first such value.
    """
    values = frame[list(columns)].to_numpy(dtype=np.float64)
    lost = ~np.isfinite(values)
    if lost.any():
        row, column = (int(number) for number in np.argwhere(lost)[0])
        name = columns[column] if isinstance(columns[column], str) else f"column {int(columns[column]) + 1}"
        raise UserError(
            f"{path}, {counted} {frame.index[row]}: {name} is {values[row, column]:g}, give it a number or remove the "
            f"{counted}."
        )
