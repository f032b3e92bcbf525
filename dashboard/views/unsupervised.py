"""Unsupervised: segment without training (PickET S1): all workflows on a box at the crosshair, one launched on many."""

import numpy as np
import streamlit as st

from dashboard import served
from dashboard.pages import page
from dashboard.viewer.layers import put_preview
from dashboard.widgets import current
from dashboard.widgets.frame import empty, header
from dashboard.widgets.job_card import follow
from dashboard.widgets.launching import launch_button
from dashboard.widgets.live_box import BAR_HEIGHT, Live, live_box
from dashboard.widgets.numbers import moment, plural
from dashboard.widgets.suggestions import ask, suggestions, take_asked
from dashboard.widgets.task_form import task_form
from dashboard.widgets.viewing import circles, overlay_layers, preview_viewer
from dashboard.widgets.workflow_grid import workflow_grid
from engine.project import Project, Tomogram
from engine.tasks import Box, find_task, validated
from engine.tasks.dividing import PickBasis
from engine.tasks.pick_parameters import PickParameters
from engine.tasks.unsupervised import UnsupervisedParameters
from engine.tasks.workflows import SegmentedBox, SideBySide, pick_in_box, segment_box

EDGES = (64, 96, 128)
BELOW = 165
"""Pixels left below the viewer, so that the suggestions begin on the screen."""

NOT_HERE = ("segmentations", "class_name", "name")
"""Fields of Pick that do not matter for the picks drawn here."""


def form(project: Project, tomogram: Tomogram) -> tuple[dict[str, object], dict[str, object]]:
    """The form column; returns the raw parameters of S1 and of the picks that are drawn."""
    take_asked()
    names = [t.name for t in project.tomograms() if t.info is not None]
    task = find_task("unsupervised")
    raw = task_form(task, {"tomograms": names}, {"tomograms": [tomogram.name]})
    with st.expander("Picks drawn"):
        picking = task_form(find_task("pick"), {}, {}, hidden=NOT_HERE, folded=False)
    launch_button(project, task, raw, f"Segment {plural(len(raw['tomograms']), 'tomogram')}")
    return raw, picking


def workflows(project: Project, tomogram: Tomogram, raw: dict[str, object], picking: dict[str, object]) -> None:
    """Viewer, grid of workflows and suggestions on the box at the crosshair."""
    chosen = (str(raw["features"]), str(raw["clustering"]))

    def parameters() -> tuple[UnsupervisedParameters, PickParameters]:
        s1 = validated(find_task("unsupervised"), {**raw, "features": "gabor", "clustering": "gmm"})
        s2 = validated(find_task("pick"), {**picking, "segmentations": ["preview"]})
        assert isinstance(s1, UnsupervisedParameters)
        assert isinstance(s2, PickParameters)
        return s1, s2

    def question() -> tuple[str, str]:
        s1, s2 = parameters()
        return (
            s1.model_copy(update={"tomograms": [], "name": "", "replace": False}).model_dump_json(),
            s2.model_dump_json(exclude={"radius"}),
        )

    def compute(box: Box) -> SideBySide:
        # What was segmented is kept: while the sliders of the picks move, it stays the same.
        s1, s2 = parameters()
        asked = (tomogram.name, tomogram.path, tomogram.path.stat().st_mtime_ns, box, question()[0])
        known: tuple[object, SegmentedBox] | None = st.session_state.get("unsupervised-segmented")
        if known is None or known[0] != asked:
            known = (asked, segment_box(s1, project, tomogram.name, box))
            st.session_state["unsupervised-segmented"] = known
        return pick_in_box(known[1], s2)

    def show(live: Live[SideBySide]) -> None:
        overlays = overlay_layers(project, tomogram.name)
        if live.box is None:
            preview_viewer(tomogram, overlays, None, None, (), BAR_HEIGHT)
            return
        picture, grid = st.columns([1.75, 1], gap="small")
        preview = None
        if live.answer is not None:
            preview = next(p for p in live.answer.previews if p.workflow == chosen)
        key, radius = None, float(picking.get("radius") or 50.0)
        if preview is not None and preview.labels is not None:
            key = put_preview(current.session_id(), preview.labels.astype(np.int32), live.box.start, "unsupervised")
        with picture:
            picks = preview.picks if preview is not None else None
            preview_viewer(tomogram, overlays, live.box, key, circles(picks, radius), BAR_HEIGHT + BELOW)
        if live.answer is None or preview is None:
            return
        with grid:
            z = round(current.crosshair(tomogram)[2])
            clicked = workflow_grid(live.answer, z, radius / tomogram.voxel_size[2], chosen)
            if clicked is not None and clicked != chosen:
                ask({"unsupervised": {"features": clicked[0], "clustering": clicked[1]}})
        for sentence in filter(None, (preview.problem, preview.warning)):
            st.caption(f":orange[{' + '.join(chosen)}: {sentence}]")
        basis = None
        if preview.labels is not None:
            basis = PickBasis(preview.labels, live.answer.density, preview.all_sizes, preview.reasons)
        suggestions(project, tomogram.name, basis, picking, raw, live.answer.previews)

    def line(found: SideBySide) -> str:
        done = sum(p.labels is not None for p in found.previews)
        return f"{plural(done, 'workflow')}" + ("; box outside the slices to learn from" if found.outside else "")

    live_box(
        project,
        tomogram,
        "unsupervised",
        EDGES,
        question=question,
        compute=compute,
        show=show,
        line_of=line,
    )


def last_run(project: Project) -> None:
    """How the last run stands, below the form, which stays where it is: a bar, a failure, or the next steps."""
    job = follow(project, "unsupervised", "s1")
    if job is not None and job.outputs and not job.active:
        kept = sum(item["state"] == "skipped" for item in job.items)
        made = (
            plural(len(job.outputs) - kept, "segmentation")
            + " made"
            + (f", {kept} kept as made earlier" if kept else "")
        )
        st.success(f"{made} ({moment(job.ended or job.created)}).", icon=":material/check:")
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
        raw, picking = form(project, tomogram)
        last_run(project)
    with right:
        workflows(project, tomogram, raw, picking)


main()
