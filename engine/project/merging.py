"""Two people, or two tabs, edit one object table: their edits are joined where they touch different objects.

An edit that touches an object which the other one changed too is a conflict: then both tables are kept, as
`TableStore.save` does. Nothing here knows pages.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.errors import UserError
from engine.objects import ObjectTable
from engine.objects.table import COLUMNS
from engine.project.tables import TableStore

ATTEMPTS = 20
"""So often someone else may save between our reading and writing before this counts as a conflict."""


class SameObjectChanged(UserError):
    """Both edits changed the object `object_id`, each in its own way."""

    def __init__(self, object_id: int):
        super().__init__(f"Object {object_id} was changed by both, each in its own way: look at it and choose.")
        self.object_id = object_id


@dataclass(frozen=True)
class Saved:
    """What came of a save.

    Attributes
    ----------
    table, version
        What the file holds now.
    others
        Number of objects that someone else added, changed or deleted meanwhile and that are in `table` too.
    renumbered
        Old id → new id of own objects whose number someone else had taken meanwhile.
    """

    table: ObjectTable
    version: str
    others: int
    renumbered: dict[int, int]

    @property
    def sentence(self) -> str | None:
        """What a person should know of it; None when nobody else was at work."""
        if not self.others:
            return None
        objects = "1 object" if self.others == 1 else f"{self.others:,} objects"
        return f"{objects} changed elsewhere meanwhile: those changes and yours are both in the table."


def save_merging(
    store: TableStore, name: str, edited: ObjectTable, based_on: str, before: ObjectTable | None = None
) -> Saved:
    """Save an edited table together with what others saved since the edit began.

    Parameters
    ----------
    store, name
        Which table.
    edited
        The table after the edit.
    based_on
        The version that the edit began from.
    before
        The table at that version; None takes it from the history.

    Raises
    ------
    TableConflict
        Both changed the same object, or the version is no longer known: the edit was written to a new table.
    UserError
        A row is wrong, or the disk is full; the file is as it was.
    """
    version = store.save_if_unchanged(name, edited, based_on)
    if version is not None:
        return Saved(edited, version, 0, {})
    before = before if before is not None else store.at_version(name, based_on)
    for _ in range(ATTEMPTS if before is not None else 0):
        assert before is not None
        theirs, present = store.read_version(name)
        try:
            joined, others, renumbered = merge(before, edited, theirs)
        except SameObjectChanged:
            break
        version = store.save_if_unchanged(name, joined, present)
        if version is not None:
            return Saved(joined, version, others, renumbered)
    # Raises TableConflict and keeps both, unless the file is back at the version that the edit began from.
    return Saved(edited, store.save(name, edited, based_on), 0, {})


def edit_merging(store: TableStore, name: str, edit: Callable[[ObjectTable], ObjectTable]) -> Saved:
    """Apply `edit` to the table as it is now; someone else's save between reading and writing is joined."""
    table, version = store.read_version(name)
    return save_merging(store, name, edit(table), version, table)


def merge(before: ObjectTable, mine: ObjectTable, theirs: ObjectTable) -> tuple[ObjectTable, int, dict[int, int]]:
    """Join two edits of one table that touch different objects.

    Parameters
    ----------
    before
        The table that both edits began from.
    mine, theirs
        The table after each edit. New objects of both are kept, be they at the same place; those of `mine` get a new
        id where `theirs` used it for another new object.

    Returns
    -------
    table
        The rows of `theirs` in their order with the changes of `mine`; the new objects of `mine` at the end.
    others
        Number of objects that `theirs` added, changed or deleted.
    renumbered
        Old id → new id of new objects of `mine`.

    Raises
    ------
    SameObjectChanged
        An object that both changed in different ways, or one changed and the other deleted; or the two say different
        sizes of its tomogram.
    """
    columns = [*COLUMNS, *_others(before, mine, theirs)]
    was, own, other = (_by_id(table, columns) for table in (before, mine, theirs))
    my_changes, their_changes = _changes(was, own), _changes(was, other)
    for object_id in my_changes & their_changes:
        same = (object_id in own.index) == (object_id in other.index)
        if same and object_id in own.index:
            same = bool(_equal(own.loc[[object_id]], other.loc[[object_id]]).all())
        if not same:
            raise SameObjectChanged(object_id)
    for tomogram, geometry in mine.tomograms.items():
        changed = geometry != before.tomograms.get(tomogram)
        if changed and theirs.tomograms.get(tomogram, geometry) not in (geometry, before.tomograms.get(tomogram)):
            in_it = own.index[own["tomogram"] == tomogram]
            raise SameObjectChanged(int(in_it[0]) if len(in_it) else 0)

    added_mine = own.index.difference(was.index, sort=False)
    added_theirs = other.index.difference(was.index, sort=False)
    clash = [i for i in added_mine if i in added_theirs]
    largest = max((int(index.max()) for index in (was.index, own.index, other.index) if len(index)), default=0)
    renumbered = {int(old): largest + 1 + i for i, old in enumerate(clash)}

    joined = other.drop(index=[i for i in my_changes if i not in own.index and i in other.index])
    both = [i for i in my_changes if i in own.index and i in joined.index]
    if both:
        joined = joined.copy()
        for column in mine.rows.columns.drop("id"):
            if joined[column].dtype != own[column].dtype:  # a column that only one of the tables has
                joined[column] = joined[column].astype("object")
            joined.loc[both, column] = own.loc[both, column]
    new = own.loc[added_mine]
    if len(new):
        new = new.assign(id=[renumbered.get(int(i), int(i)) for i in new["id"]])
        joined = pd.concat([joined, new]) if len(joined) else new
    tomograms = {**theirs.tomograms, **{k: g for k, g in mine.tomograms.items() if g != before.tomograms.get(k)}}
    return ObjectTable(joined.reset_index(drop=True), tomograms), len(their_changes) + len(added_theirs), renumbered


def _others(*tables: ObjectTable) -> list[str]:
    """Further columns of any of the tables, in order."""
    return list(dict.fromkeys(c for table in tables for c in table.rows.columns if c not in COLUMNS))


def _by_id(table: ObjectTable, columns: list[str]) -> pd.DataFrame:
    rows = table.rows.reindex(columns=columns) if list(table.rows.columns) != columns else table.rows
    return rows.set_axis(pd.Index(rows["id"].to_numpy()), axis=0)


def _changes(was: pd.DataFrame, now: pd.DataFrame) -> set[int]:
    """Ids of `was` that are changed or gone in `now`. New ones are told apart by their callers."""
    gone = was.index.difference(now.index, sort=False)
    both = was.index.intersection(now.index, sort=False)
    changed = both[~_equal(was.loc[both], now.loc[both])]
    return {int(i) for i in (*gone, *changed)}


def _equal(left: pd.DataFrame, right: pd.DataFrame) -> np.ndarray:
    """Which rows hold the same; an unknown value, an empty text and a column that is missing are the same."""
    same = np.ones(len(left), dtype=bool)
    for column in left.columns:
        a, b = left[column], right[column]
        if pd.api.types.is_numeric_dtype(a) and pd.api.types.is_numeric_dtype(b):
            x, y = a.to_numpy(dtype=np.float64), b.to_numpy(dtype=np.float64)
            same &= (x == y) | (np.isnan(x) & np.isnan(y))
            continue
        x, y = (v.astype("object").where(v.notna(), "").astype(str).to_numpy() for v in (a, b))
        same &= x == y
    return same
