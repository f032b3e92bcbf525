"""EMAN2's boxes: `boxes_3d` and `class_list` of `info/<tomogram>_info.json`.

A box is [x, y, z, method, score, class]. With `apix_unbin` in the file, x, y, z are pixels of the unbinned tilt
series from the centre of the tomogram, and EMAN2 shows them at

    voxel = box × apix_unbin / voxel size + size // 2,

with the size halved down to a whole number; that is the rule here. (Its programs that find particles subtract a true
half instead, so that their boxes of odd tomograms lie half a voxel lower; this is not undone.) Without `apix_unbin`,
in files from before September 2018, x, y, z are voxels from the first one. EMAN2's viewer draws at voxel centres;
that was read in descriptions of its code, not measured. `class_list` = {number: {name, boxsize}}. Boxes have no
orientation.

One tomogram per file. Writing over an existing info file keeps everything else in it (tilt angles, defocus, curves),
since it is EMAN2's only copy.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from engine.atomic import write_text
from engine.errors import UserError, quoted
from engine.objects.formats.format import Format, Head
from engine.objects.formats.json_files import begins_as_object, is_number, read_json
from engine.objects.formats.notes import note
from engine.objects.formats.number_lines import numbers
from engine.objects.formats.one_tomogram import belongs_to, only_tomogram
from engine.objects.formats.options import NoOptions, Options
from engine.objects.formats.positions import positions
from engine.objects.table import COORDINATES, ObjectTable, TomogramGeometry, UnknownTomogram

METHOD, BOX_SIZE = "eman2_method", "eman2_boxsize"
BOX = [*COORDINATES, METHOD, "score", "number"]


class Writing(Options):
    """Writing EMAN2 boxes."""

    apix_unbin: float = Field(
        default=0.0,
        ge=0.0,
        title="Unbinned pixel size",
        description="Of the tilt series, as the EMAN2 project has it; 0 takes it from the info file that is written "
        "over, else the tomogram's voxel size.",
        json_schema_extra={"unit": "Å"},
    )
    box_size: int = Field(
        default=64,
        ge=2,
        title="Box size",
        description="Of each class in EMAN2, where the objects do not bring one.",
        json_schema_extra={"unit": "unbinned pixel"},
    )


def read(path: str | Path, tomograms: Mapping[str, TomogramGeometry], options: NoOptions | None = None) -> ObjectTable:
    """Read the boxes.

    Parameters
    ----------
    path
        The info file; its name without `_info` says the tomogram.
    tomograms
        Geometry by name; needed where the file has `apix_unbin`.
    options
        None.

    Raises
    ------
    UserError
        Not such a file, a box that is not x, y, z (with its number), an unknown tomogram size.
    """
    content = read_json(path)
    boxes = content.get("boxes_3d", []) if isinstance(content, dict) else None
    if not isinstance(boxes, list) or not {"boxes_3d", "class_list"} & set(content):
        raise UserError(f"{path} is no EMAN2 info file with boxes: it has no 'boxes_3d'.")
    if not boxes:
        note(f"{path} holds no boxes.")
    for number, box in enumerate(boxes, 1):
        if not isinstance(box, list) or len(box) < 3 or not all(map(is_number, box[:3])):
            raise UserError(f"{path}, box {number} is {json.dumps(box)[:60]}, not x, y, z, method, score, class.")
    filled = [[*box[:6], *[0, 0, 0, "manual", 0.0, 0][len(box[:6]) :]] for box in boxes]
    frame = pd.DataFrame(filled, columns=BOX, index=range(1, len(boxes) + 1), dtype=object)
    classes = _classes(path, content.get("class_list"))
    tomogram = belongs_to(path, _stated(path), tomograms)
    rows = pd.DataFrame({name: frame[name].astype("float64") for name in COORDINATES})
    if content.get("apix_unbin") is not None:
        scale, centre = _scale(path, tomogram, content["apix_unbin"], tomograms)
        rows[list(COORDINATES)] = rows[list(COORDINATES)].to_numpy() * scale + centre
    labels = numbers(path, frame["number"], "class", "box")
    rows["score"] = numbers(path, frame["score"], "score", "box")
    rows["class"] = [classes.get(int(label), (f"particles_{int(label):02d}", None))[0] for label in labels]
    rows[METHOD] = frame[METHOD].astype("str")
    rows[BOX_SIZE] = [classes.get(int(label), ("", None))[1] for label in labels]
    if rows[BOX_SIZE].isna().all():
        rows = rows.drop(columns=BOX_SIZE)
    rows["tomogram"] = tomogram
    return ObjectTable(rows.reset_index(drop=True), tomograms)


def write(table: ObjectTable, path: str | Path, options: Writing | None = None) -> None:
    """Write the boxes of one tomogram; whatever else an info file of that name holds stays.

    Raises
    ------
    UserError
        Several tomograms, an unknown size, an object without position, an existing file that is no info file, full
        disk.
    """
    options = options or Writing()
    tomogram = only_tomogram(table, "An EMAN2 info file")
    content: dict[str, Any] = {}
    if Path(path).is_file():
        content = read_json(path)
        if not isinstance(content, dict):
            raise UserError(f"{path} exists and is no EMAN2 info file: write to another name.")
        note(f"{path} existed: its boxes and classes are replaced, everything else in it stays.")
    rows = table.rows
    kept = content.get("apix_unbin")
    unbinned = options.apix_unbin or (float(kept or 0.0) if is_number(kept) else 0.0)
    if tomogram:
        geometry = table.tomograms.get(tomogram)
        unbinned = unbinned or (float(geometry.voxel_size[2]) if geometry else 0.0)
    if len(rows):
        table.per_row("shape")  # says which tomogram is not known
        scale, centre = _scale(path, tomogram, unbinned, table.tomograms)
        places = (positions(table) - centre) / scale
    else:
        places = np.empty((0, 3))
    names = sorted(rows["class"].unique())
    numbered = {name: number for number, name in enumerate(names)}
    methods = rows[METHOD].replace("", "manual") if METHOD in rows else pd.Series("manual", index=rows.index)
    content["apix_unbin"] = unbinned or 1.0
    content["boxes_3d"] = [
        [*place, str(method), float(score), numbered[name]]
        for place, method, score, name in zip(
            places.round(4).tolist(), methods, rows["score"].fillna(0.0), rows["class"], strict=True
        )
    ]
    sizes = pd.to_numeric(rows[BOX_SIZE], errors="coerce") if BOX_SIZE in rows else pd.Series(np.nan, index=rows.index)
    largest = sizes.groupby(rows["class"]).max().fillna(options.box_size)
    content["class_list"] = {
        str(number): {"boxsize": int(largest.get(name, options.box_size)), "name": name}
        for name, number in numbered.items()
    }
    write_text(Path(path), json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def recognised(head: Head) -> int:
    """A JSON object with boxes_3d or class_list; they may stand after much else."""
    if not begins_as_object(head):
        return 0
    if '"boxes_3d"' in head.text or ('"class_list"' in head.text and '"boxsize"' in head.text):
        return 3
    return 2 if '"apix_unbin"' in head.text or '"tlt_params"' in head.text else 0


def _stated(path: str | Path) -> str:
    """The tomogram in a file's name: `info/<tomogram>_info.json`; nothing where it is not called so."""
    stem = Path(path).stem
    return stem.removesuffix("_info") if stem.endswith("_info") else ""


def _classes(path: str | Path, listed: Any) -> dict[int, tuple[str, Any]]:
    found = {}
    for key, entry in (listed if isinstance(listed, dict) else {}).items():
        if not str(key).lstrip("-").isdigit() or not isinstance(entry, dict):
            raise UserError(f"{path}: class {quoted(key)} in 'class_list' is not a number with a name and a boxsize.")
        size = entry.get("boxsize")
        found[int(key)] = (str(entry.get("name") or f"particles_{int(key):02d}"), size if is_number(size) else None)
    return found


def _scale(
    path: str | Path, tomogram: str, unbinned: Any, tomograms: Mapping[str, TomogramGeometry]
) -> tuple[np.ndarray, np.ndarray]:
    """Voxels per unbinned pixel and the voxel that EMAN2 counts from, each (x, y, z)."""
    try:
        pixel = float(unbinned)
    except (TypeError, ValueError):
        pixel = 0.0
    if not 0 < pixel < np.inf:
        raise UserError(f"{path} has apix_unbin = {quoted(unbinned)}, which is no pixel size in Å: mend it.")
    if tomogram not in tomograms:
        what = f"{path} counts from the centre of tomogram {tomogram!r}, whose size is not known"
        raise UnknownTomogram(what, tomogram)
    geometry = tomograms[tomogram]
    return pixel / np.array(geometry.voxel_size[::-1]), np.array(geometry.shape[::-1]) // 2


FORMAT = Format(
    name="eman2",
    title="EMAN2 info JSON",
    suffixes=(".json",),
    carries=frozenset({"classes", "scores", "fractions"}),
    unit="Pixels of the unbinned tilt series (apix_unbin).",
    origin="From voxel size // 2 of the tomogram.",
    orientation="",
    recognised=recognised,
    read=read,
    write=write,
    writing=Writing,
    keeps=lambda column: column in (METHOD, BOX_SIZE),
    file_name="{table}_info",
    how_to_import="Put {file} into the EMAN2 project as info/<tomogram>_info.json, where the tomogram's name ends "
    "before its first two underscores. If EMAN2 already has that file, write over it from here: tilt angles "
    "and defocus stay. The unbinned pixel size must be the project's.",
)
