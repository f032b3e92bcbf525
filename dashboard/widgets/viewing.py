"""The slice viewer as pages use it: layers of a project, and a height that fills the page."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dashboard.viewer.component import (
    Goto,
    LabelClass,
    LabelLayer,
    ObjectLayer,
    PointLayer,
    PreviewBox,
    ViewerState,
    slice_viewer,
)
from dashboard.widgets import class_colours, current
from engine.project import Project, Segmentation, Tomogram
from engine.tasks import Box

ABOVE = 92
"""Pixels that title and margins take above and below the viewer."""


def viewer(
    tomogram: Tomogram,
    *,
    overlays: Sequence[LabelLayer] = (),
    objects: Sequence[ObjectLayer] = (),
    points: Sequence[PointLayer] = (),
    box: PreviewBox | None = None,
    goto: Goto | None = None,
    follow: bool = False,
    below: int = 0,
    height: int | str | None = None,
    heard: Callable[[dict[str, Any]], None] | None = None,
) -> ViewerState:
    """The viewer on a tomogram, filling what the page leaves; `below` pixels are kept for other parts."""
    return slice_viewer(
        key="viewer",
        session_id=current.session_id(),
        tomogram=tomogram.name,
        overlays=overlays,
        objects=objects,
        points=points,
        box=box,
        goto=goto,
        follow=follow,
        height=height or f"calc(100vh - {ABOVE + below}px)",
        heard=heard,
    )


def preview_viewer(
    tomogram: Tomogram,
    overlays: Sequence[LabelLayer],
    frame: Box | None,
    labels: str | None,
    points: Sequence[PointLayer],
    below: int,
    classes: Sequence[LabelClass] = (),
) -> None:
    """The viewer with the frame of a preview, and in it what a task would give.

    Parameters
    ----------
    tomogram, overlays
        What is shown; with a preview the overlays wait in the layers menu.
    frame
        The previewed box; None = the preview is off.
    labels
        Key of the preview's label map (`dashboard.viewer.layers.put_preview`).
    points
        The picks of the preview, drawn with its label map.
    below
        Pixels kept for other parts of the page.
    classes
        Names and colours of the preview's labels, where they are known.
    """
    if frame is None:
        viewer(tomogram, overlays=overlays, below=below)
        return
    layers = list[LabelLayer]()
    if labels is not None:
        layers.append(LabelLayer(key=labels, name="preview", is_preview=True, classes=list(classes)))
    viewer(
        tomogram,
        overlays=[*layers, *(o.hidden() for o in overlays)],
        points=points if labels is not None else (),
        box=PreviewBox(frame.start, frame.stop),
        follow=True,
        below=below,
    )


def circles(picks: np.ndarray | None, radius: float, name: str = "preview picks") -> list[PointLayer]:
    """The picks of a preview, `[n, 3]` as x, y, z in voxels, as circles of one radius (Å); None = none."""
    return [] if picks is None else [PointLayer(name=name, xyz=picks, radius=radius)]


def project_classes(project: Project) -> list[LabelClass]:
    """The feature library, for label maps that are numbered by it."""
    return [LabelClass(c.label, c.name, c.colour) for c in project.classes]


def overlay_layers(project: Project, tomogram: str) -> list[LabelLayer]:
    """The label maps of a tomogram; the newest is shown, the others wait in the layers menu."""
    found = project.segmentations(tomogram)
    newest = max(found, key=lambda s: s.path.stat().st_mtime, default=None)
    layers = [
        LabelLayer(key=f"segmentation:{s.key}", name=s.name, visible=s is newest, classes=label_classes(project, s))
        for s in found
    ]
    return sorted(layers, key=lambda layer: not layer.visible)


def label_classes(project: Project, segmentation: Segmentation) -> list[LabelClass]:
    """Names and colours of the labels, where what made the map named them; a class of the project lends its colour."""
    colours = {c.name: c.colour for c in project.classes}
    names = segmentation.made_by.get("names") or {}
    return [LabelClass(int(k), n, class_colours.of_label(int(k), colours.get(n))) for k, n in names.items()]


def object_layers(project: Project, tomogram: str) -> list[ObjectLayer]:
    """The object tables that have rows in a tomogram; the newest is shown."""
    names = [n for n in project.tables.names() if tomogram in project.tables.provenance(n).get("tomograms", {})]
    newest = max(names, key=lambda n: project.tables.path(n).stat().st_mtime, default=None)
    return [ObjectLayer(table=n, version=project.tables.version(n), visible=n == newest) for n in names]
