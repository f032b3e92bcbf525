"""Predictions and references from files or from a project, ready for `engine.evaluation`.

What a file does not say (which tomogram, its voxel size, its extent) comes from the project, from what the caller
gives, or from the other file; what had to be assumed is said in a note.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from engine.errors import UserError
from engine.evaluation import Settings, find_metric
from engine.evaluation.kaggle import RADII
from engine.objects import ObjectTable, TomogramGeometry
from engine.objects.formats import csv_table, detect, picket, read_objects
from engine.project import Project
from engine.project.tables import geometries
from engine.project.tomograms import plain_name

NO_NAME = ""
"""The tomogram of a file that names none."""
ONLY_TOMOGRAM = "tomogram"
LABEL = "class_label"
UNREAD = TomogramGeometry((1, 1, 1), (1.0, 1.0, 1.0))


@dataclass(frozen=True, eq=False)
class Compared:
    """Two tables that can be compared, and what was assumed to make them so."""

    prediction: ObjectTable
    reference: ObjectTable
    notes: list[str] = field(default_factory=list)

    @property
    def voxel_size(self) -> tuple[float, float, float] | None:
        """Å (z, y, x) of the reference's tomograms, where all agree."""
        sizes = {geometry.voxel_size for geometry in self.reference.tomograms.values()}
        return sizes.pop() if len(sizes) == 1 else None


@dataclass(frozen=True, eq=False)
class _Side:
    """One file as read: its rows, and the geometry that it or the project states."""

    path: str
    rows: pd.DataFrame
    known: dict[str, TomogramGeometry]
    """Of each tomogram, by name."""
    covered: tuple[str, ...] = ()
    """Tomograms that were looked through, also those in which nothing was found."""
    name_is_a_guess: bool = False


def read_compared(
    prediction: str,
    reference: str,
    project: Project | None = None,
    voxel_size: float | None = None,
    shape: tuple[int, int, int] | None = None,
) -> Compared:
    """Read both sides.

    Parameters
    ----------
    prediction, reference
        Files (.csv, .yaml of PickET, .ndjson, .star), or names of tables of `project`.
    project
        Says the sizes of tomograms, and has tables.
    voxel_size
        Å, for all tomograms, whatever else says it.
    shape
        (z, y, x) in voxels of all tomograms.

    Raises
    ------
    UserError
        A file that cannot be read or says too little; the sentence names what to give.
    """
    if voxel_size is not None and not (np.isfinite(voxel_size) and voxel_size > 0):
        raise UserError(f"voxel-size = {voxel_size:g} is not allowed: it must be greater than 0 Å.")
    picks, truths = _read(prediction, project), _read(reference, project)
    picks, truths = _same_tomograms(picks, truths, project)
    labels = class_labels(truths.rows, project)
    picks, truths = _with_class_names(picks, labels), _with_class_names(truths, labels)
    size = (voxel_size,) * 3 if voxel_size is not None else None
    notes: list[str] = []
    boxes: list[str] = []
    for_picks: dict[str, TomogramGeometry] = {}
    for_truths: dict[str, TomogramGeometry] = {}
    judged = list(dict.fromkeys([*truths.rows["tomogram"], *truths.covered]))
    for name in judged:
        own, other = truths.known.get(name), picks.known.get(name)
        stated = own or other
        if stated is None and size is None:
            raise UserError(
                f"Neither {prediction} nor {reference} says the voxel size of {name}: give it with --voxel-size (in Å)."
            )
        extent = shape or (stated.shape if stated else None)
        if extent is None:
            extent = _box(truths.rows, name)
            boxes.append(f"{name}: z 0–{extent[0] - 1}, y 0–{extent[1] - 1}, x 0–{extent[2] - 1}")
        for_truths[name] = TomogramGeometry(extent, size or _voxel_size(own, other))
        if name in {*picks.rows["tomogram"], *picks.covered}:
            for_picks[name] = TomogramGeometry(extent, size or _voxel_size(other, own))
    if boxes:
        more = f" and {len(boxes) - 1} more" if len(boxes) > 1 else ""
        notes.append(
            f"The extent of the volume is not known, so random points fill the box up to the farthest reference "
            f"({boxes[0]}{more}): give it with --shape for a better baseline."
        )
    return Compared(ObjectTable(picks.rows, for_picks), ObjectTable(truths.rows, for_truths), notes)


def class_labels(rows: pd.DataFrame, project: Project | None = None) -> dict[int, str]:
    """Label number → class name: from the column `class_label`, or from the classes of the project."""
    if LABEL in rows:
        numbers = pd.to_numeric(rows[LABEL], errors="coerce")
        known = numbers.notna()
        return {int(k): str(v) for k, v in zip(numbers[known], rows["class"][known], strict=True)}
    return {c.label: c.name for c in project.classes} if project is not None else {}


def chosen_classes(text: str, reference: ObjectTable, project: Project | None = None) -> tuple[str, ...]:
    """Class names from what a person wrote: names, labels and ranges of labels, with commas ("1-12,ribosome").

    Raises
    ------
    UserError
        A name or label that the references do not have.
    """
    present = set(reference.rows["class"])
    labels = class_labels(reference.rows, project)
    names: list[str] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        if part in present:
            names.append(part)
            continue
        span = re.fullmatch(r"(\d+)(?:\s*[-–]\s*(\d+))?", part)
        if span is None:
            raise UserError(f"The references have no class {part!r} (classes: {', '.join(sorted(present))}).")
        first, last = int(span[1]), int(span[2] or span[1])
        wanted = [name for label, name in sorted(labels.items()) if first <= label <= last and name in present]
        if not wanted:
            known = ", ".join(f"{label} {name}" for label, name in sorted(labels.items())) or "none"
            raise UserError(f"The references have no class with label {part} (labels: {known}).")
        names += wanted
    if not names:
        raise UserError("No class is named: give names or labels, such as 1-12 or ribosome,proteasome.")
    return tuple(dict.fromkeys(names))


def radii_for(
    metric: str, classes: Sequence[str], project: Project | None = None, given: Mapping[str, float] | None = None
) -> tuple[tuple[str, float], ...]:
    """Radii (Å) for a rule that uses them: those given, else of the project's classes, else of the CZII challenge."""
    if not find_metric(metric).uses_radii:
        return ()
    known = RADII | ({c.name: c.radius for c in project.classes} if project is not None else {}) | dict(given or {})
    unknown = sorted(set(given or {}) - set(classes))
    if unknown:
        raise UserError(f"A radius is given for {unknown[0]!r}, which is no class of the references.")
    return tuple((name, known[name]) for name in sorted(set(classes)) if name in known)


def with_radii(
    settings: Settings, reference: ObjectTable, project: Project | None = None, given: Mapping[str, float] | None = None
) -> Settings:
    """`settings` with the radii that its rule uses (see `radii_for`)."""
    found = radii_for(settings.metric, list(reference.rows["class"].unique()), project, given)
    return replace(settings, radii=found)


def _read(path: str, project: Project | None) -> _Side:
    file = Path(path)
    known = {t.name: TomogramGeometry(t.shape, t.voxel_size) for t in _tomograms(project)}
    if project is not None and not file.exists() and path in project.tables.names():
        table = project.table(path)
        return _Side(path, table.rows, {**known, **table.tomograms}, tuple(table.tomograms))
    if not file.is_file() and not file.exists():
        names = project.tables.names() if project is not None else []
        where = f" and no table of the project (tables: {', '.join(names) or 'none'})" if project is not None else ""
        raise UserError(f"There is no file {path}{where}: check the path.")
    chosen = detect(file)
    if chosen.name == "picket":
        return _read_picket(file, known)
    if chosen.name == "csv":
        beside = _beside(file)
        return _Side(path, csv_table.read(file, {NO_NAME: UNREAD}).rows, beside | known, tuple(beside))
    # RELION's coordinates count from the centre of a tomogram, so its size must be known.
    several = "several tomograms" in chosen.carries
    rows = read_objects(file, known if several else {NO_NAME: UNREAD}, chosen).rows
    return _Side(path, rows, known)


def _read_picket(file: Path, known: dict[str, TomogramGeometry]) -> _Side:
    rows = picket.read(file, {NO_NAME: UNREAD}).rows
    metadata = _metadata(file)
    stated = str(metadata.get("tomogram_path") or "")
    candidates = [name for name in (stated, Path(stated).name, plain_name(Path(stated)) if stated else "") if name]
    name = next((c for c in candidates if c in known), candidates[-1] if candidates else NO_NAME)
    rows["tomogram"] = name
    try:
        z, y, x = (int(n) for n in metadata["tomogram_shape"])
        sz, sy, sx = (float(v) for v in metadata["voxel_size"])
    except (KeyError, TypeError, ValueError):
        return _Side(str(file), rows, known, name_is_a_guess=True)
    if min(z, y, x, sz, sy, sx) > 0:
        known = {name: TomogramGeometry((z, y, x), (sz, sy, sx))} | known
    return _Side(str(file), rows, known, name_is_a_guess=True)


def _metadata(file: Path) -> dict[str, Any]:
    """The metadata alone: the points before them were read already, and YAML is slow."""
    text = file.read_text(encoding="utf-8", errors="replace")
    found = re.search(rf"^{picket.METADATA}:.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    try:
        content = yaml.safe_load(found[0])[picket.METADATA] if found else {}
    except (yaml.YAMLError, TypeError, KeyError):
        return {}
    return content if isinstance(content, dict) else {}


def _beside(file: Path) -> dict[str, TomogramGeometry]:
    """The geometry in the `.yaml` that a project keeps beside each of its tables."""
    try:
        content = yaml.safe_load(file.with_suffix(".yaml").read_text(encoding="utf-8"))
        return geometries(content) if isinstance(content, dict) else {}
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError):
        return {}


def _tomograms(project: Project | None) -> list[Any]:
    return [t for t in project.tomograms() if t.info is not None] if project is not None else []


def _same_tomograms(picks: _Side, truths: _Side, project: Project | None) -> tuple[_Side, _Side]:
    """Give objects without a tomogram the one that the other side, or the project, leaves no choice about."""
    ours, theirs = _names(picks), _names(truths)
    if picks.name_is_a_guess and len(theirs) == 1 and not set(ours) & set(theirs):
        picks, ours = _renamed(picks, ours[0] if ours else NO_NAME, theirs[0]), theirs
    if truths.name_is_a_guess and len(ours) == 1 and not set(ours) & set(theirs):
        truths, theirs = _renamed(truths, theirs[0] if theirs else NO_NAME, ours[0]), ours
    in_project = [t.name for t in _tomograms(project)]
    alone = in_project[0] if len(in_project) == 1 else ONLY_TOMOGRAM
    return _named(picks, theirs or ours or [alone], truths.path), _named(truths, ours or theirs or [alone], picks.path)


def _names(side: _Side) -> list[str]:
    return [name for name in dict.fromkeys(side.rows["tomogram"]) if name != NO_NAME]


def _named(side: _Side, others: list[str], other_path: str) -> _Side:
    if not (side.rows["tomogram"] == NO_NAME).any():
        return side
    if len(others) > 1:
        raise UserError(
            f"{side.path} does not say in which tomogram its objects are, and {other_path} has {len(others)}: "
            "add a column tomogram."
        )
    return _renamed(side, NO_NAME, others[0])


def _renamed(side: _Side, old: str, new: str) -> _Side:
    rows = side.rows.copy()
    rows["tomogram"] = rows["tomogram"].where(rows["tomogram"] != old, new)
    known = dict(side.known)
    if old in known and new not in known:
        known[new] = known.pop(old)
    return replace(side, rows=rows, known=known)


def _with_class_names(side: _Side, labels: Mapping[int, str]) -> _Side:
    """Objects that have a label number only are called as the references call that number."""
    if LABEL not in side.rows or set(side.rows["class"]) != {"particle"}:
        return side
    numbers = pd.to_numeric(side.rows[LABEL], errors="coerce")
    named = [str(labels.get(int(n), f"{n:g}")) if n == n else "particle" for n in numbers]
    if set(labels.values()) == {"particle"}:  # the references have numbers only, too
        named = [f"{n:g}" if n == n else "particle" for n in numbers]
    return replace(side, rows=side.rows.assign(**{"class": named}))


def _voxel_size(first: TomogramGeometry | None, second: TomogramGeometry | None) -> tuple[float, float, float]:
    stated = first or second
    assert stated is not None  # refused above
    return stated.voxel_size


def _box(rows: pd.DataFrame, name: str) -> tuple[int, int, int]:
    part = rows.loc[rows["tomogram"] == name, ["z", "y", "x"]].to_numpy(dtype=np.float64)
    part = part[np.isfinite(part).all(axis=1)]
    z, y, x = (int(np.floor(v + 0.5)) + 1 for v in part.max(axis=0)) if len(part) else (1, 1, 1)
    return max(z, 1), max(y, 1), max(x, 1)
