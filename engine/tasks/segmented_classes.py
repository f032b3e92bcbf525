"""What is known of the labels of a segmentation: names, radii and limits, from its `.yaml` and the feature library."""

from dataclasses import dataclass, replace
from typing import Any

from engine.errors import UserError
from engine.project import Model, Project, Segmentation
from engine.tasks.provenance import file_identity


@dataclass(frozen=True)
class SegmentedClass:
    """One label of a label map.

    Attributes
    ----------
    label, name
        Its number there, and what its objects are called.
    radius
        Å; None = not known.
    colour
        None = not known.
    min_score, min_size
        The limits stored with the model that made the label map; None = no limit.
    method
        What those limits were fitted for; None = not said.
    limit_voxel_size
        Å of the voxels that `min_size` counts; None = those of the label map's tomogram.
    """

    label: int
    name: str
    radius: float | None = None
    colour: str | None = None
    min_score: float | None = None
    min_size: float | None = None
    method: str | None = None
    limit_voxel_size: float | None = None


def classes_of(project: Project, segmentation: Segmentation) -> dict[int, SegmentedClass]:
    """Label → what is known of it.

    The segmentation's own description comes first (`classes` with label, name, colour and radius, or `names`). Where it
    describes no labels, the classes of the feature library count by their labels; a radius that it does not say is
    taken from the class of that name.

    Raises
    ------
    UserError
        The description beside the segmentation cannot be understood.
    """
    made_by = segmentation.made_by
    library = {c.name: c for c in project.classes}
    try:
        own = _described(made_by)
        limits = {str(name): dict(limit or {}) for name, limit in _limits(project, segmentation).items()}
        found = {}
        for described in own or [SegmentedClass(c.label, c.name, c.radius, c.colour) for c in library.values()]:
            known, limit = library.get(described.name), limits.get(described.name, {})
            found[described.label] = replace(
                described,
                radius=described.radius or (known.radius if known else None),
                colour=described.colour or (known.colour if known else None),
                min_score=_number(limit.get("score")),
                min_size=_number(limit.get("size")),
                method=limit.get("method"),
                limit_voxel_size=_number(limit.get("voxel_size")),
            )
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        file = segmentation.path.with_suffix(".yaml")
        raise UserError(f"{file} does not describe its classes in a known way ({error}): segment anew.") from error
    return dict(sorted(found.items()))


def model_of(project: Project, segmentation: Segmentation) -> Model | None:
    """The model that a segmentation was made with; None when it is gone or has other weights by now."""
    made_by = segmentation.made_by
    name, weights = made_by.get("model"), (made_by.get("settings") or {}).get("weights") or {}
    model = next((m for m in project.models() if m.name == name), None)
    if model is None:
        return None
    file = model.path / str(model.description.get("weights", "weights.pt"))
    now = file_identity(file) if file.is_file() else {}
    same = all(now.get(key) == weights.get(key) for key in ("size", "modified"))
    return model if now and same else None


def _limits(project: Project, segmentation: Segmentation) -> dict[str, Any]:
    """The model's limits as they are now, because they may have been fitted after it was used."""
    model = model_of(project, segmentation)
    found: dict[str, Any] = (model.description if model else segmentation.made_by).get("thresholds") or {}
    return found


def _described(made_by: dict[str, Any]) -> list[SegmentedClass]:
    classes = made_by.get("classes")
    if isinstance(classes, dict):
        classes = [{"label": label, **(known or {})} for label, known in classes.items()]
    if not classes:
        classes = [{"label": label, "name": name} for label, name in (made_by.get("names") or {}).items()]
    return [
        SegmentedClass(int(c["label"]), str(c["name"]), _number(c.get("radius")), c.get("colour"))
        for c in classes
        if int(c["label"]) > 0
    ]


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
