"""The table that a tab annotates: what the viewer's events do to it, saved after each, and what is to be said of it.

Joining with what other tabs save is `engine.project.table_editor`; the page is `dashboard.views.annotate`.
"""

from typing import Any

import streamlit as st

from dashboard.widgets.class_palette import choose_class
from engine.errors import UserError
from engine.objects import ObjectTable, add, apply_changes, delete
from engine.project import Project, TableConflict
from engine.project.table_editor import Edit, TableEditor

USUAL_TABLE = "annotations"
TABLE = "annotate.table"
"""Name of the table that the person chose."""

_EDITORS = "annotate.editors"
_SELECTED = "annotate.selected"
_NOTICE = "annotate.notice"
_CONFLICT = "annotate.conflict"
_REFUSED = "annotate.refused"
_JOURNEY = "annotate.journey"


def editor_for(project: Project, name: str) -> TableEditor:
    """The editor of a table in this tab, kept from run to run; the table need not exist yet."""
    editors: dict[str, TableEditor] = st.session_state.setdefault(_EDITORS, {})
    if name not in editors:
        editors[name] = TableEditor(project.tables, name, {"task": "annotate"})
    return editors[name]


def current_editor(project: Project) -> TableEditor:
    """The editor of the chosen table, with the table as it is now."""
    name = st.session_state.get(TABLE) or USUAL_TABLE
    try:
        editor = editor_for(project, name)
    except UserError as error:
        say(str(error))
        editor = editor_for(project, USUAL_TABLE)
    editor.refresh()
    return editor


def open_table(name: str) -> None:
    """Annotate another table from now on, as it is on disk."""
    editors: dict[str, TableEditor] = st.session_state.get(_EDITORS, {})
    if name in editors and editors[name].name != name:  # a conflict had moved it to a table of its own
        del editors[name]
    st.session_state[TABLE] = name
    st.session_state.pop(_CONFLICT, None)
    select([])


def take_event(project: Project, shown: str, event: dict[str, Any]) -> None:
    """What the person did in the viewer. `shown` is the table that the page showed."""
    kind = event["type"]
    editor = editor_for(project, event.get("table") or shown)
    if kind == "selected":
        select([int(i) for i in event.get("ids") or []])
    elif kind == "class_chosen":
        choose_class(str(event["class_name"]))
    elif kind == "added":
        x, y, z = (float(event[axis]) for axis in "xyz")
        if change(editor, _with_one_more(project, str(event["tomogram"]), (x, y, z), str(event["class_name"]))):
            select([int(editor.table.rows["id"].iloc[-1])])
    elif kind == "dragged":
        moved = {int(event["id"]): {axis: float(event[axis]) for axis in "xyz"}}
        change(editor, lambda table: apply_changes(table, moved))
    elif kind == "deleted":
        change(editor, lambda table: delete(table, [int(i) for i in event["ids"]]))
    elif kind in ("undo", "redo"):
        step(editor, forward=kind == "redo")


def change(editor: TableEditor, edit: Edit) -> bool:
    """Apply an edit and save it; what went otherwise than expected is said when the page is drawn next."""
    before = editor.name
    try:
        sentence = editor.change(edit)
    except TableConflict as conflict:
        editors: dict[str, TableEditor] = st.session_state[_EDITORS]
        editors[editor.name] = editor  # events of the old name that are on their way still come here
        st.session_state[_CONFLICT] = (str(conflict), before, conflict.kept_as)
        st.session_state[TABLE] = conflict.kept_as
        return True
    except UserError as error:
        refused(str(error))
        return False
    if editor.name != before:
        st.session_state[_EDITORS][editor.name] = editor
        st.session_state[TABLE] = editor.name
    if sentence:
        say(sentence)
    return True


def step(editor: TableEditor, forward: bool) -> None:
    """Undo or redo."""
    try:
        editor.redo() if forward else editor.undo()
    except UserError as error:
        refused(str(error))


def refused(sentence: str) -> None:
    """Say why an edit was not made; the viewer, which shows it already, fetches the objects anew."""
    st.session_state[_REFUSED] = st.session_state.get(_REFUSED, 0) + 1
    say(sentence)


def shown_version(editor: TableEditor) -> str:
    """A version for the viewer, which changes too when an edit was refused."""
    return f"{editor.version}-{st.session_state.get(_REFUSED, 0)}"


def select(ids: list[int]) -> None:
    """Select these objects."""
    st.session_state[_SELECTED] = ids


def selected(editor: TableEditor) -> list[int]:
    """The selected ids that the table holds."""
    chosen = st.session_state.get(_SELECTED, [])
    present = set(editor.table.rows["id"]) if chosen else set()
    return [i for i in chosen if i in present]


def go_to(object_id: int) -> None:
    """Select an object and let the viewer go there."""
    select([object_id])
    count = st.session_state.get(_JOURNEY, (0, 0))[0]
    st.session_state[_JOURNEY] = (count + 1, object_id)


def journey() -> tuple[int, int] | None:
    """Number of the last journey asked for, and the id of its object."""
    asked: tuple[int, int] | None = st.session_state.get(_JOURNEY)
    return asked


def say(sentence: str) -> None:
    """Keep a sentence for the next drawing of the page."""
    st.session_state[_NOTICE] = sentence


def said() -> None:
    """What `say` kept, once; and a conflict, until one of its tables is opened."""
    sentence = st.session_state.pop(_NOTICE, None)
    if sentence:
        st.warning(sentence, icon=":material/info:")
    conflict = st.session_state.get(_CONFLICT)
    if conflict:
        text, theirs, mine = conflict
        st.warning(text, icon=":material/warning:")
        with st.container(horizontal=True, gap="xsmall"):
            st.button(f"Open {theirs}", on_click=open_table, args=(theirs,))
            st.button(f"Stay with {mine}", on_click=open_table, args=(mine,))


def _with_one_more(project: Project, tomogram: str, place: tuple[float, float, float], class_name: str) -> Edit:
    geometry = project.geometry(tomogram)

    def edit(table: ObjectTable) -> ObjectTable:
        known = ObjectTable(table.rows, {**table.tomograms, tomogram: geometry})
        return add(known, tomogram, place, class_name)

    return edit
