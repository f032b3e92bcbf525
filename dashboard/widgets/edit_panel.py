"""Edits of a whole object table: choose one, see what it would do, apply it; Undo takes it back."""

import streamlit as st

from dashboard.widgets import table_editing
from dashboard.widgets.task_form import Options, task_form
from engine.errors import UserError
from engine.objects import ObjectTable
from engine.objects.edit_steps import EDITS, apply_to, choose
from engine.project import Project
from engine.project.edit_context import EditSources

ALL, SHOWN, SELECTED = "all", "shown", "selected"


@st.dialog("Edit objects", width="medium")
def edit_panel(project: Project, name: str, version: str, table: ObjectTable, shown: ObjectTable) -> None:
    """Ask for an edit and its parameters, say what it does, apply it.

    Parameters
    ----------
    project, name, version
        Which table, as the page shows it.
    table, shown
        All of it, and the rows that pass the filter.
    """
    names = list(EDITS)
    edit = EDITS[st.selectbox("Edit", names, format_func=_title, key="edit.name", persist_state="session")]
    st.caption(edit.summary)
    ids = None if edit.whole_table else scope(table, shown)
    raw = task_form(Options(f"edit-{edit.name}", edit.parameters), choices(project, name, table), {}, folded=False)
    if any(raw[field] in (None, "", []) for field, rule in edit.parameters.model_fields.items() if rule.is_required()):
        return
    try:
        with EditSources(project) as sources:
            after = apply_to(edit, table, choose(edit.name, raw).parameters, sources, ids)
    except UserError as error:
        st.warning(str(error), icon=":material/warning:")
        return
    sentence = edit.says(table, after)
    st.markdown(f"This **{sentence}**.")
    if st.button(edit.title, type="primary", key="edit.apply"):
        table_editing.change(project, name, version, lambda _: after)
        table_editing.say_done(f"{edit.title}: {sentence}. Undo takes it back.")
        st.rerun()


def choices(project: Project, name: str, table: ObjectTable) -> dict[str, list[str]]:
    """What the fields of an edit offer."""
    maps = {segmentation.name for tomogram in table.tomograms for segmentation in project.segmentations(tomogram)}
    return {
        "classes": sorted(table.rows["class"].unique()),
        "tomograms": sorted(table.rows["tomogram"].unique()),
        "tables": [other for other in project.tables.names() if other != name],
        "segmentations": sorted(maps),
    }


def scope(table: ObjectTable, shown: ObjectTable) -> list[int] | None:
    """Which objects are meant; None = all of them."""
    chosen = table_editing.selected(table)
    groups = {ALL: len(table)}
    if len(shown) < len(table):
        groups[SHOWN] = len(shown)
    if chosen:
        groups[SELECTED] = len(chosen)
    if len(groups) == 1:
        return None
    meant = st.segmented_control(
        "Objects",
        list(groups),
        default=list(groups)[-1],
        format_func=lambda g: f"{g} ({groups[g]:,})",
        key=f"edit.scope-{'-'.join(groups)}",
        required=True,
    )
    if meant == SHOWN:
        return [int(i) for i in shown.rows["id"]]
    return chosen if meant == SELECTED else None


def _title(name: str) -> str:
    return EDITS[name].title
