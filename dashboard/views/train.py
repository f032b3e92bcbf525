"""Train: what goes in, what it will cost, and how it goes while it runs."""

import streamlit as st

from dashboard import served
from dashboard.pages import page
from dashboard.widgets.frame import empty, header
from dashboard.widgets.job_card import follow
from dashboard.widgets.launching import launch_button
from dashboard.widgets.numbers import plural
from dashboard.widgets.task_form import task_form
from dashboard.widgets.training_course import course, running
from dashboard.widgets.training_data import training_data_part
from engine.project import Project, Segmentation
from engine.project.models import Model
from engine.tasks import find_task

SHOWN = "train.shown"


def form(project: Project, targets: list[Segmentation]) -> dict[str, object]:
    """The form column; returns the raw parameters."""
    task = find_task("train")
    made = [s for s in targets if s.made_by.get("task") == "targets"] or targets
    newest = max(made, key=lambda s: s.path.stat().st_mtime)
    alike = [s.key for s in made if s.name == newest.name]
    table = str(newest.made_by.get("table") or "")
    tables = project.tables.names()
    classes = list(dict.fromkeys(str(n) for s in made for n in (s.made_by.get("names") or {}).values()))
    raw = task_form(
        task,
        {
            "segmentations": [s.key for s in sorted(targets, key=lambda s: s not in made)],
            "tables": tables,
            "classes": classes,
            "models": [m.name for m in project.models()],
        },
        {
            "targets": alike[:-1] or alike,
            "validation": alike[-1:] if len(alike) > 1 else [],
            "objects": table if table in tables else "",
        },
    )
    launch_button(project, task, raw, f"Train on {plural(len(raw['targets']), 'tomogram')}")
    return raw


def last_run(project: Project) -> None:
    """The next step after a training that ended; what failed."""
    job = follow(project, "train", "train") if running(project) is None else None
    if job is not None and job.outputs and not job.active:
        name = job.outputs[-1]["name"]
        ended = "trained" if job.state == "done" else f"{job.state}, its best weights are kept"
        st.success(f"{name} {ended}.", icon=":material/check:")
        if st.button("Segment tomograms with it", key="to-segment"):
            st.session_state["segment-with"] = name
            st.switch_page(page("segment"))


def trainings(project: Project, models: list[Model]) -> None:
    """The course of a training: of the one at work, or of one chosen."""
    job = running(project)
    if job is not None:
        name = job.outputs[-1]["name"] if job.outputs else None
        st.markdown(f"**{job.subject}**")
        course(project, next((m for m in models if m.name == name), None), job)
        return
    by_age = sorted(models, key=lambda m: (m.path / "model.yaml").stat().st_mtime, reverse=True)
    chosen = st.selectbox("Model", [m.name for m in by_age], label_visibility="collapsed", key="train.course-of")
    course(project, next(m for m in by_age if m.name == chosen), None)


def main() -> None:
    """Draw the page."""
    project = served.project()
    header("Train", "Train a network on targets, and watch how well it does on tomograms that it has not seen.")
    targets, models = project.segmentations(), project.models()
    if not targets and not models:
        empty("No targets to train on yet. Make them from annotated objects.")
        st.page_link(page("targets"), label="Make targets")
        return
    left, right = st.columns([1, 2.9], gap="medium")
    raw: dict[str, object] = {}
    with left, st.container(key="task-form"):
        last_run(project)
        if targets:
            raw = form(project, targets)
    with right:
        parts = [*(["Data"] if targets else []), *(["Training"] if models or running(project) else [])]
        first = "Training" if running(project) is not None and "Training" in parts else parts[0]
        if st.session_state.get(SHOWN) not in parts:
            st.session_state[SHOWN] = first
        shown = st.segmented_control("Shown", parts, key=SHOWN, label_visibility="collapsed", required=True)
        if shown == "Data":
            training_data_part(project, raw)
        else:
            trainings(project, models)


main()
