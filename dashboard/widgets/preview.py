"""A task's preview on a small box around the crosshair, drawn in the viewer while parameters change."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard.viewer.component import LabelClass, LabelLayer
from dashboard.viewer.layers import put_preview
from dashboard.widgets import current
from dashboard.widgets.live_box import BAR_HEIGHT, Live, live_box
from dashboard.widgets.viewing import circles, preview_viewer
from engine.project import Project, Tomogram
from engine.tasks import Box, Parameters, Preview, find_task, validated


@dataclass(frozen=True)
class _Shown:
    """A preview, and its key in the viewer."""

    preview: Preview
    layer: str


def preview_box(
    project: Project,
    task_name: str,
    raw: Mapping[str, Any],
    tomogram: Tomogram,
    edges: Sequence[int],
    overlays: Sequence[LabelLayer],
    more: Callable[[Preview], None] | None = None,
    room: int = 0,
    on: bool = True,
    picks: bool = True,
    classes: Sequence[LabelClass] = (),
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
    more
        Draws what stands below the viewer.
    room
        Pixels that are left for it.
    on
        Whether it begins switched on.
    picks
        Whether they are drawn as circles; not where the labels show the objects themselves.
    classes
        Names and colours of the labels.
    """
    task = find_task(task_name)

    def parameters() -> Parameters:
        return validated(task, dict(raw))

    def compute(box: Box) -> _Shown:
        assert task.preview is not None
        found = task.preview(parameters(), project, tomogram.name, box)
        labels = found.labels.astype(np.int32)
        return _Shown(found, put_preview(current.session_id(), labels, box.start, name=task.name))

    def show(live: Live[_Shown]) -> None:
        shown = live.answer
        preview_viewer(
            tomogram,
            overlays,
            live.box,
            shown.layer if shown is not None else None,
            circles(shown.preview.picks, float(raw.get("radius") or 50.0)) if picks and shown is not None else (),
            BAR_HEIGHT + (room if live.box is not None else 0),
            classes,
        )
        if more is not None and live.answer is not None:
            more(live.answer.preview)

    live_box(
        project,
        tomogram,
        task_name,
        edges,
        question=lambda: parameters().model_dump_json(),
        compute=compute,
        show=show,
        line_of=lambda shown: shown.preview.text,
        on=on,
    )
