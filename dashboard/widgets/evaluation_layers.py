"""Judged objects in the viewer: found and missed references, right and false picks, each kind in its own colour."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dashboard.widgets.viewing import PointLayer
from engine.evaluation import Evaluation
from engine.objects import ObjectTable
from engine.project import Project

MOST = 4000
"""Objects per layer that are sent to the browser."""
UNKNOWN_RADIUS = 50.0
KINDS = {
    "found": ("#56B4E9", "reference, found"),
    "missed": ("#E69F00", "reference, missed"),
    "right": ("#009E73", "prediction, right"),
    "false": ("#CC79A7", "prediction, false"),
}
"""Kind → colour and words; Okabe and Ito's colours, told apart by colour-blind readers."""


@dataclass(frozen=True)
class JudgedLayer(PointLayer):
    """Objects of one kind, sized by their class.

    Attributes
    ----------
    rows
        id, class, x, y, z.
    radii
        Å by class.
    selected
        The id of the object that is selected.
    """

    rows: pd.DataFrame | None = None
    radii: Mapping[str, float] | None = None
    selected: int | None = None

    def spec(self) -> dict[str, Any]:
        """What the browser is told."""
        rows = self.rows if self.rows is not None else pd.DataFrame(columns=["id", "class", "x", "y", "z"])
        columns: dict[str, Any] = {axis: rows[axis].round(2).tolist() for axis in "xyz"}
        columns |= {"id": rows["id"].tolist(), "class": rows["class"].tolist()}
        version = hash((*columns["id"], *columns["x"], *columns["y"], *columns["z"]))
        classes = [
            {"name": name, "label": i + 1, "colour": self.colour, "radius": (self.radii or {}).get(name, self.radius)}
            for i, name in enumerate(sorted(set(columns["class"])))
        ]
        return super().spec() | {
            "rows": columns,
            "version": f"{version}",
            "classes": classes,
            "selected": self.selected,
        }


def judged_layers(
    project: Project,
    found: Evaluation,
    prediction: ObjectTable,
    tomogram: str,
    slice_z: float,
    selected: tuple[str, int] | None,
) -> tuple[list[JudgedLayer], bool]:
    """The layers of a tomogram, and whether all of its objects are in them.

    Parameters
    ----------
    project
        Its classes give the radii.
    found, prediction
        What came out, and the table that was judged.
    tomogram
        Which one.
    slice_z
        Where there are too many objects, those nearest to this slice are taken.
    selected
        Kind and id of the object that is selected.
    """
    radii = {c.name: c.radius for c in project.classes}
    rows = prediction.rows
    in_it = rows[(rows["tomogram"] == tomogram) & rows["id"].isin(found.matches["prediction"])]
    parts = {
        "found": found.matches[found.matches["tomogram"] == tomogram],
        "right": in_it,
        "missed": found.misses[found.misses["tomogram"] == tomogram],
        "false": found.false_picks[found.false_picks["tomogram"] == tomogram],
    }
    layers, whole = [], True
    for kind, part in parts.items():
        if len(part) > MOST:
            part = part.iloc[np.argsort(np.abs(part["z"].to_numpy() - slice_z), kind="stable")[:MOST]]
            whole = False
        colour, words = KINDS[kind]
        marked = selected[1] if selected is not None and selected[0] == kind else None
        layers.append(JudgedLayer(words, [], UNKNOWN_RADIUS, colour, part, radii, marked))
    return layers, whole
