"""The Python face of the slice viewer: a page calls `slice_viewer` where it wants it.

All pages share one viewer per browser tab, so that it keeps place, zoom and contrast when the page changes.
Scrolling and the like stay in the browser; what a page must react to comes as events, each once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st
from streamlit.components.v2 import component

from dashboard import served
from dashboard.viewer import mounting, position
from dashboard.viewer.beginning import begin
from dashboard.viewer.contents import Goto, LabelClass, LabelLayer, ObjectLayer, PointLayer, PreviewBox
from dashboard.viewer.hearing import acknowledged, hear
from dashboard.viewer.layers import layer_version
from dashboard.viewer.outbox import Event
from dashboard.viewer.position import Position

__all__ = [
    "Goto",
    "LabelClass",
    "LabelLayer",
    "ObjectLayer",
    "PointLayer",
    "PreviewBox",
    "ViewerState",
    "slice_viewer",
]

_mount = component(
    "tomodeck_viewer",
    html=mounting.HTML,
    css=mounting.style("viewer.css"),
    js=mounting.script("index.js", "The viewer"),
)


@dataclass(frozen=True)
class ViewerState:
    """What a page learns from the viewer in this run.

    Attributes
    ----------
    position
        x, y, z of the crosshair in voxels; None before the tomogram was first shown.
    events
        What the person did since the last run, when no `heard` was given. Act on them in this run.
    """

    position: Position | None
    events: list[Event]


def slice_viewer(
    *,
    key: str,
    session_id: str,
    tomogram: str,
    height: int | str = 640,
    overlays: Sequence[LabelLayer] = (),
    objects: Sequence[ObjectLayer] = (),
    points: Sequence[PointLayer] = (),
    box: PreviewBox | None = None,
    goto: Goto | None = None,
    follow: bool = False,
    layout: Literal["large", "single"] = "large",
    heard: Callable[[Event], None] | None = None,
) -> ViewerState:
    """Show a tomogram of the served project.

    Parameters
    ----------
    key
        Streamlit's key; different for two viewers in one script, and events belong to it.
    session_id
        A name for this browser tab, under which `dashboard.viewer.position` keeps the crosshair.
    tomogram
        Its name in the project.
    height
        Pixels; "fill" takes what the window leaves; or a CSS length such as "calc(100vh - 92px)".
    overlays, objects, points
        What is drawn over the tomogram, the last on top.
    box
        The frame of a preview.
    goto
        A place to go to, once for each `seq`.
    follow
        Rerun the page (or fragment) a moment after the crosshair moved, with an event `moved`.
    layout
        "large": one large plane and two small ones; "single": one plane.
    heard
        Called for each event before the page runs; without it they are in the returned state. Types:
        `selected` (`ids` and the last of them as `id`, None when nothing is selected), `moved` (`x, y, z`), `added`
        (`x, y, z, class_name`), `deleted` (`ids` and the first as `id`), `dragged` (`id, x, y, z`), `class_chosen`
        (`class_name`), `undo`, `redo`; all with `tomogram`, those of objects with `table`.
    """
    project = served.project()
    pending = f"viewer.pending.{key}"

    def listen() -> None:
        keep = st.session_state.setdefault(pending, []) if heard is None else []
        hear(session_id, st.session_state[key]["outbox"], heard or keep.append)

    data: dict[str, Any] = {
        "owner": key,
        "session": session_id,
        "acknowledged": acknowledged(session_id),
        "tomogram": tomogram,
        "version": layer_version(f"tomogram:{tomogram}"),
        "start": begin(session_id, tomogram),
        "height": height,
        "layout": layout,
        "overlays": [layer.spec() for layer in overlays],
        "objects": [*(layer.spec(project) for layer in objects), *(layer.spec() for layer in points)],
        "box": box.spec() if box else None,
        "goto": goto.spec() if goto else None,
        "follow": follow,
    }
    _mount(key=key, data=data, default={"outbox": []}, on_outbox_change=listen)
    return ViewerState(position.get(session_id, tomogram), st.session_state.pop(pending, []))
