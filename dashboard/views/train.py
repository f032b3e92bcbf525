"""Train: what goes in, what it will cost, and how it goes while it runs."""

import streamlit as st

from dashboard import served
from dashboard.pages import page
from dashboard.widgets.frame import empty, header
from dashboard.widgets.job_card import follow
from dashboard.widgets.launching import launch_button
from dashboard.widgets.numbers import plural
from dashboard.widgets.task_form import task_form
from dashboard.widgets.training_course import course
from dashboard.widgets.training_data import training_data_part
from dashboard.widgets.training_rounds import is_of_round, prepared_round, prepared_values, rounds_part
from engine.jobs import JobRecord, launch, read_job
from engine.project import Project, Segmentation
from engine.project.models import Model
from engine.tasks import find_task, read_parameters

SHOWN = "train.shown"
FOLLOWED = "train.followed"
RESUME = "From the last checkpoint with the parameters it began with, as if it had not stopped."


def form(project: Project, targets: list[Segmentation]) -> dict[str, object]:
    """The form column; returns the raw parameters."""
    task = find_task("train")
    made = [s for s in targets if s.made_by.get("task") == "targets"] or targets
    plain = [s for s in made if not is_of_round(project, s)] or made
    newest = max(plain, key=lambda s: s.path.stat().st_mtime)
    alike = [s.key for s in made if s.name == newest.name]
    table = str(newest.made_by.get("table") or "")
    tables = project.tables.names()
    named = [(int(k), str(n), s.made_by.get("open")) for s in made for k, n in (s.made_by.get("names") or {}).items()]
    classes = list(dict.fromkeys(name for label, name, left_open in named if label != left_open))
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
            **prepared_values(),
        },
    )
    launch_button(project, task, raw, f"Train on {plural(len(raw['targets']), 'tomogram')}")
    return raw


def last_run(project: Project, next_round: bool) -> JobRecord | None:
    """How the last training stands, below the form: a bar, a failure, or the next step; returns its job.

    With `next_round` the next step is the training of a prepared round.
    """
    job = follow(project, "train", "train")
    if job is not None and job.outputs and not job.active and not next_round:
        name = job.outputs[-1]["name"]
        ended = "trained" if job.state == "done" else f"{job.state}, its best weights are kept"
        st.success(f"{name} {ended}.", icon=":material/check:")
        if st.button("Segment tomograms with it", key="to-segment"):
            st.session_state["segment-with"] = name
            st.switch_page(page("segment"))
        if job.state != "done" and st.button("Go on with its training", key="resume", help=RESUME):
            asked = read_parameters(job.folder / "params.yaml")
            launch(project, "train", {**asked, "name": name, "resume": True})
            st.rerun()
    followed = "" if job is None else job.id
    if followed and st.session_state.get(FOLLOWED, followed) != followed:  # a new one: its curves are what matters now
        st.session_state[SHOWN] = "Training"
    st.session_state[FOLLOWED] = followed  # nothing too: then the first training of a project is a new one
    return job


def trainings(models: list[Model], job: JobRecord | None) -> None:
    """The course of a training: of the one at work, or of one chosen."""
    if job is not None and job.active:
        found = next((m for m in models if job.outputs and m.name == job.outputs[-1]["name"]), None)
        if found is not None:
            course(found, live=True)
            return
        wait_for_first_epoch(job)
        return
    if not models:
        st.caption("No network was trained yet.")
        return
    by_age = sorted(models, key=lambda m: (m.path / "model.yaml").stat().st_mtime, reverse=True)
    chosen = st.selectbox("Model", [m.name for m in by_age], label_visibility="collapsed", key="train.course-of")
    course(next(m for m in by_age if m.name == chosen), live=False)


def wait_for_first_epoch(job: JobRecord) -> None:
    """Say what comes, until there is something to draw."""

    @st.fragment(run_every=2.0)
    def waiting() -> None:
        if read_job(job.folder).outputs:
            st.rerun()
        st.caption("The curves begin with the end of the first epoch.")
        text = read_job(job.folder).log()
        st.code("\n".join(text.splitlines()[-8:]), language=None)

    waiting()


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
        next_round = prepared_round(project, models)
        if targets:
            raw = form(project, targets)
        job = last_run(project, next_round)
    with right:
        at_work = job is not None and job.active
        parts = [*(["Data"] if targets else []), *(["Training"] if models or at_work else [])]
        parts += ["Rounds"] if models else []
        if st.session_state.get(SHOWN) not in parts:
            st.session_state[SHOWN] = "Training" if at_work else parts[0]
        shown = st.segmented_control("Shown", parts, key=SHOWN, label_visibility="collapsed", required=True)
        if shown == "Data":
            training_data_part(project, raw)
        elif shown == "Rounds":
            rounds_part(project, models)
        else:
            trainings(models, job)


main()
