"""Objects: the table, the slices and the gallery of one object table; one selection in all three."""

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import served
from dashboard.pages import page
from dashboard.widgets import current, table_editing
from dashboard.widgets.export_dialog import export_dialog
from dashboard.widgets.extract_dialog import extract_dialog, last_extraction
from dashboard.widgets.frame import empty, header
from dashboard.widgets.gallery import gallery
from dashboard.widgets.numbers import plural
from dashboard.widgets.viewing import Goto, ObjectLayer, overlay_layers, viewer
from engine.objects import ObjectTable, add, apply_changes, delete, keep
from engine.project import Project

TABLE_HEIGHT = 400
GALLERY_PAGE = 60
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
            f"Delete {len(chosen)}" if chosen else "Delete",
            disabled=not chosen,
            on_click=edit,
            args=(project, name, version, lambda t: delete(t, chosen)),
            help="Delete the selected objects; Undo brings them back.",
        )
        ids = [int(i) for i in shown.rows["id"]]
        if len(ids) < len(table):
            st.button(
                f"Keep these {len(ids):,}",
                on_click=edit,
                args=(project, name, version, lambda t: keep(t, ids)),
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
    """The table: rows selectable, or cells editable."""
    rows = shown.rows
    first = ["id", "class", "x", "y", "z", "size", "score"]
    ordered = rows[[*first, *(c for c in rows if c not in first)]]
    generation = st.session_state.get(table_editing.GENERATION, 0)
    ids = [int(i) for i in rows["id"]]
    if mode == "Select":
        key = f"objects.grid-{generation}"
        place = {object_id: i for i, object_id in enumerate(ids)}
        marked = [place[i] for i in table_editing.selected(shown) if i in place]

        def take_selection() -> None:
            st.session_state[table_editing.SELECTED] = [ids[i] for i in st.session_state[key].selection.rows]

        st.dataframe(
            ordered,
            hide_index=True,
            height=TABLE_HEIGHT,
            column_config=columns(rows),
            on_select=take_selection,
            selection_mode="multi-row",
            selection_default={"selection": {"rows": marked}},
            key=key,
        )
        return
    key = f"objects.editor-{generation}"

    def take_edits() -> None:
        edited = st.session_state[key]["edited_rows"]
        changes = {ids[int(row)]: cells for row, cells in edited.items()}
        if changes:
            table_editing.change(project, name, version, lambda t: apply_changes(t, changes))

    st.data_editor(
        ordered,
        hide_index=True,
        height=TABLE_HEIGHT,
        column_config=columns(rows),
        on_change=take_edits,
        key=key,
    )


def slices(project: Project, name: str, version: str, shown: ObjectTable) -> None:
    """The viewer, moved to the object that was selected last."""
    chosen = table_editing.selected(shown)
    goto = None
    if chosen:
        row = shown.rows.set_index("id").loc[chosen[-1]]
        if row["tomogram"] != st.session_state.get(current.KEY) and st.session_state.get("objects.went") != chosen[-1]:
            st.session_state["objects.went"] = chosen[-1]
            current.ask(str(row["tomogram"]))
            st.rerun()
        # The same object asked twice is one journey, so that looking around afterwards is not pulled back.
        goto = Goto(seq=f"{name}-{chosen[-1]}", x=float(row["x"]), y=float(row["y"]), z=float(row["z"]))
    st.session_state["objects.went"] = chosen[-1] if chosen else None
    tomogram = current.tomogram(project)
    if tomogram is None:
        empty("The tomogram of these objects is no longer among the sources.")
        return
    viewer(
        tomogram,
        overlays=[o.hidden() for o in overlay_layers(project, tomogram.name)],
        objects=[
            ObjectLayer(
                table=name,
                version=f"{version}-{st.session_state.get(table_editing.REFUSED, 0)}",
                selected=chosen[-1] if chosen else None,
                editable=True,
                new_class=str(shown.rows["class"].mode().iloc[0]) if len(shown) else "particle",
            )
        ],
        goto=goto,
        height=TABLE_HEIGHT + 118,
        heard=lambda event: take_event(project, name, version, event),
    )


def take_event(project: Project, name: str, version: str, event: dict[str, Any]) -> None:
    """What a person did in the viewer: select, add, move or delete an object, undo."""
    kind, object_id = event["type"], event.get("id")
    if kind == "selected" and object_id is not None:
        table_editing.select([int(object_id)])
    elif kind == "added":
        place = (float(event["x"]), float(event["y"]), float(event["z"]))
        new_class = event.get("class_name") or "particle"
        where = str(event["tomogram"])
        geometry = project.geometry(where)

        def with_one_more(table: ObjectTable) -> ObjectTable:
            return add(ObjectTable(table.rows, {**table.tomograms, where: geometry}), where, place, new_class)

        table_editing.change(project, name, version, with_one_more)
        table_editing.select([int(table_editing.read(project, name)[0].rows["id"].max())])
    elif kind == "dragged":
        moved = {int(object_id): {axis: float(event[axis]) for axis in "xyz"}}
        table_editing.change(project, name, version, lambda t: apply_changes(t, moved))
    elif kind == "deleted":
        table_editing.change(project, name, version, lambda t: delete(t, [int(object_id)]))
    elif kind in ("undo", "redo"):
        table_editing.step(project, name, version, forward=kind == "redo")


def pictures(project: Project, version: str, shown: ObjectTable) -> None:
    """The gallery of the shown rows, a page at a time."""
    pages = -(-len(shown) // GALLERY_PAGE)
    bare: dict[str, Any] = {"persist_state": "session"}
    with st.container(horizontal=True, vertical_alignment="bottom", key="gallery-bar"):
        order = st.selectbox(
            "Pictures",
            ("table", "size", "score"),
            key="gallery.order",
            width=150,
            format_func=lambda o: f"in order of {o}",
            **bare,
        )
        box = st.number_input("Box (Å)", 50.0, 5000.0, 400.0, 50.0, format="%.0f", key="gallery.box", width=130, **bare)
        average = st.number_input("Slices averaged", 1, 51, 5, 2, key="gallery.slices", width=110, **bare)
        number = st.pagination(pages, key="gallery.page") if pages > 1 else 1
    rows = shown.rows
    if order != "table":
        rows = rows.sort_values(order, ascending=False, kind="stable")
    number = min(number, pages)
    part = shown.with_rows(rows.iloc[(number - 1) * GALLERY_PAGE : number * GALLERY_PAGE])
    picked = gallery(project, part, version, box, int(average), table_editing.selected(shown))
    if picked is not None and table_editing.selected(shown) != [picked]:
        table_editing.select([picked])
        st.rerun()


def main() -> None:
    """Draw the page."""
    project = served.project()
    header("Objects", "Inspect and correct an object table on the slices, then export it.")
    if not project.tables.names():
        empty("No objects yet. Pick particles from a segmentation.")
        st.page_link(page("pick"), label="Pick particles")
        return
    left, right = st.columns([1.05, 1.25], gap="medium")
    with left:
        with st.container(horizontal=True, vertical_alignment="center", key="objects-choice"):
            name = table_editing.choose_table(project)
            assert name is not None
            table, version = table_editing.read_for_page(project, name)
            shown = table_editing.filters(table)
            with st.popover("More"):
                st.button("Delete this table", on_click=table_editing.delete_table, args=(project, name))
                st.caption(f"It goes to {project.tables.folder / '.deleted'}, from where it can be taken back.")
            if st.button("Export", type="primary", disabled=not len(shown)):
                export_dialog(project, name, shown)
            if st.button("Extract subtomograms", disabled=not len(shown)):
                extract_dialog(project, name, table, shown)
        mode = toolbar(project, name, table, version, shown)
        grid(project, name, version, shown, mode)
        hidden = f" of {len(table):,}" if len(shown) < len(table) else ""
        st.caption(f"{plural(len(shown), 'object')}{hidden} · saved · voxel coordinates, 0-based")
        table_editing.said()
        last_extraction(project)
    with right:
        slices(project, name, version, shown)
    if len(shown):
        pictures(project, version, shown)


main()
