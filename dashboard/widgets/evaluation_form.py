"""The form of the Evaluate page: which tables, which rule, what counts."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboard.widgets.command_line import engine_command
from dashboard.widgets.evaluations import TableKey, table_key
from dashboard.widgets.numbers import voxel_size
from engine.errors import UserError
from engine.evaluation import METRICS, Settings, classes_are_shared
from engine.evaluation.picket import whole_voxels
from engine.objects import ObjectTable
from engine.project import Project
from engine.tasks.evaluate import with_radii

KEPT: dict[str, Any] = {"persist_state": "session"}
AGNOSTIC = "evaluate.agnostic"


@dataclass(frozen=True)
class Asked:
    """What the form says.

    Attributes
    ----------
    settings
        None while something is wrong; the form says what.
    """

    prediction: TableKey
    reference: TableKey
    settings: Settings | None


def evaluation_form(project: Project, names: list[str]) -> Asked:
    """Draw the form over at least two tables."""
    _begin(project, names)
    reference = st.selectbox("Reference", names, key="evaluate.reference", help="The table taken for true.", **KEPT)
    others = [name for name in names if name != reference]
    if st.session_state.get("evaluate.prediction") not in others:
        st.session_state["evaluate.prediction"] = newest(project, others)
    prediction = st.selectbox("Predictions", others, key="evaluate.prediction", help="The table judged.", **KEPT)
    truths, picks = table_key(project, reference), table_key(project, prediction)
    return Asked(picks, truths, _settings(project, picks, truths))


def newest(project: Project, names: list[str]) -> str:
    """The table that was saved last."""
    return max(names, key=lambda name: project.tables.path(name).stat().st_mtime)


def command(project: Project, asked: Asked) -> str:
    """The command line that gives the same scores."""
    settings = asked.settings
    assert settings is not None
    parts: list[object] = ["evaluate", asked.prediction.name, asked.reference.name, "--project", project.root]
    parts += ["--distance", f"{settings.distance:g}", "--metric", settings.metric]
    if settings.class_agnostic:
        parts.append("--class-agnostic")
    if settings.classes:
        parts += ["--classes", ",".join(settings.classes)]
    if settings.tomograms:
        parts += ["--tomograms", ",".join(settings.tomograms)]
    if settings.lower_z is not None or settings.upper_z is not None:
        low, high = (("" if v is None else v) for v in (settings.lower_z, settings.upper_z))
        parts += ["--z", f"{low}-{high}"]
    plain = Settings()
    for option in ("beta", "repeats", "seed"):
        if getattr(settings, option) != getattr(plain, option):
            parts += [f"--{option}", getattr(settings, option)]
    return engine_command(*parts)


def _begin(project: Project, names: list[str]) -> None:
    if st.session_state.get("evaluate.reference") in names:
        return
    made_by = {name: project.tables.provenance(name).get("task") for name in names}
    simulated = [name for name in names if made_by[name] == "simulate"]
    called_true = [name for name in names if "truth" in name.lower() or "reference" in name.lower()]
    by_hand = [name for name in names if made_by[name] != "pick"]
    st.session_state["evaluate.reference"] = (simulated + called_true + by_hand + names)[0]


def _settings(project: Project, picks: TableKey, truths: TableKey) -> Settings | None:
    prediction, reference = picks.read(), truths.read()
    classes = sorted(reference.rows["class"].unique())
    metric = METRICS[
        st.selectbox(
            "Matching rule",
            list(METRICS),
            format_func=lambda name: METRICS[name].title,
            key="evaluate.metric",
            help="\n\n".join(f"**{m.title}**: {m.meaning}" for m in METRICS.values()),
            **KEPT,
        )
    ]
    left, right = st.columns([1.2, 1], vertical_alignment="bottom")
    distance = left.number_input(
        "Distance (Å)",
        1.0,
        10_000.0,
        100.0,
        10.0,
        format="%g",
        key="evaluate.distance",
        help="Within it a reference counts as found. Classes with a radius take half of it instead in Kaggle's rule.",
        **KEPT,
    )
    right.caption(_in_voxels(distance, reference, metric.whole_voxels))
    agnostic = _agnostic(picks, truths, metric.ignores_classes)
    chosen = st.multiselect(
        "Classes of the reference",
        classes,
        key="evaluate.classes",
        placeholder="all",
        help="Only these are looked for. When classes do not count, a prediction on anything else is a false pick.",
        **KEPT,
    )
    with st.expander("Advanced"):
        tomograms = _tomograms(prediction, reference)
        low, high = st.columns(2)
        shared: dict[str, Any] = {"min_value": 0, "value": None, "step": 1, "placeholder": "all", **KEPT}
        lower = low.number_input(
            "From slice", key="evaluate.lower_z", help="References below it do not count.", **shared
        )
        upper = high.number_input("To slice", key="evaluate.upper_z", help="This slice still counts.", **shared)
        beta = low.number_input(
            "β of Fβ",
            0.1,
            20.0,
            4.0,
            1.0,
            format="%g",
            key="evaluate.beta",
            help="Above 1, recall weighs more.",
            **KEPT,
        )
        repeats = high.number_input(
            "Random draws", 0, 200, 10, 1, key="evaluate.repeats", help="More make the random level surer.", **KEPT
        )
        seed = low.number_input("Seed", 0, 2**31 - 1, 42, 1, key="evaluate.seed", help="Of the random draws.", **KEPT)
    try:
        settings = Settings(
            metric=metric.name,
            distance=float(distance),
            class_agnostic=agnostic,
            classes=tuple(c for c in chosen if c in classes) or None,
            tomograms=tomograms,
            lower_z=lower,
            upper_z=upper,
            beta=float(beta),
            repeats=int(repeats),
            seed=int(seed),
        )
        return with_radii(settings, reference, project)
    except UserError as error:
        st.warning(str(error), icon=":material/warning:")
        return None


def _in_voxels(distance: float, reference: ObjectTable, whole: bool) -> str:
    sizes = {geometry.voxel_size for geometry in reference.tomograms.values()}
    if len(sizes) != 1:
        return "voxel sizes differ"
    size = sizes.pop()
    if whole:
        return f"= {whole_voxels(distance, size)} whole voxels of {voxel_size(size)} Å"
    return f"= {distance / max(size):.3g} voxels of {voxel_size(size)} Å"


def _agnostic(picks: TableKey, truths: TableKey, ignored: bool) -> bool:
    # What is right for these two tables, until the person says otherwise: one relabelled pick changes nothing.
    suggested = not classes_are_shared(picks.read(), truths.read())
    pair = (picks.name, truths.name, suggested)
    if AGNOSTIC not in st.session_state or st.session_state.get("evaluate.agnostic-for") != pair:
        st.session_state[AGNOSTIC] = suggested
    st.session_state["evaluate.agnostic-for"] = pair
    wanted = st.toggle(
        "Classes do not count",
        key=AGNOSTIC,
        disabled=ignored,
        help="Class-agnostic: a prediction may find a reference of any class. It begins switched on where fewer than "
        "half of the predictions have a class of the reference. PickET's rule never looks at classes.",
        **KEPT,
    )
    return bool(wanted or ignored)


def switch_classes(agnostic: bool) -> None:
    """Set the form's "Classes do not count"; for a button elsewhere on the page, as its callback."""
    st.session_state[AGNOSTIC] = agnostic


def _tomograms(prediction: ObjectTable, reference: ObjectTable) -> tuple[str, ...] | None:
    names = sorted({*reference.rows["tomogram"], *reference.tomograms})
    both = [n for n in names if n in prediction.tomograms or n in set(prediction.rows["tomogram"])]
    chosen = st.multiselect(
        "Tomograms",
        names,
        key="evaluate.tomograms",
        placeholder="those of both tables",
        help="Empty: every tomogram of the reference in which the predictions were looked for.",
        **KEPT,
    )
    kept = [n for n in chosen if n in names]
    return tuple(kept or both) if (kept or len(both) < len(names)) else None
