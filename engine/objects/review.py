"""Looking through particles: verdicts, classes given by key, and the orders to look in. Each a pure function.

A verdict is a further column of the object table: "accepted", "rejected", or "" while nobody decided.
"""

import re
from collections.abc import Collection
from typing import Literal, get_args

import numpy as np
import pandas as pd

from engine.errors import UserError
from engine.objects.table import ObjectTable

VERDICT = "verdict"
ACCEPTED, REJECTED, UNDECIDED = "accepted", "rejected", ""
VERDICTS = (ACCEPTED, UNDECIDED, REJECTED)
"""In the order in which they are sorted."""

Which = Literal["all", "not rejected", "accepted"]
"""Which objects are written for other programs."""
UNDECIDED_WORD = "undecided"
"""What people and steps call the empty verdict."""

SortBy = Literal["id", "tomogram", "class", "score", "size", "verdict"]


def verdicts(table: ObjectTable) -> np.ndarray:
    """The verdict of each row, [n] text; "" where there is none or where it is a word that is no verdict."""
    if VERDICT not in table.rows:
        return np.full(len(table), UNDECIDED, dtype=object)
    column = table.rows[VERDICT].astype("object")
    return column.where(column.isin([ACCEPTED, REJECTED]), UNDECIDED).to_numpy(dtype=object, copy=True)


def set_verdict(table: ObjectTable, ids: Collection[int], verdict: str) -> ObjectTable:
    """The table with the verdict of these objects changed; ids that are not there are ignored.

    Raises
    ------
    UserError
        A word that is no verdict.
    """
    if verdict not in VERDICTS:
        raise UserError(f"{verdict!r} is no verdict: choose accepted, rejected, or nothing.")
    column = verdicts(table)
    column[table.rows["id"].isin(list(ids)).to_numpy()] = verdict
    return table.with_rows(table.rows.assign(**{VERDICT: column}))


def of_verdicts(table: ObjectTable, words: Collection[str], keep: bool = True) -> ObjectTable:
    """Only the objects with one of these verdicts, or only the others.

    Parameters
    ----------
    table
        The table before.
    words
        "accepted", "rejected", "undecided" (also "").
    keep
        Whether those named stay, or go.

    Raises
    ------
    UserError
        A word that is no verdict.
    """
    meant = {UNDECIDED if word == UNDECIDED_WORD else word for word in words}
    for word in meant:
        if word not in VERDICTS:
            raise UserError(f"{word!r} is no verdict: choose accepted, rejected or undecided.")
    named = np.isin(verdicts(table), list(meant))
    return table.with_rows(table.rows[named if keep else ~named])


def without_rejected(table: ObjectTable) -> ObjectTable:
    """The objects that a person has not found to be none."""
    return of_verdicts(table, [REJECTED], keep=False)


def to_write(table: ObjectTable, which: Which) -> ObjectTable:
    """The objects that are meant when a table is written for another program."""
    if which == "all":
        return table
    return of_verdicts(table, [ACCEPTED] if which == "accepted" else [REJECTED], keep=which == "accepted")


def left_out_sentence(table: ObjectTable, which: Which) -> str:
    """What `to_write` leaves out of a table; "" for nothing."""
    count = len(table) - len(to_write(table, which))
    if not count:
        return ""
    what = "rejected" if which == "not rejected" else "not accepted"
    return f"{count:,} of {len(table):,} objects {'is' if count == 1 else 'are'} left out: {what} in the gallery."


def set_class(table: ObjectTable, ids: Collection[int], name: str) -> ObjectTable:
    """The table with these objects made members of the class `name`; ids that are not there are ignored.

    Raises
    ------
    UserError
        An empty name.
    """
    if not name.strip():
        raise UserError("A class needs a name.")
    column = table.rows["class"].to_numpy(dtype=object, copy=True)
    column[table.rows["id"].isin(list(ids)).to_numpy()] = name.strip()
    return table.with_rows(table.rows.assign(**{"class": column}))


def sorted_ids(table: ObjectTable, by: SortBy, descending: bool = False) -> list[int]:
    """The ids of all objects in an order to look through them.

    Parameters
    ----------
    table
        Which objects.
    by
        A column. Names are sorted as people count (ts_2 before ts_10), verdicts accepted, undecided, rejected.
    descending
        Largest, or last, first.

    Returns
    -------
    list of int
        Equal ones stay in the order of the table. Unknown scores and sizes and empty names are last either way.

    Raises
    ------
    UserError
        Another column.
    """
    if by not in get_args(SortBy):
        raise UserError(f"Objects cannot be sorted by {by!r}: choose {', '.join(get_args(SortBy))}.")
    ranks = _ranks(table, by)
    known = np.isfinite(ranks)
    keys = np.where(known, -ranks if descending else ranks, 0)
    order = np.lexsort((keys, ~known))  # stable, the last key first
    return [int(i) for i in table.rows["id"].to_numpy()[order]]


def _ranks(table: ObjectTable, by: str) -> np.ndarray:
    if by == VERDICT:
        return np.array([VERDICTS.index(v) for v in verdicts(table)], dtype=np.float64)
    if by in ("tomogram", "class"):
        codes, names = pd.factorize(table.rows[by])
        order = sorted(range(len(names)), key=lambda i: _natural(str(names[i])))
        rank = np.empty(len(names))
        rank[order] = np.arange(len(names))
        rank[[i for i, name in enumerate(names) if name == ""]] = np.nan
        return np.where(codes < 0, np.nan, rank[codes]) if len(names) else np.full(len(codes), np.nan)
    return table.rows[by].to_numpy(dtype=np.float64)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A key under which ts_2 comes before ts_10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part.lower()) for part in re.findall(r"\d+|\D+", name)]
