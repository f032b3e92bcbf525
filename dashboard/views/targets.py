"""Targets: objects of a table become label maps to train on; what is written is seen on the slices before."""

import streamlit as st

from dashboard import served
from dashboard.pages import page
from dashboard.widgets import current, table_editing
from dashboard.widgets.frame import empty, header
from dashboard.widgets.job_card import follow
from dashboard.widgets.known_objects import known_objects
from dashboard.widgets.launching import launch_button
from dashboard.widgets.numbers import plural
from dashboard.widgets.preview import preview_box
from dashboard.widgets.task_form import task_form
from dashboard.widgets.viewing import overlay_layers, project_classes
from engine.project import Project, Tomogram
from engine.tasks import Preview, find_task

EDGES = (96, 160, 256)
ROOM = 56
"""Pixels left below the viewer for what each class has in the frame."""


def form(project: Project, tables: list[str]) -> dict[str, object]:
    """The form column; returns the raw parameters."""
    task = find_task("targets")
    first = known_objects(project) or tables[0]
    chosen = st.session_state.get("targets.table")
    held = table_editing.read(project, chosen if chosen in tables else first)[0].rows
    raw = task_form(
        task,
        {
            "tables": tables,
            "tomograms": sorted(held["tomogram"].unique()),
            "classes": sorted(held["class"].unique()),
        },
        {"table": first},
    )
    radii(project, raw, [str(c) for c in raw["classes"] or sorted(held["class"].unique())])
    count = len(raw["tomograms"]) or held["tomogram"].nunique()
    launch_button(project, task, raw, f"Make {plural(count, 'target')}")
    return raw


def radii(project: Project, raw: dict[str, object], names: list[str]) -> None:
    """What each class becomes, where the form does not say another radius."""
    if raw["strategy"] != "spheres":
        return
    library = {c.name: c for c in project.classes}
    known = [f"{name} {library[name].radius:g} Å" for name in names if name in library]
    unknown = [name for name in names if name not in library]
    if known:
        st.caption(f"Feature library: {', '.join(known)}.")
    if unknown:
        st.caption(f"Without a radius: {', '.join(unknown)}. Add them on the page Annotate, or leave them out.")


def last_run(project: Project) -> None:
    """How the last run stands, below the form, which stays where it is: a bar, a failure, or the next step."""
    job = follow(project, "targets", "targets")
    if job is not None and job.outputs and not job.active:
        st.success(f"{plural(len(job.outputs), 'target')} made.", icon=":material/check:")
        with st.container(horizontal=True):
            if st.button("Train a network", key="to-train"):
                st.switch_page(page("train"))
            if st.button("Look at it", key="to-viewer"):
                current.ask(job.outputs[-1]["tomogram"])
                st.switch_page(page("viewer"))


def shown(project: Project, tomogram: Tomogram, raw: dict[str, object]) -> None:
    """The viewer with the target in the frame around the crosshair."""
    overlays = overlay_layers(project, tomogram.name)
    classes = project_classes(project)
    preview_box(
        project, "targets", raw, tomogram, EDGES, overlays, more=of_classes, room=ROOM, picks=False, classes=classes
    )


def of_classes(preview: Preview) -> None:
    """Voxels of each class in the frame."""
    seen = [c for c in preview.basis.classes if c.objects]
    if seen:
        st.caption("In the frame: " + " · ".join(f"{c.name} {c.objects} ({c.voxels:,} voxels)" for c in seen))


def main() -> None:
    """Draw the page."""
    project = served.project()
    header("Targets", "Turn annotated objects into label maps that a network is trained on.")
    tomogram = current.tomogram(project)
    tables = project.tables.names()
    if tomogram is None or not tables:
        empty("No objects to make targets of yet. Annotate some, or import a list.")
        with st.container(horizontal=True):
            st.page_link(page("annotate"), label="Annotate")
            st.page_link(page("objects"), label="Import a list")
        return
    left, right = st.columns([1, 2.9], gap="medium")
    with left, st.container(key="task-form"):
        raw = form(project, tables)
        last_run(project)
    with right:
        shown(project, tomogram, raw)


main()
