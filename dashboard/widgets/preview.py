"""A task's answer on a small box around the crosshair, drawn in the viewer while parameters change."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from streamlit.errors import StreamlitAPIException

from dashboard.viewer.component import LabelLayer, PointLayer, PreviewBox
from dashboard.viewer.layers import put_preview
from dashboard.widgets import current
from dashboard.widgets.frame import explained
from dashboard.widgets.viewing import viewer
from engine.errors import UserError
from engine.project import Project, Tomogram
from engine.tasks import Box, Parameters, Preview, Task, find_task, validated


def preview_box(
    project: Project,
    task_name: str,
    raw: Mapping[str, Any],
    tomogram: Tomogram,
    edges: Sequence[int],
    overlays: Sequence[LabelLayer],
) -> None:
    """The viewer with a frame around the crosshair, inside which the task's result is shown.

    Parameters
    ----------
    project, tomogram
        What is shown.
    task_name, raw
        The task and its unchecked parameters.
    edges
        Lengths of the box to choose from, voxels; the middle one is the start.
    overlays
        Label maps shown beside the preview.
    """

    @st.fragment
    def part() -> None:
        with explained():  # a fragment runs alone, outside what the page is wrapped in
            draw()

    def draw() -> None:
        with st.container(horizontal=True, vertical_alignment="center", key="preview-bar", wrap=False):
            wanted = st.toggle(
                "Preview at the crosshair",
                value=True,
                key="preview-on",
                persist_state="session",
                help="The same computation as the full run, on the framed box alone: what is learnt is learnt from "
                "a sample of the box, and objects that the frame cuts look smaller.",
            )
            edge = st.segmented_control(
                "Box (voxel)",
                edges,
                default=edges[len(edges) // 2],
                format_func=lambda e: f"{e}³",
                key=f"{task_name}.preview-edge",
                label_visibility="collapsed",
                required=True,
                persist_state="session",
            )
            line = st.empty()
        if not wanted:
            line.caption("Switch it on to see the result of these parameters in a box.")
            viewer(tomogram, overlays=overlays, below=46)
            return
        box = Box.around(current.crosshair(tomogram), edge or edges[0], tomogram.shape)
        first = "preview-known" not in st.session_state
        answer: _Answer | str | None = None
        ask: Callable[[], _Answer | str] | None = None
        try:
            parameters = validated(find_task(task_name), dict(raw))
        except UserError:
            answer = "No preview: the form says what to mend."
        else:
            question = _question(project, task_name, tomogram, box, parameters)
            answer = _known(question)
            if answer is None:
                ask = partial(_compute, question, project, find_task(task_name), parameters, tomogram, box)
        if ask is not None:
            line.caption("Computing …")
            if not first:  # the viewer stays as it is meanwhile: Streamlit replaces it when it comes to it
                answer = ask()
        viewer(
            tomogram,
            overlays=[*_layers(answer), *(o.hidden() for o in overlays)],
            points=_points(answer, float(raw.get("radius") or 50.0)),
            box=PreviewBox(box.start, box.stop),
            follow=True,
            below=46,
        )
        if isinstance(answer, str):
            line.caption(f":orange[{answer}]")
        elif answer is not None:
            line.caption(f"{answer.preview.text} · {answer.seconds:.1f} s")
        elif ask is not None:
            # The first one in this tab: there is no viewer to look at yet, so it is drawn before. Not done every time,
            # because a rerun asked for from here can swallow a click that comes in the same moment.
            ask()
            try:
                st.rerun(scope="fragment")
            except StreamlitAPIException:  # this was a run of the whole page
                st.rerun()

    part()


@dataclass(frozen=True)
class _Answer:
    """A preview and how long it took; `layer` is its key in the viewer."""

    preview: Preview
    seconds: float
    layer: str


def _question(
    project: Project, task_name: str, tomogram: Tomogram, box: Box, parameters: Parameters
) -> tuple[Any, ...]:
    """What is asked, with the state of every file that the answer may come from."""
    files = (tomogram.path, *(s.path for s in project.segmentations(tomogram.name)))
    states = tuple((path, path.stat().st_mtime_ns) for path in files)
    return (task_name, tomogram.name, states, box, parameters.model_dump_json())


def _known(question: tuple[Any, ...]) -> "_Answer | str | None":
    """The answer to a question, if it was the last one: a rerun for another reason costs nothing."""
    known = st.session_state.get("preview-known")
    return known[1] if known is not None and known[0] == question else None


def _compute(
    question: tuple[Any, ...] | None,
    project: Project,
    task: Task,
    parameters: Parameters,
    tomogram: Tomogram,
    box: Box,
) -> None:
    """Compute the answer and keep it; what the user can mend is kept as its sentence."""
    began = time.perf_counter()
    answer: _Answer | str
    try:
        assert task.preview is not None
        found = task.preview(parameters, project, tomogram.name, box)
    except UserError as error:
        answer = str(error)
    else:
        layer = put_preview(current.session_id(), found.labels.astype(np.int32), box.start, name=task.name)
        answer = _Answer(found, time.perf_counter() - began, layer)
    st.session_state["preview-known"] = (question, answer)
    return answer


def _layers(answer: "_Answer | str | None") -> list[LabelLayer]:
    return [LabelLayer(key=answer.layer, name="preview", is_preview=True)] if isinstance(answer, _Answer) else []


def _points(answer: "_Answer | str | None", radius: float) -> list[PointLayer]:
    if not isinstance(answer, _Answer) or answer.preview.picks is None:
        return []
    return [PointLayer(name="preview picks", xyz=answer.preview.picks, radius=radius)]
