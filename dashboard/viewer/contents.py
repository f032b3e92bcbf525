"""What a page can put into the viewer: layers, objects, points, a box, a place to go to. Plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dashboard.viewer.layers import layer_version
from engine.project import Project

NO_TABLE = "no table"
"""The version of a table that is not there yet."""


@dataclass(frozen=True)
class LabelClass:
    """Name and colour ("#rrggbb") of one label."""

    label: int
    name: str
    colour: str


@dataclass(frozen=True)
class LabelLayer:
    """A label map or score map over the tomogram.

    Attributes
    ----------
    key
        "segmentation:<tomogram>__<name>", or what `put_preview` returned.
    name
        As shown in the layers menu.
    visible, opacity
        As this page wants it; once the person chose, that stays on all pages.
    classes
        Names and colours of labels; labels without one take the palette's colours.
    is_preview
        A result in the making: its labels are drawn stronger.
    """

    key: str
    name: str
    visible: bool = True
    opacity: float = 0.45
    classes: Sequence[LabelClass] = ()
    is_preview: bool = False

    def hidden(self) -> "LabelLayer":
        """The same layer, not shown at first."""
        return replace(self, visible=False)

    def spec(self) -> dict[str, Any]:
        """What the browser is told."""
        return {
            "key": self.key,
            "name": self.name,
            "version": layer_version(self.key),
            "visible": self.visible,
            "opacity": 0.6 if self.is_preview else self.opacity,
            "classes": [{"label": c.label, "name": c.name, "colour": c.colour} for c in self.classes],
        }


@dataclass(frozen=True)
class ObjectLayer:
    """The objects of one table, fetched by the browser, coloured and sized by the classes of the project.

    Attributes
    ----------
    version
        From `Project.table_version`: the browser fetches the rows anew when it changes. NO_TABLE for a table that
        the first object will create: it is shown empty.
    selected
        The id of the object that the page has selected, or several, the last one being the one to go by; the viewer's
        own clicks come back as events.
    editable
        Whether objects can be added, moved and deleted in the viewer (they come as events).
    new_class
        The class of objects that are added.
    class_keys
        Whether the keys 1 to 9 choose `new_class` (they come as events) in place of a plane.
    shown
        Ids that a filter of the page lets through, in any order; None where nothing is filtered.
    colours
        Class → "#rrggbb" of classes that the project does not know.
    """

    table: str
    version: str
    visible: bool = True
    name: str | None = None
    selected: int | Sequence[int] | None = None
    editable: bool = False
    new_class: str | None = None
    class_keys: bool = False
    shown: Sequence[int] | np.ndarray | None = None
    colours: Mapping[str, str] | None = None

    def spec(self, project: Project) -> dict[str, Any]:
        """What the browser is told."""
        chosen = self.selected
        known = {c.name for c in project.classes}
        ids = [] if chosen is None else [int(i) for i in chosen] if isinstance(chosen, Sequence) else [chosen]
        return {
            "key": f"table:{self.table}",
            "table": self.table,
            "version": self.version,
            "name": self.name or self.table,
            "visible": self.visible,
            "selected": ids[-1] if ids else None,
            "selected_ids": ids,
            "editable": self.editable,
            "new_class": self.new_class,
            "class_keys": self.class_keys,
            "classes": [
                *({"name": c.name, "label": c.label, "colour": c.colour, "radius": c.radius} for c in project.classes),
                *(
                    {"name": name, "colour": colour, "radius": None}
                    for name, colour in (self.colours or {}).items()
                    if name not in known
                ),
            ],
            "shown": None if self.shown is None else runs(np.asarray(self.shown, dtype=np.int64)),
            "rows": {"id": [], "class": [], "x": [], "y": [], "z": []} if self.version == NO_TABLE else None,
        }


@dataclass(frozen=True)
class PointLayer:
    """Points that no table holds yet, such as the picks of a preview: some thousand at most.

    Attributes
    ----------
    xyz
        [n, 3] as x, y, z in voxels of the tomogram.
    radius
        Å.
    """

    name: str
    xyz: np.ndarray | Sequence[Sequence[float]]
    radius: float
    colour: str = "#F0E442"

    def spec(self) -> dict[str, Any]:
        """What the browser is told."""
        points = np.asarray(self.xyz, dtype=float).reshape(-1, 3).round(2)
        rows = {axis: points[:, i].tolist() for i, axis in enumerate("xyz")}
        rows |= {"id": list(range(len(points))), "class": [self.name] * len(points)}
        return {
            "key": f"points:{self.name}",
            "table": None,
            "version": f"{hash(points.tobytes())}",
            "name": self.name,
            "visible": True,
            "selected": None,
            "selected_ids": [],
            "editable": False,
            "new_class": None,
            "class_keys": False,
            "shown": None,
            "classes": [{"name": self.name, "label": 1, "colour": self.colour, "radius": self.radius}],
            "rows": rows,
        }


@dataclass(frozen=True)
class PreviewBox:
    """A frame of `stop` − `start` voxels (z, y, x; stop exclusive).

    It stays centred on the crosshair, pushed inside the tomogram, and can be dragged by its border; with
    `fixed` it stands where it was put.
    """

    start: tuple[int, int, int]
    stop: tuple[int, int, int]
    fixed: bool = False

    def spec(self) -> dict[str, Any]:
        """What the browser is told."""
        return {"start": list(self.start), "stop": list(self.stop), "fixed": self.fixed}


@dataclass(frozen=True)
class Goto:
    """A place to go to, once.

    Attributes
    ----------
    seq
        Names this journey: the viewer goes there when it is another one than the last it was given.
    x, y, z
        Voxels.
    """

    seq: str | int
    x: float
    y: float
    z: float

    def spec(self) -> dict[str, Any]:
        """What the browser is told."""
        return {"sequence": self.seq, "x": self.x, "y": self.y, "z": self.z}


def runs(numbers: np.ndarray) -> list[list[int]]:
    """Whole numbers as [first, last] of each run without a gap, ascending: all of 100,000 are one."""
    numbers = np.unique(numbers)
    if not len(numbers):
        return []
    breaks = np.flatnonzero(np.diff(numbers) > 1)
    pairs: list[list[int]] = np.stack([numbers[[0, *(breaks + 1)]], numbers[[*breaks, -1]]], axis=1).tolist()
    return pairs
