"""The slices beside an object table: the viewer with its objects, and what a person does to them there."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.widgets import current, table_editing
from dashboard.widgets.frame import empty
from dashboard.widgets.viewing import Goto, ObjectLayer, overlay_layers, viewer
from engine.objects import ObjectTable, add, apply_changes, delete
from engine.project import Project


def slices(
    project: Project,
    name: str,
    version: str,
    table: ObjectTable,
    shown: ObjectTable,
    colours: Mapping[str, str],
    height: int,
) -> None:
    """The viewer, moved to the object that was selected last.

    Parameters
    ----------
    project, name, version
        Which table.
    table, shown
        All of its rows, and those that pass the filter.
    colours
        Of the classes, "#rrggbb".
    height
        Pixels.
    """
    chosen = table_editing.selected(shown)
    goto = None
    last = chosen[-1] if chosen else None
    if last is not None and st.session_state.get("objects.came-from") != "viewer":
        row = shown.rows[shown.rows["id"] == last].iloc[0]
        if row["tomogram"] != st.session_state.get(current.KEY) and st.session_state.get("objects.went") != last:
            st.session_state["objects.went"] = last
            current.ask(str(row["tomogram"]))
            st.rerun()
        # The same object asked twice is one journey, so that looking around afterwards is not pulled back.
        goto = Goto(seq=f"{name}-{last}", x=float(row["x"]), y=float(row["y"]), z=float(row["z"]))
    st.session_state["objects.went"] = last
    tomogram = current.tomogram(project)
    if tomogram is None:
        empty("The tomogram of these objects is no longer among the sources.")
        return
    here = shown.rows[shown.rows["tomogram"] == tomogram.name]
    viewer(
        tomogram,
        overlays=[o.hidden() for o in overlay_layers(project, tomogram.name)],
        objects=[
            ObjectLayer(
                table=name,
                version=f"{version}-{st.session_state.get(table_editing.REFUSED, 0)}",
                selected=chosen,
                colours=colours,
                editable=True,
                new_class=str(shown.rows["class"].mode().iloc[0]) if len(shown) else "particle",
                shown=here["id"].to_numpy() if len(shown) < len(table) else None,
            )
        ],
        goto=goto,
        height=height,
        heard=lambda event: take_event(project, name, version, event),
    )


def take_event(project: Project, name: str, version: str, event: dict[str, Any]) -> None:
    """What a person did in the viewer: select, add, move or delete objects, undo."""
    kind = event["type"]
    ids = [int(i) for i in event.get("ids") or ([event["id"]] if event.get("id") is not None else [])]
    if kind == "selected":
        # Several were drawn around on the slice: the viewer stays where it is.
        st.session_state["objects.came-from"] = "viewer" if len(ids) > 1 else ""
        table_editing.select(ids)
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
        moved = {ids[0]: {axis: float(event[axis]) for axis in "xyz"}}
        table_editing.change(project, name, version, lambda t: apply_changes(t, moved))
    elif kind == "deleted":
        table_editing.change(project, name, version, lambda t: delete(t, ids))
    elif kind in ("undo", "redo"):
        table_editing.step(project, name, version, forward=kind == "redo")
