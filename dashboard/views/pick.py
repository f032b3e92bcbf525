"""Pick: from segmentations to an object table (PickET S2), tuned on a box, launched on many."""

import streamlit as st

from dashboard import served
from dashboard.pages import page
from dashboard.widgets import current
from dashboard.widgets.frame import empty, header
from dashboard.widgets.job_card import follow
from dashboard.widgets.launching import launch_button
from dashboard.widgets.numbers import plural
from dashboard.widgets.preview import preview_box
from dashboard.widgets.suggestions import suggestions, take_asked
from dashboard.widgets.task_form import set_values, task_form
from dashboard.widgets.viewing import overlay_layers
from engine.project import Project, Segmentation, Tomogram
from engine.tasks import find_task

EDGES = (96, 160, 256)
ROOM = 165
"""Pixels left below the viewer, so that the suggestions begin on the screen."""


def form(project: Project, tomogram: Tomogram, found: list[Segmentation]) -> dict[str, object]:
    """The form column; returns the raw parameters."""
    take_asked()
    task = find_task("pick")
    asked = st.session_state.pop("pick-from", None)
    if asked:
        set_values(task, {"segmentations": asked})
    keys = [s.key for s in found]
    by_age = sorted(found, key=lambda s: s.path.stat().st_mtime)
    own = [s.key for s in by_age if s.tomogram == tomogram.name]
    raw = task_form(task, {"segmentations": keys}, {"segmentations": own[-1:] or keys[-1:]})
    for key in raw["segmentations"][:1]:
        made_by = project.segmentation(key).made_by
        counts = made_by.get("labels") or {}
        total = sum(counts.values())
        if total:
            words = ", ".join(f"label {k}: {v:,} voxels ({v / total:.1%})" for k, v in counts.items())
            st.caption(f"{key} holds {words}. Particles are usually the smaller one.")
    launch_button(project, task, raw, f"Pick in {plural(len(raw['segmentations']), 'segmentation')}")
    return raw


def last_run(project: Project) -> None:
    """How the last run stands, below the form, which stays where it is: a bar, a failure, or the next step."""
    job = follow(project, "pick", "s2")
    if job is not None and job.outputs and not job.active:
        table = job.outputs[-1]
        st.success(f"{plural(table['objects'], 'object')} in the table {table['name']}.", icon=":material/check:")
        with st.container(horizontal=True):
            if st.button("Inspect and correct them", key="to-objects"):
                st.session_state["table-asked"] = table["name"]
                st.switch_page(page("objects"))
            if len(project.tables.names()) > 1 and st.button("Evaluate", key="to-evaluate"):
                st.switch_page(page("evaluate"))


def main() -> None:
    """Draw the page."""
    project = served.project()
    header("Pick", "Find the particles in a segmentation and write their centres as an object table.")
    tomogram = current.tomogram(project)
    found = project.segmentations()
    if tomogram is None or not found:
        empty("No segmentation to pick from yet. Segment a tomogram first.")
        st.page_link(page("unsupervised"), label="Segment without training")
        return
    left, right = st.columns([1, 2.9], gap="medium")
    with left, st.container(key="task-form"):
        raw = form(project, tomogram, found)
        last_run(project)
    with right:
        preview_box(
            project,
            "pick",
            raw,
            tomogram,
            EDGES,
            overlay_layers(project, tomogram.name),
            more=lambda found: suggestions(project, tomogram.name, found.basis, raw),
            room=ROOM,
        )


main()
