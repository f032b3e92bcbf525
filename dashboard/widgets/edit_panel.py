"""Edits of a whole object table: choose one, see what it would do, apply it; Undo takes it back."""

import streamlit as st

from dashboard.widgets import object_filter, table_editing
from dashboard.widgets.spoken import spoken
from dashboard.widgets.task_form import Options, task_form
from engine.errors import UserError
from engine.objects import ObjectTable
from engine.objects.edit_steps import EDITS, apply_to, choose
from engine.objects.formats import csv_table
from engine.project import Project
from engine.project.edit_context import EditSources

ALL, SHOWN, SELECTED = "all", "shown", "selected"
OF_PROJECT = "this project's tomograms: it mends positions given in voxels of another size"
OF_NEW_SIZE = "tomograms of the new size: a CSV in exports"
MEANT = (OF_PROJECT, OF_NEW_SIZE)


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
    needed = [field for field, rule in edit.parameters.model_fields.items() if rule.is_required()]
    if any(raw[field] in (None, "", [], {}) for field in needed):
        return
    try:
        with EditSources(project) as sources:
            after = apply_to(edit, table, choose(edit.name, raw, edit.title).parameters, sources, ids)
    except UserError as error:
        st.warning(spoken(str(error), edit.parameters), icon=":material/warning:")
        return
    sentence = edit.says(table, after)
    st.markdown(f"This **{sentence}**.")
    if after.tomograms != table.tomograms:
        meant = st.radio("The result is for", MEANT, key="edit.meant")
        if meant == OF_NEW_SIZE:
            write_out(project, name, edit.title, after)
            return
        after = ObjectTable(after.rows, table.tomograms)
    if st.button(edit.title, type="primary", key="edit.apply"):
        table_editing.change(project, name, version, lambda _: after)
        table_editing.say_done(f"{edit.title}: {sentence}. Undo takes it back.")
        st.rerun()


def write_out(project: Project, name: str, title: str, after: ObjectTable) -> None:
    """The button that writes a table of tomograms which this project does not have."""
    target = project.root / "exports" / f"{name}_{title.lower().replace(' ', '-')}.csv"
    if target.exists():
        st.warning(f"{target.name} exists and will be replaced.", icon=":material/warning:")
    if st.button(f"Write {target.name}", type="primary", key="edit.write"):
        try:
            target.parent.mkdir(exist_ok=True)
            csv_table.write(after, target)
        except UserError as error:
            st.error(str(error), icon=":material/error:")
            return
        st.success(f"Written: {target}", icon=":material/check:")


def choices(project: Project, name: str, table: ObjectTable) -> dict[str, list[str]]:
    """What the fields of an edit offer."""
    maps = {segmentation.name for tomogram in table.tomograms for segmentation in project.segmentations(tomogram)}
    return {
        "classes": sorted(table.rows["class"].unique()),
        "tomograms": sorted(table.rows["tomogram"].unique()),
        "tables": [other for other in project.tables.names() if other != name],
        "segmentations": sorted(maps),
        "verdicts": object_filter.VERDICT_WORDS,
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
