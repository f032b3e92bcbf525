"""Which objects stay, by what their row says: class, tomogram, score, size; and their order.

By where they lie: `places`; by how close they are to each other: `merging`.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from engine.errors import UserError
from engine.objects.review import of_verdicts
from engine.objects.table import TEXT, ObjectTable

Range = tuple[float | None, float | None]


def filter_by(
    table: ObjectTable,
    score: Range | None = None,
    size: Range | None = None,
    classes: Collection[str] | None = None,
    tomograms: Collection[str] | None = None,
    verdicts: Collection[str] | None = None,
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
    verdicts
        Of "accepted", "rejected", "undecided"; None keeps all.
    """
    if verdicts is not None:
        table = of_verdicts(table, verdicts)
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


def threshold(
    table: ObjectTable,
    column: str,
    lowest: float | None = None,
    highest: float | None = None,
    lowest_by_class: Mapping[str, float] | None = None,
    highest_by_class: Mapping[str, float] | None = None,
) -> ObjectTable:
    """Only the objects whose value lies within the limits, which may differ from class to class.

    Parameters
    ----------
    table
        The table before.
    column
        "score", "size", or any other column of numbers.
    lowest, highest
        Both included; None is no limit. Objects whose value is unknown are dropped where there is a limit.
    lowest_by_class, highest_by_class
        Class → its own limit in place of the general one.

    Raises
    ------
    UserError
        No such column or no numbers in it, a class that the table does not have, or a lowest value above the highest.
    """
    if column not in table.rows or not pd.api.types.is_numeric_dtype(table.rows[column]):
        numeric = [str(name) for name in table.rows if pd.api.types.is_numeric_dtype(table.rows[name])]
        raise UserError(f"The table has no column of numbers {column!r}: choose one of {', '.join(numeric)}.")
    own_lowest, own_highest = lowest_by_class or {}, highest_by_class or {}
    require_classes(table, [*own_lowest, *own_highest])
    which, names = pd.factorize(table.rows["class"])
    low = np.array([_limit(own_lowest.get(name, lowest), -np.inf) for name in names])
    high = np.array([_limit(own_highest.get(name, highest), np.inf) for name in names])
    for name, least, most in zip(names, low, high, strict=True):
        if least > most:
            raise UserError(
                f"The lowest {column} {least:g} is above the highest {most:g} for class {name!r}: no object can pass."
            )
    unlimited = np.isneginf(low) & np.isposinf(high)
    values = table.rows[column].to_numpy(dtype=np.float64, na_value=np.nan)
    passes = (values >= low[which]) & (values <= high[which])
    return table.with_rows(table.rows[passes | unlimited[which]])


def keep_classes(table: ObjectTable, classes: Collection[str]) -> ObjectTable:
    """Only the objects of these classes. Raises UserError for a class that the table does not have."""
    require_classes(table, classes)
    return filter_by(table, classes=classes)


def remove_classes(table: ObjectTable, classes: Collection[str]) -> ObjectTable:
    """Without the objects of these classes. Raises UserError for a class that the table does not have."""
    require_classes(table, classes)
    return table.with_rows(table.rows[~table.rows["class"].isin(list(classes))])


def keep_tomograms(table: ObjectTable, tomograms: Collection[str]) -> ObjectTable:
    """Only the objects in these tomograms. Raises UserError for a tomogram that the table does not know."""
    known = {*table.rows["tomogram"].unique(), *table.tomograms}
    for name in tomograms:
        if name not in known:
            raise UserError(f"The table has no tomogram {name!r} (tomograms: {listed(known)}).")
    return filter_by(table, tomograms=tomograms)


def sort_by(table: ObjectTable, column: str, descending: bool = False) -> ObjectTable:
    """In the order of a column; equal ones stay in the order they have, unknown ones come last.

    Raises
    ------
    UserError
        No such column.
    """
    if column not in table.rows:
        raise UserError(f"The table has no column {column!r}: choose one of {', '.join(table.rows.columns)}.")
    values = table.rows[column]
    if pd.api.types.is_numeric_dtype(values):
        keys = values.to_numpy(dtype=np.float64, na_value=np.nan)
        order = _order(-keys if descending else keys)
    else:
        which, names = pd.factorize(values, sort=True)
        last = len(names)  # of unknown ones
        keys = np.where(which < 0, last, last - 1 - which if descending else which)
        order = np.argsort(keys.astype(np.min_scalar_type(last)), kind="stable")
    return table.with_rows(pd.DataFrame({name: _taken(table.rows[name], order) for name in table.rows}, copy=False))


def _order(keys: np.ndarray) -> np.ndarray:
    """The stable order of numbers, unknown ones last."""
    order = np.argsort(keys)  # several times as fast as the stable way, and the same where no two are equal
    ordered = keys[order]
    if (ordered[1:] == ordered[:-1]).any() or np.isnan(ordered[-2:]).any():
        return np.argsort(keys, kind="stable")
    return order


def _taken(column: pd.Series, order: np.ndarray) -> Any:
    """The values of a column in another order; names through their numbers, since there are few different ones."""
    if column.dtype != TEXT:
        return column.array.take(order)
    which, names = pd.factorize(column, use_na_sentinel=False)
    return names.array.take(which[order]) if len(names) < len(column) // 4 else column.array.take(order)


def require_classes(table: ObjectTable, classes: Collection[str]) -> None:
    """Refuse names of classes that no object of the table has: a typing error must not pass for an edit.

    Raises
    ------
    UserError
        With the classes there are.
    """
    if not classes:
        return
    present = set(table.rows["class"].unique())
    for name in classes:
        if name not in present:
            raise UserError(f"The table has no class {name!r} (classes: {listed(present)}).")


def listed(names: Collection[str]) -> str:
    """Names for a sentence: the first ten in order, and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - 10:,} more" if len(ordered) > 10 else ""
    return (", ".join(ordered[:10]) + more) or "none"


def _limit(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else float(value)
