"""The grid of an object table: rows to select, or cells to edit; undo, redo, delete above it."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.widgets import table_editing
from engine.objects import ObjectTable, apply_changes, delete, keep, sort_by
from engine.project import Project

HEIGHT = 400
NUMBERS = {
    "x": "%.2f",
    "y": "%.2f",
    "z": "%.2f",
    "score": "%.3f",
    "size": "%.0f",
    "rot": "%.1f",
    "tilt": "%.1f",
    "psi": "%.1f",
}
PAGE_ROWS = 1_000
"""Rows of one page of the grid: a browser takes seconds for a hundred thousand, and nobody reads them."""

SORTS = ("id", "score", "size", "class", "tomogram", "x", "y", "z")


def toolbar(project: Project, name: str, table: ObjectTable, version: str, shown: ObjectTable) -> str:
    """Mode, undo, delete; returns what a click on the table does: "Select" or "Edit cells"."""
    history = project.tables.history(name)
    chosen = table_editing.selected(shown)
    edit = table_editing.change
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="objects-bar"):
        mode = st.segmented_control(
            "Mode",
            ("Select", "Edit cells"),
            default="Select",
            key="objects.mode",
            label_visibility="collapsed",
            required=True,
        )
        st.button(
            "Undo", disabled=not history.can_undo, on_click=table_editing.step, args=(project, name, version, False)
        )
        st.button(
            "Redo", disabled=not history.can_redo, on_click=table_editing.step, args=(project, name, version, True)
        )
        st.button(
            f"Delete {len(chosen):,}" if chosen else "Delete",
            disabled=not chosen,
            on_click=edit,
            args=(project, name, version, lambda t: delete(t, chosen)),
            help="Delete the selected objects; Undo brings them back.",
        )
        if len(shown) < len(table):
            st.button(
                f"Keep these {len(shown):,}",
                on_click=edit,
                args=(project, name, version, lambda t: keep(t, shown.rows["id"].tolist())),
                help="Delete every object that the filter hides; Undo brings them back.",
            )
    return mode or "Select"


def columns(rows: pd.DataFrame) -> dict[str, Any]:
    """How each column looks; angles and scores that nobody knows are left out."""
    configured: dict[str, Any] = {
        "id": st.column_config.NumberColumn("id", width=52, disabled=True),
        "tomogram": st.column_config.TextColumn("tomogram", disabled=True, width=90),
        "class": st.column_config.TextColumn("class", width=80),
    }
    for column, form in NUMBERS.items():
        unit = {"size": " (voxel)", "rot": " (°)", "tilt": " (°)", "psi": " (°)"}.get(column, "")
        configured[column] = st.column_config.NumberColumn(column + unit, format=form, width=62)
    for column in ("rot", "tilt", "psi", "score", "size"):
        if column in rows and rows[column].isna().all():
            configured[column] = None
    if rows["tomogram"].nunique() == 1:
        configured["tomogram"] = None
    return configured


def grid(project: Project, name: str, version: str, shown: ObjectTable, mode: str) -> None:
    """The table: rows selectable, or cells editable; a page at a time where there are many."""
    rows = page_of(shown) if len(shown) > PAGE_ROWS else shown.rows
    first = ["id", "class", "x", "y", "z", "size", "score"]
    ordered = rows[[*first, *(c for c in rows if c not in first)]]
    generation = st.session_state.get(table_editing.GENERATION, 0)
    ids = rows["id"].to_numpy()
    if mode == "Select":
        key = f"objects.grid-{generation}"
        chosen = table_editing.selected(shown)
        place = pd.Index(ids).get_indexer(pd.Index(chosen)) if chosen else np.empty(0, np.int64)
        elsewhere = [i for i, at in zip(chosen, place, strict=True) if at < 0]

        def take_selection() -> None:
            picked = st.session_state[key].selection.rows
            st.session_state[table_editing.SELECTED] = [*elsewhere, *(int(ids[i]) for i in picked if i < len(ids))]

        st.dataframe(
            ordered,
            hide_index=True,
            height=HEIGHT,
            column_config=columns(rows),
            on_select=take_selection,
            selection_mode="multi-row",
            selection_default={"selection": {"rows": [int(i) for i in place if i >= 0]}},
            key=key,
        )
        return
    key = f"objects.editor-{generation}"

    def take_edits() -> None:
        edited = st.session_state[key]["edited_rows"]
        changes = {int(ids[int(row)]): cells for row, cells in edited.items()}
        if changes:
            table_editing.change(project, name, version, lambda t: apply_changes(t, changes))

    st.data_editor(
        ordered,
        hide_index=True,
        height=HEIGHT,
        column_config=columns(rows),
        on_change=take_edits,
        key=key,
    )


def page_of(shown: ObjectTable) -> pd.DataFrame:
    """The rows of one page, in an order chosen above it; the page follows what is selected elsewhere."""
    pages = -(-len(shown) // PAGE_ROWS)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="objects-pages"):
        by = st.selectbox("Sort by", SORTS, key="objects.sort", label_visibility="collapsed", width=120)
        falling = st.toggle("Descending", key="objects.falling")
        rows = shown.rows
        if by != "id" or falling:
            rows = sort_by(shown, by, descending=falling).rows
        chosen = table_editing.selected(shown)
        last = chosen[-1] if chosen else None
        if last is not None and last != st.session_state.get("objects.paged-to"):
            at = int(np.flatnonzero(rows["id"].to_numpy() == last)[0])
            st.session_state["objects.page"] = at // PAGE_ROWS + 1
        st.session_state["objects.paged-to"] = last
        if st.session_state.get("objects.page", 1) > pages:
            st.session_state["objects.page"] = pages
        number = st.pagination(pages, key="objects.page")
    return rows.iloc[(number - 1) * PAGE_ROWS : number * PAGE_ROWS]
