"""copick picks: a JSON file of the points of one class in one run (tomogram).

Units and origin: Å from the centre of the first voxel, Å = voxel × voxel size. (copick's own cropping takes the floor
of Å / voxel size, which counts from the voxel's corner; its documentation does not settle it.) The 4 × 4
`transformation_` takes the object to the tomogram; its translation is a shift in Å that is added to the location, as
copick's model says. Reading adds it; writing puts all of the position into the location and only the rotation into
the matrix.

`pickable_object_name` is the class. copick's names have no underscore, since its files are called
`<user>_<session>_<object>.json`: other characters than letters, digits, dots and dashes are written as a dash, with a
note. `trust_orientation` false means that no orientation is known. Where only some are known, the others get the
identity and "orientation_known": false, which copick passes over. `instance_id` and the voxel spacing are kept.
Sources: copick's `models.py` (version 1) and its page on geometry conventions.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.spatial.transform import Rotation

from engine.atomic import write_text
from engine.errors import UserError, quoted
from engine.objects.formats.format import Format, Head
from engine.objects.formats.json_files import begins_as_object, is_number, read_json
from engine.objects.formats.notes import note
from engine.objects.formats.one_tomogram import belongs_to, only_tomogram
from engine.objects.formats.options import NoOptions, Options
from engine.objects.formats.positions import angles_and_known, positions
from engine.objects.orientations import relion_from_rotation, rotation_from_relion
from engine.objects.table import ANGLES, COORDINATES, ObjectTable, TomogramGeometry, UnknownTomogram

INSTANCE = "instance_id"
UNITS = {"angstrom": 1.0, "nanometer": 10.0, "nm": 10.0}
LARGEST_DEVIATION = 0.01
IDENTITY = np.eye(4)


class Writing(Options):
    """Writing copick picks."""

    user_id: str = Field(
        default="tomodeck",
        title="User",
        description="Who made the picks: a person or the name of a tool; no underscores.",
        min_length=1,
    )
    session_id: str = Field(
        default="0",
        title="Session",
        description="Distinguishes picks of one user; 0 for picks that a tool made; no underscores.",
        min_length=1,
    )
    run_name: str = Field(
        default="",
        title="Run",
        description="The run in the copick project; empty takes the tomogram's name.",
    )


def read(path: str | Path, tomograms: Mapping[str, TomogramGeometry], options: NoOptions | None = None) -> ObjectTable:
    """Read picks.

    Parameters
    ----------
    path
        The JSON file.
    tomograms
        Geometry by name; the voxel size of the run's tomogram is needed. A `voxel_spacing` in the file serves where
        the tomogram is not among them.
    options
        None.

    Raises
    ------
    UserError
        Not such a file, a point without location, a matrix that is no rotation (with its number), no voxel size.
    """
    content = read_json(path)
    points = content.get("points") if isinstance(content, dict) else None
    if not isinstance(content, dict) or "pickable_object_name" not in content:
        raise UserError(f"{path} is no copick file of picks: it has no 'pickable_object_name'.")
    if not isinstance(points or [], list):
        raise UserError(f"{path} is no copick file of picks: its 'points' are no list.")
    unit = str(content.get("unit", "angstrom")).lower()
    if unit not in UNITS:
        raise UserError(f"{path} has the unit {quoted(unit)}: copick's picks are in angstrom.")
    tomogram = belongs_to(path, str(content.get("run_name") or ""), tomograms)
    voxel = _voxel_size(path, tomogram, content.get("voxel_spacing"), tomograms)
    rows, matrices, known = _points(path, points or [])
    if content.get("trust_orientation") is False:
        known[:] = False
    places = rows[list(COORDINATES)].to_numpy(dtype=np.float64) + matrices[:, :3, 3]
    rows[list(COORDINATES)] = places * UNITS[unit] / voxel
    rows[list(ANGLES)] = np.nan
    if known.any():
        rows.loc[known, list(ANGLES)] = relion_from_rotation(Rotation.from_matrix(matrices[known, :3, :3]))
        if np.array_equal(matrices[:, :3, :3], np.broadcast_to(np.eye(3), (len(rows), 3, 3))):
            note(f"{path}: all orientations are the identity, which copick also writes where none is known.")
    rows["tomogram"] = tomogram
    rows["class"] = str(content["pickable_object_name"])
    return ObjectTable(rows, tomograms)


def write(table: ObjectTable, path: str | Path, options: Writing | None = None) -> None:
    """Write the objects of one class in one tomogram.

    Raises
    ------
    UserError
        Several tomograms or classes, an unknown voxel size, an object without position, full disk.
    """
    options = options or Writing()
    tomogram = only_tomogram(table, "A copick file")
    rows = table.rows
    classes = list(dict.fromkeys(rows["class"]))
    if len(classes) > 1:
        raise UserError(
            f"A copick file holds one class, the table has {len(classes)} ({', '.join(classes[:5])}"
            f"{' …' if len(classes) > 5 else ''}): filter it to one, or write one file per class."
        )
    places = positions(table) * table.per_row("voxel_size")[:, ::-1]
    angles, known = angles_and_known(table)
    transformations = np.tile(IDENTITY, (len(rows), 1, 1))
    if known.any():
        transformations[known, :3, :3] = rotation_from_relion(angles[known]).as_matrix()
    scores = rows["score"].to_numpy()
    instances = pd.to_numeric(rows[INSTANCE], errors="coerce") if INSTANCE in rows else rows["id"]
    points = []
    for place, matrix, oriented, score, instance in zip(
        places.tolist(), transformations.tolist(), known, scores, instances.fillna(0), strict=True
    ):
        point: dict[str, Any] = {"location": dict(zip(COORDINATES, place, strict=True)), "transformation_": matrix}
        point[INSTANCE] = int(instance)
        # copick's default is 1: a score that is not known is left out, and null is read as none.
        point["score"] = float(score) if np.isfinite(score) else None
        if known.any() and not oriented:
            point["orientation_known"] = False
        points.append(point)
    sizes = {geometry.voxel_size[2] for name, geometry in table.tomograms.items() if name == tomogram}
    content = {
        "pickable_object_name": _allowed(classes[0] if classes else "particle", "class"),
        "user_id": _allowed(options.user_id, "user"),
        "session_id": _allowed(options.session_id, "session"),
        "run_name": options.run_name or tomogram,
        "voxel_spacing": float(next(iter(sizes))) if sizes else None,
        "unit": "angstrom",
        "points": points,
        "trust_orientation": bool(known.any()),
    }
    write_text(Path(path), json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def recognised(head: Head) -> int:
    """A JSON object with pickable_object_name."""
    return 3 if begins_as_object(head) and '"pickable_object_name"' in head.text else 0


def _points(path: str | Path, points: list[Any]) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Rows, [n, 4, 4] matrices and [n] whether the orientation is known."""
    rows = []
    given = []
    for number, point in enumerate(points, 1):
        location = point.get("location") if isinstance(point, dict) else None
        place = [location.get(axis) for axis in COORDINATES] if isinstance(location, dict) else [None]
        if not all(map(is_number, place)):
            raise UserError(f"{path}, point {number} has no 'location' with numbers x, y and z.")
        score, instance = point.get("score"), point.get(INSTANCE)
        if score is not None and not is_number(score):
            raise UserError(f"{path}, point {number} has the score {quoted(score)}, which is no number.")
        rows.append([*place, np.nan if score is None else score, instance if is_number(instance) else 0])
        matrix = point.get("transformation_")
        given.append(None if matrix is None else _matrix(path, number, matrix))
    frame = pd.DataFrame(rows, columns=[*COORDINATES, "score", INSTANCE])
    ids = frame[INSTANCE]
    if len(frame) and (ids > 0).all() and (ids % 1 == 0).all() and not ids.duplicated().any():
        frame = frame.rename(columns={INSTANCE: "id"})
    elif not ids.any():
        frame = frame.drop(columns=INSTANCE)
    stacked = [IDENTITY if matrix is None else matrix for matrix in given]
    matrices = np.array(stacked, dtype=np.float64).reshape(-1, 4, 4)
    known = np.array(
        [
            matrix is not None and point.get("orientation_known", True)
            for matrix, point in zip(given, points, strict=True)
        ],
        dtype=bool,
    )
    if len(matrices):
        rotations = matrices[:, :3, :3]
        deviation = np.abs(rotations @ rotations.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
        bad = ~(deviation <= LARGEST_DEVIATION) | (np.linalg.det(rotations) < 0)
        if bad.any():
            raise UserError(f"{path}, point {int(np.argmax(bad)) + 1} has a 'transformation_' that is not a rotation.")
    return frame, matrices, known


def _matrix(path: str | Path, number: int, matrix: Any) -> np.ndarray:
    try:
        found = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.shape != (4, 4) or not np.isfinite(found).all():
        raise UserError(f"{path}, point {number} has a 'transformation_' that is not 4 × 4 numbers.")
    return found


def _voxel_size(path: str | Path, tomogram: str, spacing: Any, tomograms: Mapping[str, TomogramGeometry]) -> np.ndarray:
    """(x, y, z) in Å."""
    if tomogram in tomograms:
        return np.array(tomograms[tomogram].voxel_size[::-1], dtype=np.float64)
    if is_number(spacing) and spacing > 0:
        note(f"{path}: tomogram {tomogram!r} is not here; its voxel size of {spacing:g} Å is taken from the file.")
        return np.full(3, float(spacing))
    what = f"{path} has points in Å of tomogram {tomogram!r}, whose voxel size is not known"
    raise UnknownTomogram(what, tomogram)


def _allowed(name: str, what: str) -> str:
    """A name as copick allows it."""
    allowed = re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip("-") or "particle"
    if allowed != name:
        note(f"copick allows no underscores, blanks or signs in names: the {what} {name!r} is written as {allowed!r}.")
    return allowed


FORMAT = Format(
    name="copick",
    title="copick JSON",
    suffixes=(".json",),
    carries=frozenset({"orientations", "one class", "scores", "ids", "fractions"}),
    unit="Å.",
    origin="The centre of the first voxel is 0: Å = voxel × voxel size.",
    orientation="4 × 4 matrix, object to tomogram.",
    recognised=recognised,
    read=read,
    write=write,
    writing=Writing,
    keeps=lambda column: column == INSTANCE,
    file_name="{table}_copick",
    how_to_import="Put {file} into the copick project as ExperimentRuns/<run>/Picks/<user>_<session>_<object>.json, "
    "with the names that stand in it; the object must be among pickable_objects of the project's configuration.",
)
