"""PickET's YAML of predicted centroids.

Units and origin: whole x, y, z in voxels of the tomogram, 0-based; PickET cuts the fraction off (int()), so a
centre may lie up to one voxel lower than it was. One tomogram per file; no classes, scores, sizes,
orientations.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from engine.atomic import write_text
from engine.errors import UserError, explain_os_errors, quoted
from engine.objects.formats.format import Format, Head, head_of
from engine.objects.formats.one_tomogram import belongs_to, only_tomogram
from engine.objects.formats.options import NoOptions
from engine.objects.formats.positions import positions, refuse_lost
from engine.objects.table import COORDINATES, ObjectTable, TomogramGeometry

CENTROIDS = "Predicted_Particle_Centroid_Coordinates"
METADATA = "metadata"

_POINTS = re.compile(
    rb"^Predicted_Particle_Centroid_Coordinates:\n"
    rb"((?:- x: -?\d{1,9}\n  y: -?\d{1,9}\n  z: -?\d{1,9}\n)+)(?=[A-Za-z]|\Z)",
    re.MULTILINE,
)
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
    name = only_tomogram(table, "A PickET YAML")
    centres = positions(table)
    described: dict[str, Any] = {}
    if name:
        described["tomogram_path"] = name
        if name in table.tomograms:
            geometry = table.tomograms[name]
            described["tomogram_shape"] = [int(n) for n in geometry.shape]
            described["voxel_size"] = [float(n) for n in geometry.voxel_size]
    described.update({key: _plain(value) for key, value in (metadata or {}).items()})
    # Plain whole numbers need no quoting, and PyYAML would take eight seconds for 100,000 of them.
    points = "".join(f"- x: {int(x)}\n  y: {int(y)}\n  z: {int(z)}\n" for x, y, z in centres)
    text = f"{CENTROIDS}:\n{points}" if points else f"{CENTROIDS}: []\n"
    text += yaml.safe_dump({METADATA: described}, sort_keys=False, allow_unicode=True)
    write_text(Path(path), text)


def read(path: str | Path, tomograms: Mapping[str, TomogramGeometry], options: NoOptions | None = None) -> ObjectTable:
    """Read positions; all of class "particle".

    Parameters
    ----------
    path
        The YAML file.
    tomograms
        Geometry by name. The objects belong to the one whose name is the (file name of the) `tomogram_path` in the
        metadata, or to the only one given.
    options
        None.

    Raises
    ------
    UserError
        Not such a file, or no way to tell the tomogram.
    """
    if b"\x00" in head_of(path).raw:  # a huge file of something else is not read at all
        raise UserError(f"{path} is not a YAML file: it holds zero bytes.")
    with explain_os_errors(path, "read"):
        raw = Path(path).read_bytes()
    try:
        raw, quick = _plain_points(raw)
        content = yaml.load(raw, Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a YAML file: {' '.join(str(error).split())}") from error
    points = content.get(CENTROIDS) if isinstance(content, dict) else None
    if not isinstance(points, list):
        raise UserError(f"{path} is no PickET result: it has no list {CENTROIDS!r}.")
    for number, point in enumerate(points, 1):
        values = [point.get(axis) for axis in COORDINATES] if isinstance(point, dict) else [None]
        if not all(isinstance(value, int | float) for value in values):
            raise UserError(f"{path}: entry {number} of {CENTROIDS} is {quoted(point)}, not x, y and z.")
    rows = pd.DataFrame(points if quick is None else quick, columns=list(COORDINATES))
    refuse_lost(path, rows.set_axis(range(1, len(rows) + 1)), COORDINATES, "entry")
    rows["tomogram"] = belongs_to(path, _stated(content.get(METADATA)), tomograms)
    rows["class"] = "particle"
    return ObjectTable(rows, tomograms)


def _plain_points(raw: bytes) -> tuple[bytes, np.ndarray | None]:
    """The file without its points, and the points, where they stand as PickET writes them: YAML is slow at them."""
    match = _POINTS.search(raw)
    if not match:
        return raw, None
    numbers = np.array(re.findall(rb"-?\d+", match[1]), dtype=np.float64).reshape(-1, 3)
    return raw[: match.start(1) - 1] + b" []\n" + raw[match.end(1) :], numbers


def recognised(head: Head) -> int:
    """The list of centroids; the metadata may stand before it."""
    if f"{CENTROIDS}:" in head.text:
        return 3
    return 1 if head.suffix in (".yaml", ".yml") and f"{METADATA}:" in head.text else 0


def _stated(metadata: Any) -> str:
    stated = metadata.get("tomogram_path") if isinstance(metadata, dict) else None
    return str(stated) if isinstance(stated, str | int) else ""


def _plain(value: Any) -> Any:
    """NumPy numbers and arrays as YAML's own."""
    return np.asarray(value).tolist() if isinstance(value, np.generic | np.ndarray) else value


def _write(table: ObjectTable, path: Path, options: NoOptions) -> None:
    write(table, path)


FORMAT = Format(
    name="picket",
    title="PickET YAML",
    suffixes=(".yaml", ".yml"),
    carries=frozenset(),
    unit="Whole voxels of the tomogram, fractions cut off.",
    origin="The centre of the first voxel is 0.",
    orientation="",
    recognised=recognised,
    read=read,
    write=_write,
    how_to_import="PickET: extract_subtomograms {file} SIZE FOLDER, or centroid_assessment with {file} among its "
    "predictions.",
)
