"""The object table being corrected: which one, which rows are selected; edits saved at once, with undo.

Every edit is a new version on disk (`engine.project.tables`), so that closing the tab loses nothing.
"""

import re
from collections.abc import Callable
from typing import Literal

import numpy as np
import streamlit as st

from dashboard.widgets import object_filter
from engine.errors import UserError
from engine.objects import ObjectTable, split_by
from engine.project import Project, TableConflict
from engine.project.merging import save_merging

SELECTED = "objects.selected"
REFUSED = "objects.refused"
"""Counts edits that were not saved: the viewer, which shows an edit at once, must fetch the objects anew."""
REMEMBERED = 3
"""Tables that a session keeps in memory: 10 MB each at 100,000 rows."""


def choose_table(project: Project) -> str | None:
    """The chooser of tables; None while there is none."""
    names = project.tables.names()
    if not names:
        return None
    asked = st.session_state.pop("table-asked", None)
    if asked in names:
        st.session_state["table-name"] = asked
        begin()
    if st.session_state.get("table-name") not in names:
        st.session_state["table-name"] = max(names, key=lambda n: project.tables.path(n).stat().st_mtime)
    return st.selectbox(
        "Table",
        names,
        key="table-name",
        label_visibility="collapsed",
        persist_state="session",
        on_change=begin,
    )


def begin() -> None:
    """Another table: nothing is selected, nothing is filtered."""
    select([])
    object_filter.clear()


def read(project: Project, name: str) -> tuple[ObjectTable, str]:
    """The table and its version; from the session's memory while the file is the same, or again what it was."""
    version = project.tables.version(name)
    table = _remembered().get((name, version))
    if table is None:
        table, version = project.tables.read_version(name)
        _remember(name, version, table)
    return project.with_present_geometry(table), version


def _remembered() -> dict[tuple[str, str], ObjectTable]:
    """The tables that were read or saved last, by name and version: undo and redo go back to them."""
    tables: dict[tuple[str, str], ObjectTable] = st.session_state.setdefault("objects.read", {})
    return tables


def _remember(name: str, version: str, table: ObjectTable) -> None:
    tables = _remembered()
    tables.pop((name, version), None)
    tables[name, version] = table
    while len(tables) > REMEMBERED:
        tables.pop(next(iter(tables)))


def read_for_page(project: Project, name: str) -> tuple[ObjectTable, str]:
    """As `read`; what is returned is what the person sees and edits from now on."""
    table, version = read(project, name)
    st.session_state["objects.seen"] = ((name, version), table)
    return table, version


def change(project: Project, name: str, version: str, edit: Callable[[ObjectTable], ObjectTable]) -> bool:
    """Apply an edit to what this person saw and save it, joined with what others saved meanwhile.

    What went otherwise than expected is said on the next drawing of the page. Returns whether this table has the edit.
    """
    own: dict[str, str] = st.session_state.setdefault("objects.own-versions", {})
    try:
        present, current = read(project, name)
        version = _mine(own, version, current)
        before = present if current == version else _seen(project, name, version)
        saved = save_merging(project.tables, name, edit(before), version, before)
        if saved.version != version:
            own[version] = saved.version
        _remember(name, saved.version, saved.table)  # so it need not be read again
        if saved.sentence:
            say(saved.sentence)
        return True
    except TableConflict as conflict:
        st.session_state["table-asked"] = conflict.kept_as
        say(str(conflict))
    except UserError as error:
        st.session_state[REFUSED] = st.session_state.get(REFUSED, 0) + 1
        say(str(error))
    return False


def _mine(own: dict[str, str], version: str, present: str) -> str:
    """The version after this tab's own edits: several may arrive in one run, the later building on the earlier."""
    passed = set()
    while version != present and version in own and version not in passed:
        passed.add(version)
        version = own[version]
    return version


def _seen(project: Project, name: str, version: str) -> ObjectTable:
    """The table as this person saw it, though the file has changed since."""
    key, table = st.session_state.get("objects.seen", (None, None))
    seen = table if key == (name, version) else project.tables.at_version(name, version)
    if seen is None:
        raise UserError(f"The table {name} was changed elsewhere since you saw it: look at it, then do it again.")
    return project.with_present_geometry(seen)


def step(project: Project, name: str, version: str, forward: bool) -> bool:
    """Undo or redo from the version that the page showed; whether it was done."""
    own: dict[str, str] = st.session_state.setdefault("objects.own-versions", {})
    try:
        present = project.tables.version(name)
        new = (project.tables.redo if forward else project.tables.undo)(name, _mine(own, version, present))
        if new != version:
            own[version] = new
        return True
    except UserError as error:
        say(str(error))
        return False


def delete_table(project: Project, name: str) -> None:
    """Delete a table, as far as it can be taken back by hand."""
    try:
        project.tables.delete(name)
    except UserError as error:
        say(str(error))
    begin()


def split(project: Project, name: str, table: ObjectTable, column: Literal["class", "tomogram"]) -> None:
    """Write a new table for each class or tomogram; the one split stays as it is."""
    made = []
    try:
        for part, objects in split_by(table, column).items():
            safe = re.sub(r"[^A-Za-z0-9.+-]+", "_", part).strip("_") or "unnamed"
            made.append(project.tables.create(f"{name}-{safe}", objects, {"split_from": name, column: part}))
    except UserError as error:
        say(str(error))
    if made:
        say_done(f"{name} split by {column} into {', '.join(made)}.")


def say(sentence: str) -> None:
    """Keep a sentence for the next drawing of the page."""
    st.session_state["objects.said"] = sentence


def say_done(sentence: str) -> None:
    """The same for something that went well."""
    st.session_state["objects.done"] = sentence


def said() -> None:
    """Show what `say` and `say_done` kept, once."""
    sentence = st.session_state.pop("objects.said", None)
    if sentence:
        st.warning(sentence, icon=":material/warning:")
    sentence = st.session_state.pop("objects.done", None)
    if sentence:
        st.success(sentence, icon=":material/check:")


def selected(table: ObjectTable) -> list[int]:
    """The selected ids that the table still holds."""
    chosen = np.array(st.session_state.get(SELECTED, []), dtype=np.int64)
    return [int(i) for i in chosen[np.isin(chosen, table.rows["id"].to_numpy())]]


def select(ids: list[int]) -> None:
    """Select these objects in table, viewer and gallery alike."""
    st.session_state[SELECTED] = ids
