"""The object table being corrected: which one, which rows are shown and selected; edits saved at once, with undo.

Every edit is a new version on disk (`engine.project.tables`), so that closing the tab loses nothing.
"""

from collections.abc import Callable

import streamlit as st

from engine.errors import UserError
from engine.objects import ObjectTable, filter_by
from engine.project import Project, TableConflict

SELECTED = "objects.selected"
GENERATION = "objects.generation"
"""Counts up when the table widget must be drawn anew, because rows or selection were changed elsewhere."""


def choose_table(project: Project) -> str | None:
    """The chooser of tables; None while there is none."""
    names = project.tables.names()
    if not names:
        return None
    asked = st.session_state.pop("table-asked", None)
    if asked in names:
        st.session_state["table-name"] = asked
        select([])
    if st.session_state.get("table-name") not in names:
        st.session_state["table-name"] = names[-1]
    return st.selectbox(
        "Table",
        names,
        key="table-name",
        label_visibility="collapsed",
        persist_state="session",
        on_change=select,
        args=([],),
    )


def read(project: Project, name: str) -> tuple[ObjectTable, str]:
    """The table and its version; from the session's memory while the file is the same."""
    version = project.tables.version(name)
    known = st.session_state.get("objects.read")
    if known is None or known[0] != (name, version):
        table, version = project.tables.read_version(name)
        known = ((name, version), table)
        st.session_state["objects.read"] = known
    return known[1], version


def change(project: Project, name: str, version: str, edit: Callable[[ObjectTable], ObjectTable]) -> None:
    """Apply an edit and save it; what cannot be saved is said on the next drawing of the page."""
    try:
        table, _ = read(project, name)
        project.tables.save(name, edit(table), based_on=version)
    except TableConflict as conflict:
        st.session_state["table-asked"] = conflict.kept_as
        say(str(conflict))
    except UserError as error:
        say(str(error))
    redraw()


def step(project: Project, name: str, forward: bool) -> None:
    """Undo or redo."""
    try:
        (project.tables.redo if forward else project.tables.undo)(name)
    except UserError as error:
        say(str(error))
    redraw()


def say(sentence: str) -> None:
    """Keep a sentence for the next drawing of the page."""
    st.session_state["objects.said"] = sentence


def said() -> None:
    """Show what `say` kept, once."""
    sentence = st.session_state.pop("objects.said", None)
    if sentence:
        st.warning(sentence, icon=":material/warning:")


def selected(table: ObjectTable) -> list[int]:
    """The selected ids that the table still holds."""
    present = set(table.rows["id"])
    return [i for i in st.session_state.get(SELECTED, []) if i in present]


def select(ids: list[int]) -> None:
    """Select these objects in table, viewer and gallery alike."""
    st.session_state[SELECTED] = ids
    redraw()


def redraw() -> None:
    """Draw the table widget anew."""
    st.session_state[GENERATION] = st.session_state.get(GENERATION, 0) + 1


def filters(table: ObjectTable) -> ObjectTable:
    """The filter's popover; returns the rows that pass."""
    rows = table.rows
    active = sum(bool(st.session_state.get(f"objects.{n}")) for n in FILTERS)
    with st.popover(f"Filter ({active})" if active else "Filter"):
        tomograms = st.multiselect("Tomograms", sorted(rows["tomogram"].unique()), key="objects.tomograms")
        classes = st.multiselect("Classes", sorted(rows["class"].unique()), key="objects.classes")
        left, right = st.columns(2)
        numbers = {}
        for column, name, unit in ((left, "size", " (voxel)"), (right, "score", "")):
            lowest = column.number_input(
                f"Least {name}{unit}", value=None, key=f"objects.least-{name}", placeholder="all"
            )
            most = column.number_input(f"Most {name}{unit}", value=None, key=f"objects.most-{name}", placeholder="all")
            numbers[name] = (lowest, most) if lowest is not None or most is not None else None
        st.button("Show all", on_click=_clear)
    return filter_by(
        table,
        score=numbers["score"],
        size=numbers["size"],
        classes=classes or None,
        tomograms=tomograms or None,
    )


FILTERS = ("tomograms", "classes", "least-size", "most-size", "least-score", "most-score")


def _clear() -> None:
    for name in FILTERS:
        st.session_state[f"objects.{name}"] = [] if name in ("tomograms", "classes") else None
    redraw()
