"""Points of the CZ cryoET data portal: one JSON object per line (ndjson).

Units and origin: `location` holds x, y, z in voxels of the tomogram, 0-based, the centre of voxel i at i, with
fractions; programs such as copick multiply it by the voxel size. `xyz_rotation_matrix` is 3 × 3, rows and columns in
the order x, y, z, and takes vectors of the particle to the tomogram (the portal makes it from RELION's angles in the
same way as `engine.objects.orientations`). Types: `orientedPoint` where the orientation is known, `instancePoint`
where there is an `instance_id` and no orientation, `point` otherwise.

One tomogram per file. The portal keeps one class per file and no names in it; the name of the class is written as
`particle_name`, which PickET's evaluation reads and others skip. Source: the portal's `point_converter.py` and its
documentation (https://chanzuckerberg.github.io/cryoet-data-portal/).
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from engine.atomic import write_text
from engine.errors import UserError
from engine.objects.formats.format import Format, Head
from engine.objects.formats.number_lines import read_text
from engine.objects.formats.one_tomogram import belongs_to, only_tomogram
from engine.objects.formats.options import NoOptions
from engine.objects.formats.positions import angles_and_known, positions
from engine.objects.orientations import relion_from_rotation, rotation_from_relion
from engine.objects.table import ANGLES, COORDINATES, ObjectTable, TomogramGeometry

MATRIX = "xyz_rotation_matrix"
# The second is how early files of the portal spell it.
MATRIX_SPELLINGS = (MATRIX, "rotation_matrix")
CLASS_SPELLINGS = ("particle_name", "particle_id")
INSTANCE = "instance_id"
LARGEST_DEVIATION = 0.01
"""Of a matrix times its transpose from the identity: files keep few digits."""


def write(table: ObjectTable, path: str | Path, options: NoOptions | None = None) -> None:
    """Write the points of one tomogram.

    Parameters
    ----------
    table
        Objects of one tomogram. A further column `instance_id` is written where it has a value.
    path
        Replaced if it exists.
    options
        None.

    Raises
    ------
    UserError
        Objects of several tomograms, a position that is not a number, full disk.
    """
    rows = table.rows
    only_tomogram(table, "An ndjson file of the CZ portal")
    places = positions(table)
    angles, known = angles_and_known(table)
    matrices = rotation_from_relion(angles).as_matrix() if len(rows) else angles
    instances = rows[INSTANCE] if INSTANCE in rows else [None] * len(rows)
    lines = []
    for place, oriented, matrix, name, instance in zip(places, known, matrices, rows["class"], instances, strict=True):
        has_instance = instance is not None and bool(pd.notna(instance))
        kind = "orientedPoint" if oriented else "instancePoint" if has_instance else "point"
        point: dict[str, Any] = {"type": kind, "location": dict(zip(COORDINATES, map(float, place), strict=True))}
        if oriented:
            point[MATRIX] = matrix.tolist()
        if has_instance:
            point[INSTANCE] = _whole(instance)
        point["particle_name"] = name
        lines.append(json.dumps(point, ensure_ascii=False))
    # No objects are one empty line: a file of no bytes is what a failed copy leaves, and is refused when read.
    write_text(Path(path), "\n".join(lines) + "\n")


def read(path: str | Path, tomograms: Mapping[str, TomogramGeometry], options: NoOptions | None = None) -> ObjectTable:
    """Read points, oriented points and instance points; empty lines and unknown keys are passed over.

    Parameters
    ----------
    path
        The ndjson file.
    tomograms
        Geometry by name. The objects belong to the only one given, or to the one with whose name the file's name ends.
    options
        None.

    Returns
    -------
    ObjectTable
        Class from `particle_name` (or `particle_id`), "particle" where there is none; `instance_id` as a further
        column where any line has it.

    Raises
    ------
    UserError
        An empty file; lines that are no points (the first one named by its number, the others counted); no way to tell
        the tomogram.
    """
    path = Path(path)
    text = read_text(path)
    points: list[dict[str, Any]] = []
    problems: list[str] = []
    # By the ends of lines alone: str.splitlines would also break at characters that may stand in a name.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            points.append(_point(line))
        except ValueError as error:
            problems.append(f"line {number} {error}")
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise UserError(f"{path}, {problems[0]}{more}: mend or remove it.")
    rows = pd.DataFrame(points, columns=[*COORDINATES, "class", INSTANCE, MATRIX])
    rows[list(ANGLES)] = _angles(rows.pop(MATRIX))
    if rows[INSTANCE].isna().all():
        rows = rows.drop(columns=INSTANCE)
    rows["tomogram"] = belongs_to(path, "", tomograms)
    return ObjectTable(rows, tomograms)


def _point(line: str) -> dict[str, Any]:
    """The fields of one line. Raises ValueError with what is wrong, to follow "line 3"."""
    try:
        point = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON ({error.msg} at character {error.colno})") from error
    except RecursionError as error:
        raise ValueError("is not a point but deeply nested") from error
    location = point.get("location") if isinstance(point, dict) else None
    if not isinstance(location, dict):
        raise ValueError("is not a point: it has no 'location' with x, y and z")
    found: dict[str, Any] = {}
    for axis in COORDINATES:
        value: Any = location.get(axis)
        if not _is_number(value):
            raise ValueError(f"has {axis} = {json.dumps(value)} in 'location', not a number")
        found[axis] = float(value)
    names = [point[key] for key in CLASS_SPELLINGS if point.get(key) not in (None, "")]
    found["class"] = str(names[0]) if names else "particle"
    found[INSTANCE] = point.get(INSTANCE)
    if not isinstance(found[INSTANCE], int | float | str | None):
        raise ValueError(f"has {INSTANCE} = {json.dumps(found[INSTANCE])}, not a number")
    # Not by the type: PickET's lists of truth call all points oriented and have no matrix.
    given = next((point[key] for key in MATRIX_SPELLINGS if point.get(key) is not None), None)
    if given is not None:
        found[MATRIX] = _rotation(given)
    return found


def _rotation(given: Any) -> np.ndarray:
    whole = isinstance(given, list) and len(given) == 3
    if not whole or not all(isinstance(row, list) and len(row) == 3 and all(map(_is_number, row)) for row in given):
        raise ValueError(f"has a '{MATRIX}' that is not 3 × 3 numbers")
    matrix = np.array(given, dtype=np.float64)
    deviation = np.abs(matrix @ matrix.T - np.eye(3)).max()
    if not deviation <= LARGEST_DEVIATION or np.linalg.det(matrix) < 0:
        raise ValueError(f"has a '{MATRIX}' that is not a rotation")
    return matrix


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e300


def _angles(matrices: pd.Series) -> np.ndarray:
    """rot, tilt, psi of each row, NaN where there is no matrix; [n, 3]."""
    angles = np.full((len(matrices), 3), np.nan)
    known = matrices.notna().to_numpy()
    if known.any():
        angles[known] = relion_from_rotation(Rotation.from_matrix(np.stack(list(matrices[known]))))
    return angles


def _whole(value: Any) -> Any:
    """Numbers of instances as JSON's own: whole where they are, text as it is."""
    if isinstance(value, str):
        return value
    return int(value) if float(value).is_integer() else float(value)


def recognised(head: Head) -> int:
    """The first line is a JSON object with a location."""
    first = next((line for line in head.text.lstrip("\ufeff").split("\n") if line.strip()), "")
    if not first.lstrip().startswith("{"):
        return 0
    if re.search(r'"location"\s*:\s*\{', first) and '"pickable_object_name"' not in head.text:
        return 3 if first.rstrip().endswith("}") else 1
    return 0


FORMAT = Format(
    name="cz-ndjson",
    title="CZ data portal ndjson",
    suffixes=(".ndjson", ".jsonl"),
    carries=frozenset({"orientations", "classes", "fractions"}),
    unit="Voxels of the tomogram.",
    origin="The centre of the first voxel is 0; copick and others multiply by the voxel size.",
    orientation="3 × 3 matrix (x, y, z) that takes the particle to the tomogram.",
    recognised=recognised,
    read=read,
    write=write,
    keeps=lambda column: column == INSTANCE,
    how_to_import="The portal keeps one file per object and tomogram; copick reads them from a portal dataset. "
    "The class is in particle_name, which only some programs read.",
)
