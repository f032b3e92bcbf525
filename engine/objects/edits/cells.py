"""Edits by hand: objects added and deleted, cells changed, classes renamed."""

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from engine.errors import UserError, quoted
from engine.objects.edits.merging import concatenate
from engine.objects.edits.selecting import require_classes
from engine.objects.table import NUMBER_COLUMNS, TEXT, TEXT_COLUMNS, ObjectTable


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
    asked = np.array([int(object_id) for object_id in changes], dtype=np.int64)
    present = np.flatnonzero(table.rows["id"].isin(asked).to_numpy())
    row_of = dict(zip(table.rows["id"].to_numpy()[present].tolist(), present.tolist(), strict=True))
    by_column: dict[str, dict[int, Any]] = {}
    for object_id, cells in changes.items():
        if int(object_id) not in row_of:
            raise UserError(f"There is no object with id {object_id}: it was deleted meanwhile. Reload the table.")
        for column, value in cells.items():
            checked = _checked(table, object_id, column, value)
            by_column.setdefault(column, {})[row_of[int(object_id)]] = checked
    # A column at a time: setting one cell of a text column copies all of it.
    replaced = {column: _with_values(table.rows[column], values) for column, values in by_column.items()}
    return table.with_rows(table.rows.assign(**replaced))


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


def rename_classes(table: ObjectTable, names: Mapping[str, str]) -> ObjectTable:
    """With other names of classes; two that get the same name become one class.

    Parameters
    ----------
    table
        The table before.
    names
        Old name → new name, all at once: {"a": "b", "b": "a"} swaps them. Other classes keep their names.

    Raises
    ------
    UserError
        A class that the table does not have, or an empty new name.
    """
    require_classes(table, names)
    empty = [old for old, new in names.items() if not new.strip()]
    if empty:
        raise UserError(f"The new name of class {empty[0]!r} is empty: give it one.")
    which, present = pd.factorize(table.rows["class"])
    renamed = np.array([names[name].strip() if name in names else name for name in present], dtype=object)
    return table.with_rows(table.rows.assign(**{"class": pd.Series(renamed[which], dtype=TEXT)}))


def _with_values(column: pd.Series, values: Mapping[int, Any]) -> pd.Series:
    changed = column.copy()
    places, new = list(values), list(values.values())
    if pd.api.types.is_integer_dtype(column):
        if all(value.is_integer() for value in new):
            new = [int(value) for value in new]
        else:
            changed = changed.astype(np.float64)
    changed.iloc[places] = new
    return changed


def _checked(table: ObjectTable, object_id: int, column: str, value: Any) -> Any:
    where = f"Object {object_id}, column {column}"
    if column == "id":
        raise UserError(f"{where}: ids cannot be changed, other results refer to them.")
    if column not in table.rows.columns:
        raise UserError(f"{where}: there is no such column.")
    if column in NUMBER_COLUMNS or _holds_numbers(table.rows[column]):
        if value is None or value == "":
            return math.nan
        try:
            return float(value)
        except (TypeError, ValueError):
            raise UserError(f"{where}: {quoted(value)} is not a number.") from None
    if column in TEXT_COLUMNS:
        text = str(value or "").strip()
        if not text:
            raise UserError(f"{where}: the name must not be empty.")
        if column == "tomogram" and text not in table.tomograms:
            raise UserError(f"{where}: {quoted(text)} is no tomogram of this table.")
        return text
    if table.rows[column].dtype == TEXT:
        return None if value is None else str(value)
    if pd.api.types.is_bool_dtype(table.rows[column]):
        answer = {"true": True, "false": False}.get(str(value).strip().lower())
        if answer is None:
            raise UserError(f"{where}: {quoted(value)} is neither true nor false.")
        return answer
    return value


def _holds_numbers(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
