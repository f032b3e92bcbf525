"""Cluster: from segmentations of a network to an object table; limits of each class with counts that follow them."""

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import served
from dashboard.pages import page
from dashboard.viewer.layers import put_preview
from dashboard.widgets import current
from dashboard.widgets.cluster_layers import class_circles, class_labels
from dashboard.widgets.fitted_limits import fitted_limits
from dashboard.widgets.frame import empty, header
from dashboard.widgets.job_card import follow
from dashboard.widgets.launching import launch_button
from dashboard.widgets.live_box import BAR_HEIGHT, Live, live_box
from dashboard.widgets.numbers import plural
from dashboard.widgets.task_form import set_values, task_form
from dashboard.widgets.viewing import overlay_layers, preview_viewer
from engine.project import Project, Segmentation, Tomogram
from engine.tasks import Box, Preview, find_task, validated
from engine.tasks.cluster import candidates_about, preview_of
from engine.tasks.cluster_parameters import ClusterParameters
from engine.tasks.clustering import Clustered, by_class, choose, inside

EDGES = (96, 160, 256)
ROOM = 190
"""Pixels left below the viewer for the limits of each class."""

ROWS_SHOWN = 4
"""Classes for whose limits there is room."""

LIMITS = {"Lowest score": "min_score_by_class", "Smallest": "min_size_by_class", "Largest": "max_size_by_class"}


def form(project: Project, tomogram: Tomogram, found: list[Segmentation]) -> dict[str, object]:
    """The form column; returns the raw parameters."""
    task = find_task("cluster")
    asked = st.session_state.pop("cluster-from", None)
    if asked:
        set_values(task, {"segmentations": asked})
    keys = [s.key for s in found]
    by_age = sorted(found, key=lambda s: s.path.stat().st_mtime)
    made = [s.key for s in by_age if s.made_by.get("task") == "segment"] or [s.key for s in by_age]
    own = [key for key in made if key.split("__", 1)[0] == tomogram.name]
    raw = task_form(
        task,
        {"segmentations": keys, "classes": [c.name for c in project.classes]},
        {"segmentations": own[-1:] or made[-1:]},
        hidden=tuple(LIMITS.values()),
    )
    raw |= {name: st.session_state.get(f"cluster.{name}") or {} for name in LIMITS.values()}
    launch_button(project, task, raw, f"Find objects in {plural(len(raw['segmentations']), 'segmentation')}")
    return raw


def last_run(project: Project) -> None:
    """How the last run stands, below the form: a bar, a failure, or the next step."""
    job = follow(project, "cluster", "cluster")
    if job is not None and job.outputs and not job.active:
        table = job.outputs[-1]
        st.success(f"{plural(table['objects'], 'object')} in the table {table['name']}.", icon=":material/check:")
        with st.container(horizontal=True):
            if st.button("Inspect and correct them", key="to-objects"):
                st.session_state["table-asked"] = table["name"]
                st.switch_page(page("objects"))
            if len(project.tables.names()) > 1 and st.button("Evaluate", key="to-evaluate"):
                st.switch_page(page("evaluate"))


def shown(project: Project, tomogram: Tomogram, raw: dict[str, object]) -> None:
    """The viewer with what is found in the frame around the crosshair, and the limits of each class below."""

    def parameters() -> ClusterParameters:
        checked = validated(find_task("cluster"), dict(raw))
        assert isinstance(checked, ClusterParameters)
        return checked

    def compute(box: Box) -> Preview:
        # What was found is kept: while limits move, it stays the same.
        checked = parameters()
        keys = [k for k in checked.segmentations if k.split("__", 1)[0] == tomogram.name]
        of_models = sorted((project.root / "models").glob("*/model.yaml"))  # they hold limits, which can be fitted anew
        state = [path.stat().st_mtime_ns for path in (*(project.segmentation(k).path for k in keys[:1]), *of_models)]
        asked = (keys[:1], state, box, checked.finding())
        known: tuple[object, tuple[Clustered, Box]] | None = st.session_state.get("cluster-found")
        if known is None or known[0] != asked:
            known = (asked, candidates_about(checked, project, tomogram.name, box))
            st.session_state["cluster-found"] = known
        return preview_of(*known[1], checked, box)

    def show(live: Live[Preview]) -> None:
        preview = live.answer
        key = None
        if preview is not None:
            key = put_preview(current.session_id(), preview.labels.astype(np.int32), preview.box.start, "cluster")
        preview_viewer(
            tomogram,
            overlay_layers(project, tomogram.name),
            live.box,
            key,
            class_circles(preview, parameters()) if preview is not None else (),
            BAR_HEIGHT + (ROOM if live.box is not None else 0),
            class_labels(preview.basis) if preview is not None else (),
        )
        if preview is not None:
            limits(preview, parameters())

    live_box(
        project,
        tomogram,
        "cluster",
        EDGES,
        question=lambda: parameters().model_dump_json(exclude={"name"}),
        compute=compute,
        show=show,
        line_of=lambda preview: preview.text,
    )


def limits(preview: Preview, checked: ClusterParameters) -> None:
    """A line for each class: what was found in the box, what the limits keep, and the limits, which can be typed in."""
    clustered: Clustered = preview.basis
    chosen = choose(clustered, checked)
    here = inside(clustered.candidates.centres, preview.box)
    found, kept = by_class(clustered, here), by_class(clustered, here & chosen.kept)
    by_label = {s.label: s for s in chosen.settings}
    lines = []
    for label, c in clustered.classes.items():
        of_class = here & (clustered.candidates.labels == label)
        scores, sizes = clustered.candidates.scores[of_class], clustered.candidates.sizes[of_class]
        setting = by_label[label]
        lines.append(
            {
                "Class": c.name,
                "Candidates": found[c.name],
                "Kept": kept[c.name],
                "Lowest score": setting.min_score,
                "Smallest": setting.min_size,
                "Largest": setting.max_size,
                "Scores": _spread(scores, 2),
                "Sizes": _spread(sizes, 0),
            }
        )
    rows = pd.DataFrame(lines).set_index("Class")
    for name in LIMITS:
        rows[name] = rows[name].astype("float64")
    number = st.column_config.NumberColumn
    edited = st.data_editor(
        rows,
        height="content" if len(rows) <= ROWS_SHOWN else ROOM - 12,
        disabled=[c for c in rows if c not in LIMITS],
        column_config={
            "Lowest score": number(min_value=0.0, max_value=1.0, step=0.01, format="%.2f", help="0 to 1; empty = any"),
            "Smallest": number(min_value=0.0, help="voxels; empty = any"),
            "Largest": number(min_value=0.0, help="voxels; empty = any"),
            "Scores": st.column_config.TextColumn(help="Least, median and most of the candidates in the box."),
            "Sizes": st.column_config.TextColumn(help="Least, median and most, in voxels."),
        },
        placeholder="",
        key=f"cluster.limits-{hash(rows.to_json())}",
    )
    changed = {}
    for title, name in LIMITS.items():
        now = edited[title].dropna()
        if not edited[title].equals(rows[title]):
            changed[name] = {str(k): float(v) for k, v in now.items()}
    if changed:
        for name, values in changed.items():
            st.session_state[f"cluster.{name}"] = values
        st.rerun()


def _spread(values: np.ndarray, digits: int) -> str:
    values = values[np.isfinite(values)]
    if not len(values):
        return ""
    return " · ".join(f"{v:,.{digits}f}" for v in (values.min(), np.median(values), values.max()))


def main() -> None:
    """Draw the page."""
    project = served.project()
    header("Cluster", "Find the objects in segmentations of a network and write their centres as an object table.")
    tomogram = current.tomogram(project)
    found = project.segmentations()
    if tomogram is None or not found:
        empty("No segmentation to find objects in yet. Train a network and segment a tomogram first.")
        with st.container(horizontal=True):
            st.page_link(page("train"), label="Train a network")
            st.page_link(page("segment"), label="Segment tomograms")
        return
    left, right = st.columns([1, 2.9], gap="medium")
    with left, st.container(key="task-form"):
        raw = form(project, tomogram, found)
        last_run(project)
        fitted_limits(project, raw)
    with right:
        shown(project, tomogram, raw)


main()
