"""Unsupervised: segment without training (PickET S1), tuned on a box around the crosshair, launched on many."""

import streamlit as st

from dashboard import served
from dashboard.pages import page
from dashboard.widgets import current
from dashboard.widgets.frame import empty, header
from dashboard.widgets.job_card import follow
from dashboard.widgets.launching import launch_button
from dashboard.widgets.numbers import moment, plural
from dashboard.widgets.preview import preview_box
from dashboard.widgets.task_form import task_form
from dashboard.widgets.viewing import overlay_layers
from engine.project import Project, Tomogram
from engine.tasks import find_task

EDGES = (64, 96, 128)


def form(project: Project, tomogram: Tomogram) -> dict[str, object]:
    """The form column; returns the raw parameters."""
    names = [t.name for t in project.tomograms() if t.info is not None]
    raw = task_form(find_task("unsupervised"), {"tomograms": names}, {"tomograms": [tomogram.name]})
    launch_button(project, find_task("unsupervised"), raw, f"Segment {plural(len(raw['tomograms']), 'tomogram')}")
    return raw


def last_run(project: Project) -> None:
    """How the last run stands, above the form: a bar, a failure, or the next steps."""
    job = follow(project, "unsupervised", "s1")
    if job is not None and job.outputs and not job.active:
        kept = sum(item["state"] == "skipped" for item in job.items)
        made = (
            plural(len(job.outputs) - kept, "segmentation")
            + " made"
            + (f", {kept} kept as made earlier" if kept else "")
        )
        st.success(f"{made} ({moment(job.created)}).", icon=":material/check:")
        with st.container(horizontal=True):
            if st.button("Pick particles", key="to-pick"):
                st.session_state["pick-from"] = [f"{o['tomogram']}__{o['name']}" for o in job.outputs]
                st.switch_page(page("pick"))
            if st.button("Look at it", key="to-viewer"):
                current.ask(job.outputs[-1]["tomogram"])
                st.switch_page(page("viewer"))


def main() -> None:
    """Draw the page."""
    project = served.project()
    header(
        "Unsupervised",
        "Divide the voxels into particle and background by their neighbourhoods, without training.",
    )
    tomogram = current.tomogram(project)
    if tomogram is None:
        empty("Nothing to segment yet.")
        st.page_link(page("tomograms"), label="Add tomograms")
        return
    left, right = st.columns([1, 2.9], gap="medium")
    with left, st.container(key="task-form"):
        last_run(project)
        raw = form(project, tomogram)
    with right:
        preview_box(project, "unsupervised", raw, tomogram, EDGES, overlay_layers(project, tomogram.name))


main()
