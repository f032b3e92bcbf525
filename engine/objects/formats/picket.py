"""PickET's YAML of predicted centroids.

Units and origin: whole x, y, z in voxels of the tomogram, 0-based; PickET cuts the fraction off (int()), so a
centre may lie up to one voxel lower than it was. One tomogram per file; no classes, scores, sizes,
orientations.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from engine.atomic import write_text
from engine.errors import UserError, explain_os_errors
from engine.objects.table import COORDINATES, ObjectTable, TomogramGeometry

CONVENTIONS = "Whole voxels of the tomogram, 0-based, fractions cut off; positions only, one tomogram per file."
CENTROIDS = "Predicted_Particle_Centroid_Coordinates"
METADATA = "metadata"

# libyaml where PyYAML was built with it: lists of ten thousand points take many seconds without.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def write(table: ObjectTable, path: str | Path, metadata: Mapping[str, Any] | None = None) -> None:
    """Write the positions of one tomogram.

    Parameters
    ----------
    table
        Objects of one tomogram.
    path
        Replaced if it exists.
    metadata
        Further entries for `metadata` (the attributes of PickET's segmentation); shape and voxel size (z, y,
        x) and the name of the tomogram are there in any case.

    Raises
    ------
    UserError
        Objects of several tomograms, a position that is not a number, full disk.
    """
    names = list(dict.fromkeys(table.rows["tomogram"])) or list(table.tomograms)
    if len(names) > 1:
        raise UserError(
            f"A PickET YAML holds one tomogram, the table has {len(names)} ({', '.join(names[:5])}"
            f"{' …' if len(names) > 5 else ''}): filter it to one, or write one file per tomogram."
        )
    centres = table.rows[list(COORDINATES)].to_numpy()
    if not np.isfinite(centres).all():
        raise UserError("Some objects have no position (x, y or z is empty): delete or complete them first.")
    described: dict[str, Any] = {}
    if names:
        described["tomogram_path"] = names[0]
        if names[0] in table.tomograms:
            geometry = table.tomograms[names[0]]
            described["tomogram_shape"] = [int(n) for n in geometry.shape]
            described["voxel_size"] = [float(n) for n in geometry.voxel_size]
    described.update({key: _plain(value) for key, value in (metadata or {}).items()})
    # Plain whole numbers need no quoting, and PyYAML would take eight seconds for 100,000 of them.
    points = "".join(f"- x: {int(x)}\n  y: {int(y)}\n  z: {int(z)}\n" for x, y, z in centres)
    text = f"{CENTROIDS}:\n{points}" if points else f"{CENTROIDS}: []\n"
    text += yaml.safe_dump({METADATA: described}, sort_keys=False, allow_unicode=True)
    write_text(Path(path), text)


def read(path: str | Path, tomograms: Mapping[str, TomogramGeometry]) -> ObjectTable:
    """Read positions; all of class "particle".

    Parameters
    ----------
    path
        The YAML file.
    tomograms
        Geometry by name. The objects belong to the only one given, or to the one whose name is the (file name
        of the) `tomogram_path` in the metadata.

    Raises
    ------
    UserError
        Not such a file, or no way to tell the tomogram.
    """
    with explain_os_errors(path, "read"):
        raw = Path(path).read_bytes()
    try:
        content = yaml.load(raw, Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a YAML file: {' '.join(str(error).split())}") from error
    points = content.get(CENTROIDS) if isinstance(content, dict) else None
    if not isinstance(points, list):
        raise UserError(f"{path} is no PickET result: it has no list {CENTROIDS!r}.")
    for number, point in enumerate(points, 1):
        values = [point.get(axis) for axis in COORDINATES] if isinstance(point, dict) else [None]
        if not all(isinstance(value, int | float) for value in values):
            raise UserError(f"{path}: entry {number} of {CENTROIDS} is {point!r}, not x, y and z.")
    rows = pd.DataFrame(points, columns=list(COORDINATES))
    rows["tomogram"] = _tomogram(path, content.get(METADATA), tomograms)
    rows["class"] = "particle"
    return ObjectTable(rows, tomograms)


def _tomogram(path: str | Path, metadata: Any, tomograms: Mapping[str, TomogramGeometry]) -> str:
    if len(tomograms) == 1:
        return next(iter(tomograms))
    stated = str(metadata.get("tomogram_path", "")) if isinstance(metadata, dict) else ""
    for candidate in (stated, Path(stated).name, Path(stated).stem):
        if candidate and candidate in tomograms:
            return candidate
    raise UserError(
        f"{path} belongs to tomogram {stated or 'unknown'!r}, which is not here: choose the tomogram first."
    )


def _plain(value: Any) -> Any:
    """NumPy numbers and arrays as YAML's own."""
    return np.asarray(value).tolist() if isinstance(value, np.generic | np.ndarray) else value
