"""Annotate: mark objects by hand on the slices, with the classes of the feature library."""

import re

import pandas as pd
import streamlit as st

from dashboard import served
from dashboard.pages import page
from dashboard.viewer.contents import NO_TABLE
from dashboard.widgets import annotating, current
from dashboard.widgets.class_palette import class_palette
from dashboard.widgets.frame import empty, header
from dashboard.widgets.numbers import plural
from dashboard.widgets.task_form import set_values
from dashboard.widgets.viewing import Goto, ObjectLayer, object_layers, overlay_layers, viewer
from engine.errors import UserError
from engine.project import Project, Tomogram, check_name
from engine.project.table_editor import TableEditor
from engine.tasks import find_task

LAST_SHOWN = 8


def choose_table(project: Project) -> None:
    """The chooser of the table; a new name makes a new one with its first object."""
    chosen = st.session_state.get(annotating.TABLE) or annotating.USUAL_TABLE
    there = project.tables.names()
    names = sorted({*there, annotating.USUAL_TABLE, chosen})

    def take() -> None:
        name = str(st.session_state["annotate.chooser"] or annotating.USUAL_TABLE).strip()
        try:
            check_name(name, "table")
        except UserError as error:
            annotating.say(str(error))
            st.session_state["annotate.chooser"] = chosen
            return
        annotating.open_table(name)

    st.session_state["annotate.chooser"] = chosen
    st.selectbox(
        "Table",
        names,
        key="annotate.chooser",
        format_func=lambda n: n if n in there else f"{n} (new)",
        accept_new_options=True,
        on_change=take,
        help="Where the objects go. Type a new name for a new table.",
    )


def history(editor: TableEditor) -> None:
    """Undo, redo, and what is saved."""
    states = editor.history()
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="annotate-bar"):
        for label, able, forward in (("Undo", states.can_undo, False), ("Redo", states.can_redo, True)):
            st.button(
                label,
                disabled=not able,
                on_click=annotating.step,
                args=(editor, forward),
                help=f"{label} the last edit of {editor.name}; in the picture: Ctrl + {'Shift + ' * forward}Z.",
            )
        chosen = len(annotating.selected(editor))
        total = f"{plural(len(editor.table), 'object')} in {editor.name}"
        st.caption(f"{chosen} selected" if chosen > 1 else f"{total} · saved" if editor.version else "nothing yet")


def last_ones(editor: TableEditor, here: pd.DataFrame) -> None:
    """What was annotated last in this tomogram; a click goes there."""
    if here.empty:
        return
    with st.container(gap=None, key="annotate-last"):
        st.caption("Annotated last (x, y, z in voxels)")
        last = here.tail(LAST_SHOWN).iloc[::-1]
        for row in last[["id", "class", "x", "y", "z"]].itertuples(index=False, name=None):
            number, name, *place = row
            st.button(
                f"{_plain(name)} · {', '.join(f'{value:.0f}' for value in place)}",
                key=f"annotate.last.{number}",
                type="tertiary",
                on_click=annotating.go_to,
                args=(int(number),),
            )


def _plain(text: str) -> str:
    """A name as it is written: labels of buttons are Markdown."""
    return re.sub(r"([\\`*_\[\]$:<>#~])", r"\\\1", text)


def slices(project: Project, tomogram: Tomogram, editor: TableEditor, active: str | None) -> None:
    """The viewer with the table to edit on top of what else is there."""
    goto = None
    asked = annotating.journey()
    if asked:
        row = editor.table.rows[editor.table.rows["id"] == asked[1]]
        if len(row) and row["tomogram"].iloc[0] == tomogram.name:
            x, y, z = (float(row[axis].iloc[0]) for axis in "xyz")
            goto = Goto(f"annotate-{asked[0]}", x, y, z)
    others = [
        ObjectLayer(table=layer.table, version=layer.version, visible=False)
        for layer in object_layers(project, tomogram.name)
        if layer.table != editor.name
    ]
    own = ObjectLayer(
        table=editor.name,
        version=annotating.shown_version(editor) if editor.version else NO_TABLE,
        selected=annotating.selected(editor),
        editable=True,
        new_class=active,
        class_keys=True,
    )
    name = editor.name
    viewer(
        tomogram,
        overlays=[layer.hidden() for layer in overlay_layers(project, tomogram.name)],
        objects=[*others, own],
        goto=goto,
        heard=lambda event: annotating.take_event(project, name, event),
    )


def main() -> None:
    """Draw the page."""
    project = served.project()
    header(
        "Annotate",
        "Mark objects on the slices: press A in the picture and click, or double-click; 1 to 9 choose the class.",
    )
    tomogram = current.tomogram(project)
    if tomogram is None:
        empty("Tomograms to annotate will be here.")
        st.page_link(page("tomograms"), label="Add tomograms")
        return
    editor = annotating.current_editor(project)
    left, right = st.columns([3, 7.6], gap="medium")
    with left:
        choose_table(project)
        rows = editor.table.rows
        here = rows[rows["tomogram"] == tomogram.name]
        active = class_palette(project, counts=here["class"].value_counts().to_dict())
        annotating.said()
        history(editor)
        if len(rows) and st.button("Make targets of them", key="to-targets"):
            set_values(find_task("targets"), {"table": editor.name})
            st.switch_page(page("targets"))
        last_ones(editor, here)
    with right:
        slices(project, tomogram, editor, active)


main()
