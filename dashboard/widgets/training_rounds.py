"""Rounds of training: what each changed on validation, preparing the next one, and filling the form with it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.widgets.job_card import follow
from dashboard.widgets.launching import launch_button
from dashboard.widgets.numbers import plural
from dashboard.widgets.task_form import as_text, set_values, task_form
from dashboard.widgets.training_plots import rounds_figure
from engine.errors import UserError
from engine.objects.review import UNDECIDED, verdicts
from engine.project import Project, Segmentation
from engine.project.models import Model
from engine.tasks import find_task, read_parameters, validated
from engine.tasks.next_round import NextRoundParameters, parameters_path, plan, rounds_of
from engine.tasks.next_round_plan import RoundPlan, parent_of
from engine.training.rounds import Round

PREPARED = "train.prepared"
"""Name of the prepared round that the form begins with, and the values of its fields."""

AWAITED = "train.awaited"
"""The job that prepares a round for this session: the form is filled when it is done."""


def rounds_part(project: Project, models: Sequence[Model]) -> None:
    """The rounds of one model and the form that prepares the next one."""
    by_age = sorted(models, key=lambda m: (m.path / "model.yaml").stat().st_mtime, reverse=True)
    left, right = st.columns([1, 2], gap="medium")
    with right:
        chosen = st.selectbox("Model", [m.name for m in by_age], label_visibility="collapsed", key="train.rounds-of")
        history(rounds_of(project, chosen))
    with left:
        next_round_form(project, [m.name for m in by_age], chosen)


def history(rounds: Sequence[Round]) -> None:
    """Scores of each round as a figure and a table."""
    st.markdown("**F1 on validation** :gray[mean over classes, of the weights that are kept]")
    st.plotly_chart(rounds_figure(rounds), key="rounds.figure", config={"displayModeBar": False})
    table = round_table(rounds)
    right = st.column_config.TextColumn(alignment="right")
    st.dataframe(table, hide_index=True, column_config=dict.fromkeys(table.columns[2:-1], right))
    judged = {each.validation for each in rounds if each.validation}
    if len(judged) > 1:
        names = " · ".join(sorted(", ".join(names) for names in judged))
        st.caption(f":orange[Judged by different tomograms ({names}): these scores cannot be compared.]")


def round_table(rounds: Sequence[Round]) -> pd.DataFrame:
    """One line for each model, what counts first, where a narrow page shows it.

    The change is that of the objects' F1, or of the voxels' where that is not known.
    """
    by_name = {each.model: each for each in rounds}
    lines = []
    for each in sorted(rounds, key=lambda r: r.number):
        before = by_name.get(each.parent or "")
        lines.append(
            {
                "Round": each.number,
                "Model": each.model,
                "F1 voxels": _score(each.voxel_f1),
                "F1 objects": _score(each.object_f1),
                "Change": "" if before is None else _change(before, each),
                "Accepted": _count(each.accepted),
                "Rejected": _count(each.rejected),
                "Left open": _count(each.undecided),
                "After": each.parent or "",
            }
        )
    return pd.DataFrame(lines)


def _change(before: Round, after: Round) -> str:
    for old, new in ((before.object_f1, after.object_f1), (before.voxel_f1, after.voxel_f1)):
        if math.isfinite(old) and math.isfinite(new):
            return f"{new - old:+.3f}"
    return ""


def _score(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else ""


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def next_round_form(project: Project, models: list[str], chosen: str) -> None:
    """What the next round is made of, and the button that prepares it."""
    st.markdown("**Next round**")
    tables = judged_tables(project)
    if not tables:
        st.caption(
            "No pick is judged yet. Segment and cluster with the model, then accept (A) and reject (R) picks in the "
            "gallery of the page Objects: they become the next training set."
        )
        return
    task = find_task("next-round")
    picks = st.session_state.get(f"{task.name}.picks") or tables[0]
    try:
        model = parent_of(NextRoundParameters(picks=picks), project).name
    except UserError:
        model = chosen
    raw = task_form(task, {"tables": tables, "models": models}, {"picks": tables[0], "model": model})
    planned = planned_round(project, raw)
    if isinstance(planned, str):
        st.caption(f":orange[{planned}]")
        return
    st.caption("  \n".join([*planned.made.counts.lines(), *planned.notes]))
    st.caption(f"New targets of {', '.join(planned.made.tomograms)}; validation stays as it is.")
    launch_button(project, task, raw, f"Prepare round {planned.number}")


def planned_round(project: Project, raw: Mapping[str, Any]) -> RoundPlan | str:
    """What would be prepared, or the sentence that says why not; remembered while no table or model changes."""
    stamps = sorted(
        (path.name, path.stat().st_mtime_ns)
        for pattern in ("objects/*.csv", "models/*/model.yaml", "segmentations/*.yaml")
        for path in project.root.glob(pattern)
    )
    asked = (dict(raw), stamps)
    known: tuple[Any, RoundPlan | str] | None = st.session_state.get("train.planned")
    if known is None or known[0] != asked:
        try:
            parameters = validated(find_task("next-round"), dict(raw))
            assert isinstance(parameters, NextRoundParameters)
            known = (asked, plan(parameters, project))
        except UserError as error:
            known = (asked, str(error))
        st.session_state["train.planned"] = known
    return known[1]


def judged_tables(project: Project) -> list[str]:
    """Tables that hold a verdict, the newest first; those that were prepared for a round come last."""
    known: dict[str, tuple[int, bool]] = st.session_state.setdefault("train.judged-tables", {})
    found: list[tuple[bool, int, str]] = []
    for name in project.tables.names():
        changed = project.tables.path(name).stat().st_mtime_ns
        if known.get(name, (0, False))[0] != changed:
            words = verdicts(project.tables.read(name))
            known[name] = (changed, bool((words != UNDECIDED).any()))
        if known[name][1]:
            picked = project.tables.provenance(name).get("task") != "next-round"
            found.append((picked, changed, name))
    return [name for _, _, name in sorted(found, reverse=True)]


def prepared_round(project: Project, models: Sequence[Model]) -> bool:
    """How preparing a round stands, above the form of a training; fills the form once it is done.

    Returns whether a round waits for its training.
    """
    job = follow(project, "next-round", "next-round", called="Preparing the next round")
    if job is None:
        return False
    if job.active:
        st.session_state[AWAITED] = job.id
        return False
    made = next((o for o in reversed(job.outputs) if o["kind"] == "parameters"), None)
    if made is None or job.state != "done" or made["name"] in {m.name for m in models}:
        return False
    name = str(made["name"])
    awaited = st.session_state.get(AWAITED) == job.id
    if awaited:
        st.session_state.pop(AWAITED)
        fill(project, name)
    filled = st.session_state.get(PREPARED, ("", {}))[0] == name
    counts = f"{made['accepted']:,} accepted and {plural(made['rejected'], 'rejected pick')}"
    st.success(
        f"Round {made['round']} is prepared with {counts}."
        + (f" The form below trains {name} on it." if filled else ""),
        icon=":material/check:",
    )
    if filled:
        st.button("Leave this round", key="round-leave", on_click=leave, help="Back to a training that is no round.")
    else:
        st.button("Fill the form with it", key="round-use", on_click=fill, args=(project, name))
    return True


def fill(project: Project, name: str) -> None:
    """Fill the form of the training with the parameters of a prepared round."""
    task = find_task("train")
    try:
        values = validated(task, read_parameters(parameters_path(project, name))).model_dump()
    except UserError as error:
        st.error(str(error), icon=":material/error:")
        return
    typed = {key: as_text(value) if isinstance(value, dict) else value for key, value in values.items()}
    st.session_state[PREPARED] = (name, typed)
    set_values(task, typed)


def leave() -> None:
    """Give the fields of the form their usual values."""
    st.session_state.pop(PREPARED, None)
    for name in find_task("train").parameters.model_fields:
        st.session_state.pop(f"train.{name}", None)


def is_of_round(project: Project, target: Segmentation) -> bool:
    """Whether a target was made for a round: a training that is none does not begin with it."""
    return parameters_path(project, target.name).exists()


def prepared_values() -> dict[str, Any]:
    """What the form begins with while it is filled with a prepared round; else nothing."""
    values: dict[str, Any] = st.session_state.get(PREPARED, ("", {}))[1]
    return values


def verdict_words(accepted: int, rejected: int, undecided: int) -> str:
    """How far the judging is."""
    return f"{accepted:,} accepted · {rejected:,} rejected · {undecided:,} not judged"
