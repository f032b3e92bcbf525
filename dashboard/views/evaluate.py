"""Evaluate: a table of predictions against a reference; scores beside chance, and every miss and false pick."""

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import served
from dashboard.pages import page
from dashboard.widgets import current, evaluations
from dashboard.widgets.evaluation_form import Asked, command, evaluation_form, switch_classes
from dashboard.widgets.evaluation_layers import KINDS, judged_layers
from dashboard.widgets.evaluation_plots import class_figure, distance_figure, score_figure
from dashboard.widgets.frame import empty, explained, header
from dashboard.widgets.numbers import plural
from dashboard.widgets.viewing import Goto, overlay_layers, viewer
from engine.errors import UserError
from engine.evaluation import ALL, Evaluation, Settings, average_precision, find_metric, of_known_class
from engine.evaluation.report import SUMMARY_WORDS
from engine.project import Project

FEW_ROWS = 6
LIST_HEIGHT = 430
LISTS = {"misses": ("Missed", "missed"), "false_picks": ("False picks", "false"), "matches": ("Matches", "found")}
"""Table of the evaluation → its name, and the kind of its objects in the viewer."""
NONE = {
    "misses": "Every reference was found.",
    "false_picks": "No prediction is false.",
    "matches": "Nothing was found.",
}
NONE_HERE = "–"
"""What a table shows where there is no value; Streamlit's own word is None."""

PLOT: dict[str, Any] = {"config": {"displayModeBar": False}}


def spread(mean: float, deviation: float) -> str:
    """A mean with its spread; a dash where there is none."""
    return "–" if pd.isna(mean) else f"{mean:.3f} ± {deviation:.3f}"


def reach(name: str, settings: Settings) -> str:
    """The distance within which a class is found, Å."""
    radii = dict(settings.radii)
    if name in radii:
        return f"{radii[name] * settings.multiplier:.3g}"
    return "by class" if radii else f"{settings.distance:g}"


def class_rule(asked: Asked, found: Evaluation) -> None:
    """Whether classes count here, why, and the switch: no other choice changes the scores as much."""
    agnostic, ignored = found.settings.class_agnostic, find_metric(found.settings.metric).ignores_classes
    picks = asked.prediction.read()
    known, count = of_known_class(picks, asked.reference.read()), len(picks)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="evaluate-classes-count"):
        st.badge("Classes do not count" if agnostic else "Class by class", color="gray")
        share = f"of a class of the reference: {known:,} of {plural(count, 'prediction')}"
        st.caption("this rule never looks at classes" if ignored else share)
        if not ignored:
            label = "Compare class by class" if agnostic else "Compare whatever the class"
            st.button(label, type="tertiary", key="evaluate-switch", on_click=switch_classes, args=(not agnostic,))


def scores(asked: Asked, found: Evaluation) -> None:
    """The table of scores, with rule and distance beside them."""
    settings, metric = found.settings, find_metric(found.settings.metric)
    within = f"{settings.distance:g} Å"
    if settings.radii:
        within = f"{settings.multiplier:g} of the class radius, or {within} where a class has none"
    every = len(asked.reference.geometry)
    where = f", in {len(settings.tomograms)} of {plural(every, 'tomogram')}" if settings.tomograms else ""
    st.caption(
        f"**{asked.prediction.name}** against **{asked.reference.name}** · {metric.title}, within {within}{where}"
    )
    class_rule(asked, found)
    table = found.scores
    beta = f"F{settings.beta:g}"
    shown = pd.DataFrame(
        {
            "Class": table["class"].where(table["class"] != ALL, "all together"),
            "Within (Å)": [reach(name, settings) for name in table["class"]],
            "Found": [f"{tp:,} of {n:,}" for tp, n in zip(table["tp"], table["references"], strict=True)],
            "False": [f"{fp:,} of {n:,}" for fp, n in zip(table["fp"], table["predictions"], strict=True)],
            "Precision": table["precision"],
            "Recall": table["recall"],
            "F1": table["f1"],
            beta: table["f_beta"],
            "Random recall": list(map(spread, table["random_recall"], table["random_recall_std"])),
            "Random F1": list(map(spread, table["random_f1"], table["random_f1_std"])),
        }
    )
    measures = ("Precision", "Recall", "F1", beta)
    score = {n: st.column_config.NumberColumn(format="%.3f", width=56) for n in measures}
    words = {"Within (Å)": 66, "Found": 84, "False": 84, "Random recall": 98, "Random F1": 98}
    right = {n: st.column_config.TextColumn(alignment="right", width=width) for n, width in words.items()}
    st.dataframe(
        shown,
        hide_index=True,
        placeholder=NONE_HERE,
        height="auto" if len(shown) <= FEW_ROWS else 230,
        key="evaluate-scores",
        column_config={"Class": st.column_config.TextColumn(width=88), **score, **right},
    )
    one = found.picket is not None and len(found.picket) == 1
    extra = [
        f"{SUMMARY_WORDS[name].format(beta=settings.beta)} **{value:.3f}**"
        for name, value in found.summary.items()
        if not (one and name in ("mean_precision", "mean_recall", "mean_f1"))  # they stand in the table
    ]
    if extra:
        st.caption(f"{extra[0][0].upper()}{extra[0][1:]}" + "".join(f" · {e}" for e in extra[1:]))
    drawn = plural(settings.repeats, "draw")
    st.caption(f"Random points: as many as predictions, in the whole volume; mean ± spread of {drawn}")
    for note in found.notes:
        st.warning(note, icon=":material/warning:")


def plots(asked: Asked, found: Evaluation) -> None:
    """The curve and the recall of each class."""
    assert asked.settings is not None
    left, right = st.columns(2, gap="medium")
    by_score = evaluations.score_curve(asked.prediction, asked.reference, asked.settings)
    with left:
        kind = "Against the distance"
        if len(by_score) > 1:
            kind = st.segmented_control(
                "Curve",
                (kind, "Precision against recall"),
                default=kind,
                key="evaluate.curve",
                label_visibility="collapsed",
                required=True,
                persist_state="session",
            )
        else:
            st.caption("Against the distance")
        if kind == "Against the distance":
            curve = evaluations.curve(asked.prediction, asked.reference, asked.settings)
            st.plotly_chart(distance_figure(curve, asked.settings.distance), key="evaluate-distance", **PLOT)
        else:
            st.plotly_chart(score_figure(by_score), key="evaluate-precision-recall", **PLOT)
            st.caption(f"As the least score falls; average precision {average_precision(by_score):.3f}")
    with right:
        st.caption("Recall of each class")
        st.plotly_chart(class_figure(found.class_recall), key="evaluate-classes", **PLOT)


def listed(found: Evaluation) -> tuple[str, pd.Series] | None:
    """The lists of misses, false picks and matches; returns the kind and the row that is selected."""
    sizes = {name: len(getattr(found, name)) for name in LISTS}
    name = st.segmented_control(
        "List",
        list(LISTS),
        default="misses",
        format_func=lambda n: f"{LISTS[n][0]} {sizes[n]:,}",
        key="evaluate.list",
        label_visibility="collapsed",
        required=True,
        persist_state="session",
    )
    rows: pd.DataFrame = getattr(found, name)
    if not len(rows):
        st.caption(NONE[name])
        return None
    order = ["class", "x", "y", "z", "distance", "why", "predicted_class", "score", "id", "tomogram"]
    shown = rows[[c for c in order if c in rows]]
    if "score" in shown and shown["score"].isna().all():
        shown = shown.drop(columns="score")
    if shown["tomogram"].nunique() == 1:
        shown = shown.drop(columns="tomogram")
    if "score" in shown or "tomogram" in shown:  # there is no room for all of them
        shown = shown.drop(columns="id")
    if name == "false_picks" and shown["class"].nunique() == 1:
        shown = shown.drop(columns="class")
    away = "to its pick" if name == "matches" else "to the nearest"
    selection = st.dataframe(
        shown,
        hide_index=True,
        placeholder=NONE_HERE,
        height=LIST_HEIGHT,
        on_select="rerun",
        selection_mode="single-row",
        key=f"evaluate-{name}-{hash(tuple(rows['id']))}",
        column_config={
            "class": st.column_config.TextColumn(width=60),
            **{axis: st.column_config.NumberColumn(format="%.1f", width=46) for axis in "xyz"},
            "distance": st.column_config.NumberColumn(
                "Å away", format="%.0f", width=52, help=f"Distance {away} object of the other table."
            ),
            "why": st.column_config.TextColumn(width=88),
            "tomogram": st.column_config.TextColumn(width=74),
            "predicted_class": st.column_config.TextColumn("predicted", width=80),
            "score": st.column_config.NumberColumn(format="%.3f", width=56),
            "id": st.column_config.NumberColumn(width=44),
        },
    )
    chosen = [i for i in selection.selection.rows if i < len(rows)]
    return (LISTS[name][1], rows.iloc[chosen[0]]) if chosen else None


def legend() -> None:
    """The colours of the viewer."""
    dots = "".join(
        f'<span style="white-space:nowrap;margin-right:0.9rem"><span style="color:{colour}">●</span> {words}</span>'
        for colour, words in KINDS.values()
    )
    st.html(f'<p style="font-size:0.85rem;opacity:0.85;margin:0">{dots}</p>')


def slices(project: Project, asked: Asked, found: Evaluation, chosen: tuple[str, pd.Series] | None) -> None:
    """The viewer, moved to the object that is selected."""
    goto = None
    if chosen is not None:
        kind, row = chosen
        here = (kind, asked.prediction.name, int(row["id"]))
        if row["tomogram"] != st.session_state.get(current.KEY) and st.session_state.get("evaluate.went") != here:
            st.session_state["evaluate.went"] = here
            if row["tomogram"] in [t.name for t in project.tomograms() if t.info is not None]:
                current.ask(str(row["tomogram"]))
                st.rerun()
        st.session_state["evaluate.went"] = here
        if row["tomogram"] == st.session_state.get(current.KEY):
            goto = Goto(seq="-".join(map(str, here)), x=float(row["x"]), y=float(row["y"]), z=float(row["z"]))
    else:
        st.session_state["evaluate.went"] = None
    tomogram = current.tomogram(project)
    if tomogram is None:
        empty("The tomogram of these objects is no longer among the sources.")
        return
    middle = goto.z if goto is not None else current.crosshair(tomogram)[2]
    marked = (chosen[0], int(chosen[1]["id"])) if chosen is not None else None
    layers, whole = judged_layers(project, found, asked.prediction.read(), tomogram.name, middle, marked)
    legend()
    viewer(
        tomogram,
        overlays=[o.hidden() for o in overlay_layers(project, tomogram.name)],
        points=layers,
        goto=goto,
        height=LIST_HEIGHT + 16,
        heard=lambda event: None,
    )
    if not whole:
        st.caption("Too many to draw: those nearest to the selected slice are shown.")


@st.fragment
def comparison(project: Project, names: list[str], asked: Asked) -> None:
    """All tables of the project against the reference, at several distances."""
    with explained():  # a fragment runs alone, outside what the page is wrapped in
        compare_all(project, names, asked)


def compare_all(project: Project, names: list[str], asked: Asked) -> None:
    """Draw the comparison."""
    settings = asked.settings
    assert settings is not None
    classes = "classes do not count" if settings.class_agnostic else "class by class"
    st.subheader(f"All tables against {asked.reference.name}, {classes}")
    if "evaluate.distances" not in st.session_state:
        st.session_state["evaluate.distances"] = [50.0, 100.0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        more = st.multiselect(
            "Also within (Å)",
            sorted({25.0, 50.0, 75.0, 100.0, 125.0, 150.0, 200.0, *st.session_state["evaluate.distances"]}),
            key="evaluate.distances",
            format_func=lambda d: f"{d:g}",
            width=330,
            help="Besides the distance of the form.",
            persist_state="session",
        )
        st.caption("Click a column's head to sort.")
    distances = tuple(sorted({settings.distance, *more}))
    others = [name for name in names if name != asked.reference.name]
    parts, bar = [], st.empty()
    for number, name in enumerate(others):
        if number:
            bar.progress(number / len(others), text=f"Comparing {name}")
        parts.append(evaluations.compared(evaluations.table_key(project, name), asked.reference, settings, distances))
    bar.empty()
    rows = pd.concat([p for p in parts if len(p)], ignore_index=True)
    beta = f"F{settings.beta:g}"
    shown = pd.DataFrame(
        {
            "Predictions": rows["predictions"],
            "Rule": [find_metric(m).title for m in rows["metric"]],
            "Within (Å)": rows["distance"],
            "Objects": rows["objects"],
            "Found": rows["tp"],
            "Missed": rows["fn"],
            "False": rows["fp"],
            "Precision": rows["precision"],
            "Recall": rows["recall"],
            "F1": rows["f1"],
            beta: rows["f_beta"],
            "Random F1": rows["random_f1"],
        }
    )
    measures = ("Precision", "Recall", "F1", beta, "Random F1")
    st.dataframe(
        shown.sort_values("F1", ascending=False, kind="stable"),
        hide_index=True,
        placeholder=NONE_HERE,
        height="auto" if len(shown) <= 2 * FEW_ROWS else 420,
        key="evaluate-comparison",
        column_config={
            "Within (Å)": st.column_config.NumberColumn(format="%g", width=76),
            **{
                n: st.column_config.NumberColumn(format="localized", width=70)
                for n in ("Objects", "Found", "Missed", "False")
            },
            **{n: st.column_config.NumberColumn(format="%.3f", width=80) for n in measures},
        },
    )
    for note, those in rows[rows["problem"].fillna("") != ""].groupby("problem", sort=False)["predictions"]:
        st.caption(f"{', '.join(those.unique())}: {note}")


def main() -> None:
    """Draw the page."""
    project = served.project()
    header("Evaluate", "Compare an object table with a reference: what was found, missed and picked falsely.")
    names = project.tables.names()
    if len(names) < 2:
        if names:
            empty(f"There is one table, {names[0]}. Comparing takes two: predictions, and a reference taken for true.")
        else:
            empty("No objects yet. Comparing takes two tables: predictions, and a reference taken for true.")
        st.page_link(page("pick"), label="Pick particles")
        return
    left, right = st.columns([1, 2.5], gap="medium")
    with left, st.container(key="evaluate-form"):
        asked = evaluation_form(project, names)
        if asked.settings is not None:
            with st.popover("Same from the command line", type="tertiary"):
                st.code(command(project, asked), language="bash", wrap_lines=True)
    with right:
        found = result(project, asked)
    if found is None or asked.settings is None:
        return
    left, right = st.columns([1, 1.2], gap="medium")
    with left:
        chosen = listed(found)
        st.caption("Select a row to go there · voxel coordinates, 0-based")
    with right:
        slices(project, asked, found, chosen)
    comparison(project, names, asked)


def result(project: Project, asked: Asked) -> Evaluation | None:
    """Scores and plots; None while the tables cannot be compared."""
    if asked.settings is None:
        empty("The form says what to mend.")
        return None
    try:
        with st.spinner("Comparing", show_time=False):
            found = evaluations.evaluation(asked.prediction, asked.reference, asked.settings)
            scores(asked, found)
            plots(asked, found)
    except UserError as error:
        st.error(str(error), icon=":material/error:")
        return None
    return found


main()
