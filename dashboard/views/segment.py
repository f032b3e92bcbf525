"""Segment: a trained network on many tomograms; what it would give is seen in the frame around the crosshair."""

import streamlit as st

from dashboard import served
from dashboard.pages import page
from dashboard.viewer.component import LabelClass
from dashboard.widgets import class_colours, current
from dashboard.widgets.frame import empty, header
from dashboard.widgets.job_card import follow
from dashboard.widgets.launching import launch_button
from dashboard.widgets.numbers import moment, plural
from dashboard.widgets.preview import preview_box
from dashboard.widgets.task_form import set_values, task_form
from dashboard.widgets.viewing import overlay_layers
from engine.project import Project, Tomogram
from engine.project.models import Model
from engine.tasks import find_task

EDGES = (16, 32, 64)
"""Small: what surrounds the frame as far as the network sees is computed too, which is most of it."""


def form(project: Project, tomogram: Tomogram, models: list[Model]) -> dict[str, object]:
    """The form column; returns the raw parameters."""
    task = find_task("segment")
    asked = st.session_state.pop("segment-with", None)
    if asked:
        set_values(task, {"model": asked})
    newest = max(models, key=lambda m: (m.path / "model.yaml").stat().st_mtime)
    names = [t.name for t in project.tomograms() if t.info is not None]
    raw = task_form(
        task,
        {"tomograms": names, "models": [m.name for m in models]},
        {"tomograms": [tomogram.name], "model": newest.name},
    )
    chosen = next((m for m in models if m.name == raw["model"]), None)
    if chosen is not None:
        st.caption(about(chosen))
    launch_button(project, task, raw, f"Segment {plural(len(raw['tomograms']), 'tomogram')}")
    return raw


def about(model: Model) -> str:
    """What a model finds, and what it was trained on."""
    description = model.description
    classes = ", ".join(str(c.get("name")) for c in description.get("classes") or [])
    words = f"{model.name} ({description.get('architecture', 'unknown network')}) finds {classes or 'nothing known'}"
    size = description.get("voxel_size")
    return f"{words}; trained at {size:g} Å per voxel." if size else f"{words}."


def classes_of(model: Model | None) -> list[LabelClass]:
    """Names and colours of the labels that a model writes."""
    known = (model.description.get("classes") or []) if model is not None else []
    return [
        LabelClass(int(c["label"]), str(c["name"]), class_colours.of_label(int(c["label"]), c.get("colour")))
        for c in known
    ]


def last_run(project: Project) -> None:
    """How the last run stands, below the form, which stays where it is: a bar, a failure, or the next steps."""
    job = follow(project, "segment", "segment")
    if job is not None and job.outputs and not job.active:
        made = [o for o in job.outputs if not str(o["name"]).endswith("_binned")]
        when = moment(job.ended or job.created)
        st.success(f"{plural(len(made), 'segmentation')} made ({when}).", icon=":material/check:")
        with st.container(horizontal=True):
            if st.button("Find objects", key="to-cluster"):
                st.session_state["cluster-from"] = [f"{o['tomogram']}__{o['name']}" for o in made]
                st.switch_page(page("cluster"))
            if st.button("Look at it", key="to-viewer"):
                current.ask(made[-1]["tomogram"])
                st.switch_page(page("viewer"))


def main() -> None:
    """Draw the page."""
    project = served.project()
    header("Segment", "Apply a trained network to tomograms: every voxel gets a class.")
    tomogram = current.tomogram(project)
    models = project.models()
    if tomogram is None or not models:
        empty("No trained network yet. Train one on annotated tomograms first.")
        st.page_link(page("train"), label="Train a network")
        return
    left, right = st.columns([1, 2.9], gap="medium")
    with left, st.container(key="task-form"):
        raw = form(project, tomogram, models)
        last_run(project)
    with right:
        classes = classes_of(next((m for m in models if m.name == raw["model"]), None))
        overlays = overlay_layers(project, tomogram.name)
        preview_box(project, "segment", raw, tomogram, EDGES, overlays, on=False, classes=classes)


main()
