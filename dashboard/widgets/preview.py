"""A task's answer on a small box around the crosshair, drawn in the viewer while parameters change."""

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from dashboard.viewer.component import LabelLayer, PointLayer, PreviewBox
from dashboard.viewer.layers import put_preview
from dashboard.widgets import current
from dashboard.widgets.viewing import viewer
from engine.errors import UserError
from engine.project import Project, Tomogram
from engine.tasks import Box, Preview, Task, find_task, validated


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
    edges
        Lengths of the box to choose from, voxels; the middle one is the start.
    overlays
        Label maps shown beside the preview.
    """

    @st.fragment
    def part() -> None:
        with st.container(horizontal=True, vertical_alignment="center", key="preview-bar"):
            wanted = st.toggle("Preview at the crosshair", value=True, key="preview-on", persist_state="session")
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
        shown: list[LabelLayer] = []
        points: list[PointLayer] = []
        try:
            found, seconds, version = _computed(project, find_task(task_name), raw, tomogram, box)
        except UserError as error:
            line.caption(f":orange[{error}]")
        else:
            line.caption(f"{found.text} · {seconds:.1f} s")
            key = put_preview(current.session_id(), found.labels.astype(np.int32), box.start, version=version, name=task_name)
            shown = [LabelLayer(key=key, name="preview", is_preview=True)]
            if found.picks is not None:
                points = [PointLayer(name="preview picks", xyz=found.picks, radius=float(raw.get("radius") or 50.0))]
        viewer(
            tomogram,
            overlays=[*shown, *(o.hidden() for o in overlays)],
            points=points,
            box=PreviewBox(box.start, box.stop),
            follow=True,
            below=46,
        )

    part()


def _computed(
    project: Project, task: Task, raw: Mapping[str, Any], tomogram: Tomogram, box: Box
) -> tuple[Preview, float, str]:
    """The preview, from the session's memory if nothing changed since: a rerun for another reason costs nothing."""
    parameters = validated(task, dict(raw))
    question = (task.name, tomogram.name, tomogram.path.stat().st_mtime_ns, box, parameters.model_dump_json())
    known = st.session_state.get("preview-known")
    if known is not None and known[0] == question:
        return known[1]
    began = time.perf_counter()
    assert task.preview is not None
    found = task.preview(parameters, project, tomogram.name, box)
    seconds = time.perf_counter() - began
    answer = (found, seconds, uuid.uuid4().hex)
    st.session_state["preview-known"] = (question, answer)
    return answer
