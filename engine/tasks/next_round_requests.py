"""Raw parameters of the tasks "targets" and "train" for a next round: those of the round before, with more examples."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.annotation.next_examples import NextExamples
from engine.errors import UserError
from engine.objects import filter_by, known_angles
from engine.objects.table import ANGLES
from engine.project import Segmentation
from engine.tasks.train_parameters import TrainParameters
from engine.words import plural

OTHERS = "_others"
"""Ends the name of the table of a round's other places: rejected and undecided picks."""


def targets_request(
    targets: Sequence[Segmentation], made: NextExamples, name: str, classes: list[str]
) -> tuple[dict[str, Any], list[str]]:
    """Parameters for targets of the judged tomograms, else as those of the round before; notes on what differs.

    Picks of a network have no orientation: where one of them became an example, shapes give way to spheres.
    """
    like = next((t.made_by for t in targets if t.made_by.get("task") == "targets"), None)
    if like is None:
        raise UserError(
            f"The target {targets[0].key} was not made by the task targets, so it cannot be made again with more "
            "objects: make targets of a table and train on them first."
        )
    settings = like.get("settings") or {}
    asked = {**(like.get("parameters") or {}), "strategy": settings["strategy"], "compat": settings["compat"]}
    notes = []
    rows = filter_by(made.examples, tomograms=list(made.tomograms), classes=classes).rows
    unturned = int((~known_angles(rows[list(ANGLES)].to_numpy(dtype=float))).sum())
    if settings["strategy"] == "shapes" and not settings["compat"] and unturned:
        asked |= {"strategy": "spheres", "masks": {}}
        notes.append(
            f"{plural(unturned, 'example')} without angles: the new targets of {', '.join(made.tomograms)} are spheres "
            "of the class radius in place of shapes"
        )
    elif settings["strategy"] == "spheres":  # as they were, though the feature library may say something else by now
        radii = {n: r for n, r in (settings.get("radii") or {}).items() if n in classes}
        asked |= {"radii": radii, "radius_unit": "voxel", "radius_factor": 1.0}
    elif not asked.get("masks"):
        asked["masks"] = {n: m["path"] for n, m in (settings.get("masks") or {}).items() if n in classes}
    if not asked.get("initial") and settings.get("initial"):
        asked["initial"] = Path(str(settings["initial"]["path"])).stem.split("__", 1)[1]
    return {
        **asked,
        "table": name,
        "tomograms": list(made.tomograms),
        "classes": [c for c in classes if (made.examples.rows["class"] == c).any()],
        "undecided": f"{name}{OTHERS}" if len(made.others) else "",
        "name": name,
        "replace": False,
    }, notes


def training_request(
    settings: Mapping[str, Any],
    targets: Sequence[Segmentation],
    made: NextExamples,
    name: str,
    classes: list[str],
    weights: str,
) -> tuple[dict[str, Any], list[str]]:
    """Parameters of the training before, with the new targets, and notes on what else is different."""
    kept = {key: value for key, value in settings.items() if key in TrainParameters.model_fields}
    notes = []
    if settings.get("sampling") == "deepfinder" and len(made.others):
        kept["sampling"] = "balanced"
        notes.append("patches are cut balanced instead of as DeepFinder does, because that shows rejected picks too")
    tomograms = list(dict.fromkeys([*(t.tomogram for t in targets), *made.tomograms]))
    added = [tomogram for tomogram in made.tomograms if tomogram not in {t.tomogram for t in targets}]
    if added:
        notes.append(f"new in training: {', '.join(added)}; what nobody annotated or picked there is background")
    old = {t.tomogram: t.key for t in targets}
    return {
        **kept,
        "targets": [f"{t}__{name}" if t in made.tomograms else old[t] for t in tomograms],
        "objects": name,
        "hard_negatives": f"{name}{OTHERS}" if len(made.others) else "",
        "classes": classes,
        "initial_weights": weights,
        "name": name,
    }, notes
