"""Below the object table: the gallery, the map of similar particles, their average, and all of them in space."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.widgets import current, table_editing
from dashboard.widgets.average import average
from dashboard.widgets.gallery import GallerySettings, gallery
from dashboard.widgets.objects_3d import objects_3d
from dashboard.widgets.similarity_map import similarity_map, similarity_order
from engine.objects import ObjectTable, delete
from engine.objects.review import set_class, set_verdict, sorted_ids
from engine.project import Project

VIEWS = ("Gallery", "Similarity", "Average", "3D")
PLANES = {"XY": ("z",), "XZ": ("y",), "YZ": ("x",), "all three": ("z", "y", "x")}
ORDERS = ("id", "score", "size", "class", "tomogram", "verdict", "similarity")


def pictures(project: Project, name: str, version: str, shown: ObjectTable, colours: Mapping[str, str]) -> None:
    """One of the views, chosen above it.

    Parameters
    ----------
    project, name, version
        Which table.
    shown
        The rows that pass the filter.
    colours
        Of the classes, which have the keys 1 to 9 in this order.
    """
    bare: dict[str, Any] = {"persist_state": "session"}
    with st.container(horizontal=True, vertical_alignment="bottom", key="gallery-bar"):
        view = st.segmented_control(
            "View", VIEWS, default=VIEWS[0], key="pictures.view", label_visibility="collapsed", required=True
        )
        box, thick = 400.0, 5
        if view != "3D":
            box = st.number_input(
                "Box (Å)", 50.0, 5000.0, box, 50.0, format="%.0f", key="gallery.box", width=130, **bare
            )
            thick = st.number_input("Slices averaged", 1, 51, thick, 2, key="gallery.slices", width=120, **bare)
        if view == "Gallery":
            planes = st.selectbox("Planes", list(PLANES), key="gallery.planes", width=110, **bare)
            cell = st.selectbox("Picture (px)", (64, 88, 128, 192), index=1, key="gallery.cell", width=110, **bare)
            order = st.selectbox("Order", ORDERS, key="gallery.order", width=130, **bare)
            falling = st.toggle("Descending", key=f"gallery.falling-{order}", value=order in ("score", "size"))
    settings = GallerySettings(float(box), int(thick))
    chosen = table_editing.selected(shown)
    if view == "Gallery":
        settings = GallerySettings(float(box), int(thick), PLANES[planes], int(cell))
        ids = ordered(project, shown, version, order, falling, settings, chosen)
        gallery(
            project,
            shown,
            version,
            ids,
            settings,
            chosen,
            list(colours.items()),
            heard=lambda event: take_event(project, name, version, event),
        )
    elif view == "Similarity":
        picked = similarity_map(project, shown, version, settings, chosen, colours=colours)
        if picked:
            table_editing.select(picked)
            st.rerun()
    elif view == "Average":
        average(project, shown, version, settings, chosen)
    else:
        tomogram = current.tomogram(project)
        if tomogram is not None:
            objects_3d(shown, tomogram.name, chosen, colours)


def ordered(
    project: Project,
    shown: ObjectTable,
    version: str,
    order: str,
    falling: bool,
    settings: GallerySettings,
    chosen: Sequence[int],
) -> list[int]:
    """The ids in the order of the gallery."""
    if order != "similarity":
        return sorted_ids(shown, order, falling)  # type: ignore[arg-type]
    return similarity_order(project, shown, version, settings, chosen, falling)


def take_event(project: Project, name: str, version: str, event: dict[str, Any]) -> None:
    """What a person did in the gallery."""
    kind, ids = event["type"], [int(i) for i in event.get("ids", [])]
    if kind == "selected":
        st.session_state["objects.came-from"] = ""
        table_editing.select(ids)
    elif kind == "verdict":
        table_editing.change(project, name, version, lambda t: set_verdict(t, ids, event["verdict"]))
    elif kind == "class":
        table_editing.change(project, name, version, lambda t: set_class(t, ids, event["name"]))
    elif kind == "delete":
        table_editing.change(project, name, version, lambda t: delete(t, ids))
    elif kind in ("undo", "redo"):
        table_editing.step(project, name, version, forward=kind == "redo")
