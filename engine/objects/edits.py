"""Changes to an object table, each a pure function giving a new table. Saving and undo: the project."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from engine.errors import UserError
from engine.objects.table import NUMBER_COLUMNS, TEXT_COLUMNS, ObjectTable, TomogramGeometry

Range = tuple[float | None, float | None]


def delete(table: ObjectTable, ids: Collection[int]) -> ObjectTable:
    """Without the objects of these ids; ids that are not there are ignored."""
    return table.with_rows(table.rows[~table.rows["id"].isin(list(ids))])


def keep(table: ObjectTable, ids: Collection[int]) -> ObjectTable:
    """Only the objects of these ids, in the order of the table."""
    return table.with_rows(table.rows[table.rows["id"].isin(list(ids))])


def set_cell(table: ObjectTable, object_id: int, column: str, value: Any) -> ObjectTable:
    """With one value changed; see `apply_changes`."""
    return apply_changes(table, {object_id: {column: value}})


def apply_changes(table: ObjectTable, changes: Mapping[int, Mapping[str, Any]]) -> ObjectTable:
    """With the cells changed that a person edited.

    Parameters
    ----------
    table
        The table before.
    changes
        id → column → new value. None in a number column means unknown.

    Raises
    ------
    UserError
        An id that is not in the table, an unknown column, text where a number belongs, an empty name, an
        attempt to change an id, a tomogram that the table does not know.
    """
    rows = table.rows.copy()
    row_of = {int(object_id): row for row, object_id in enumerate(rows["id"])}
    for object_id, cells in changes.items():
        if int(object_id) not in row_of:
            raise UserError(f"There is no object with id {object_id}: it was deleted meanwhile. Reload the table.")
        for column, value in cells.items():
            rows.at[row_of[int(object_id)], column] = _checked(table, object_id, column, value)
    return table.with_rows(rows)


def filter_by(
    table: ObjectTable,
    score: Range | None = None,
    size: Range | None = None,
    classes: Collection[str] | None = None,
    tomograms: Collection[str] | None = None,
) -> ObjectTable:
    """Only the objects that pass all filters.

    Parameters
    ----------
    table
        The table before.
    score, size
        (lowest, highest), both included; None on a side is no limit. With a limit, objects whose value is
        unknown are dropped.
    classes, tomograms
        Names to keep; None keeps all.
    """
    rows = table.rows
    passes = np.ones(len(rows), dtype=bool)
    for column, limits in (("score", score), ("size", size)):
        low, high = limits or (None, None)
        values = rows[column].to_numpy()
        if low is not None:
            passes &= values >= low
        if high is not None:
            passes &= values <= high
    for column, names in (("class", classes), ("tomogram", tomograms)):
        if names is not None:
            passes &= rows[column].isin(list(names)).to_numpy()
    return table.with_rows(rows[passes])


def concatenate(tables: Sequence[ObjectTable]) -> ObjectTable:
    """One table of all objects; an id that is used already gets the next free number.

    Raises
    ------
    UserError
        Two tables say different sizes of one tomogram.
    """
    tomograms: dict[str, TomogramGeometry] = {}
    for table in tables:
        for name, geometry in table.tomograms.items():
            if tomograms.setdefault(name, geometry) != geometry:
                raise UserError(
                    f"The tables disagree on tomogram {name!r}: shape {tomograms[name].shape} at "
                    f"{tomograms[name].voxel_size} Å and {geometry.shape} at {geometry.voxel_size} Å (z, y, "
                    "x)."
                )
    filled = [table.rows for table in tables if len(table)]
    if not filled:
        return ObjectTable(pd.DataFrame(), tomograms)
    rows = pd.concat(filled, ignore_index=True)
    again = rows["id"].duplicated(keep="first").to_numpy()
    ids = rows["id"].to_numpy(dtype=np.int64, copy=True)
    ids[again] = ids.max() + 1 + np.arange(int(again.sum()))
    rows["id"] = ids
    return ObjectTable(rows, tomograms)


def add(table: ObjectTable, tomogram: str, position: tuple[float, float, float], class_name: str) -> ObjectTable:
    """One object more, with the next free id.

    Parameters
    ----------
    table
        The table before; it must know the tomogram's geometry.
    tomogram
        Where the object lies.
    position
        x, y, z in voxels.
    class_name
        What it is.
    """
    x, y, z = position
    number = int(table.rows["id"].max()) + 1 if len(table) else 1
    row = {"tomogram": tomogram, "class": class_name, "x": x, "y": y, "z": z, "id": number}
    one = ObjectTable(pd.DataFrame([row]), table.tomograms)
    return concatenate([table, one])


def remove_near_border(table: ObjectTable, margin: float) -> ObjectTable:
    """Without the objects whose centre is less than `margin` voxels from the centre of an outermost voxel.

    Raises
    ------
    UserError
        A negative margin; a tomogram of unknown size.
    """
    if margin < 0:
        raise UserError(f"The margin {margin:g} must be 0 or more voxels.")
    centres = table.coordinates_zyx()
    inside = ((centres >= margin) & (centres <= table.per_row("shape") - 1 - margin)).all(axis=1)
    return table.with_rows(table.rows[np.asarray(inside)])


def remove_close(
    table: ObjectTable,
    distance: float,
    unit: Literal["voxel", "angstrom"] = "voxel",
    within_class: bool = False,
) -> ObjectTable:
    """Of objects closer than `distance` to each other keep the one with the better score.

    Objects are visited from the highest score down (unknown scores last, equal ones in table order); each one
    kept removes all closer ones that come after it. Objects of different tomograms never touch.

    Parameters
    ----------
    table
        The table before.
    distance
        Centre to centre; objects exactly that far apart both stay.
    unit
        "voxel" of each tomogram, or "angstrom".
    within_class
        Compare only objects of the same class.

    Raises
    ------
    UserError
        A negative distance.
    """
    if distance < 0:
        raise UserError(f"The distance {distance:g} must be 0 or more.")
    rows = table.rows
    centres = table.coordinates_angstrom() if unit == "angstrom" else table.coordinates_zyx()
    scores = np.nan_to_num(rows["score"].to_numpy(), nan=-math.inf)
    kept = np.ones(len(rows), dtype=bool)
    groups = ["tomogram", "class"] if within_class else ["tomogram"]
    for members in rows.groupby(groups, sort=False).indices.values():
        members = members[np.isfinite(centres[members]).all(axis=1)]
        members = members[np.argsort(-scores[members], kind="stable")]
        kept[members] = _kept_in_order(centres[members], distance)
    return table.with_rows(rows[kept])


def _kept_in_order(centres: np.ndarray, distance: float) -> np.ndarray:
    """Which of the points [n, 3] stay when each one that stays removes later ones closer than `distance`."""
    kept = np.ones(len(centres), dtype=bool)
    if len(centres) < 2 or distance == 0:
        return kept
    pairs = cKDTree(centres).query_pairs(distance, output_type="ndarray")
    apart = np.linalg.norm(centres[pairs[:, 0]] - centres[pairs[:, 1]], axis=1)
    pairs = np.sort(pairs[apart < distance], axis=1)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    for first, later in pairs:
        if kept[first]:
            kept[later] = False
    return kept


def _checked(table: ObjectTable, object_id: int, column: str, value: Any) -> Any:
    where = f"Object {object_id}, column {column}"
    if column == "id":
        raise UserError(f"{where}: ids cannot be changed, other results refer to them.")
    if column not in table.rows.columns:
        raise UserError(f"{where}: there is no such column.")
    if column in NUMBER_COLUMNS:
        if value is None or value == "":
            return math.nan
        try:
            return float(value)
        except (TypeError, ValueError):
            raise UserError(f"{where}: {value!r} is not a number.") from None
    if column in TEXT_COLUMNS:
        text = str(value or "").strip()
        if not text:
            raise UserError(f"{where}: the name must not be empty.")
        if column == "tomogram" and text not in table.tomograms:
            raise UserError(f"{where}: {text!r} is no tomogram of this table.")
        return text
    return value
