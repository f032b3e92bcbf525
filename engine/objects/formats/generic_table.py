"""CSV and spreadsheets of other programs: which of their columns is which of ours, in which unit, from which voxel.

Reading: the mapping of columns is given, or guessed from spellings; everything else in the table is kept as further
columns. Units are voxels, Å or nanometres (these need the voxel size of the tomogram); the first voxel is 0 or 1.
Angles are RELION's rot, tilt, psi in degrees. Without a header, three columns of numbers are x, y, z, four are x, y,
z and a score. One value that is no number where one belongs refuses the whole file, with its row and column.

Writing: CSV is what `csv_table` writes (the project's own storage); a spreadsheet has the same columns.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from engine.errors import UserError
from engine.objects.formats import csv_table
from engine.objects.formats.format import Carried, Format, Head, head_of
from engine.objects.formats.given_angles import sensible_angles
from engine.objects.formats.needed_geometry import per_object
from engine.objects.formats.number_lines import numbers
from engine.objects.formats.one_tomogram import belongs_to
from engine.objects.formats.options import NoOptions, Options
from engine.objects.formats.positions import refuse_lost
from engine.objects.formats.tables_of_text import columns_of_text, guess_separator, has_header
from engine.objects.formats.tomogram_names import match_names
from engine.objects.formats.workbooks import is_workbook, read_sheet, sheet_names, write_sheet
from engine.objects.table import ANGLES, COLUMNS, COORDINATES, ObjectTable, TomogramGeometry

SPELLINGS: dict[str, tuple[str, ...]] = {
    "x": ("{}", "coord{}", "coordinate{}", "{}coord", "{}coordinate", "{}voxel", "{}px", "{}pixel", "{}angstrom",
          "{}nm", "pos{}", "{}pos", "center{}", "centre{}", "rlncoordinate{}", "location{}"),
    "tomogram": ("tomogram", "tomo", "tomoname", "tomogramname", "tomoid", "rlntomoname", "rlnmicrographname", "run",
                 "runname", "micrograph", "experiment", "tomoidx", "series"),
    "class": ("class", "classname", "type", "label", "particletype", "particle", "objectname", "species", "classlabel"),
    "rot": ("rot", "anglerot", "rlnanglerot"),
    "tilt": ("tilt", "angletilt", "rlnangletilt"),
    "psi": ("psi", "anglepsi", "rlnanglepsi"),
    "score": ("score", "cc", "ccc", "lccmax", "rlnlccmax", "confidence", "probability", "autopickfigureofmerit"),
    "size": ("size", "voxels", "clustersize", "volume", "sizevoxels"),
    "id": ("id",),
}  # fmt: skip
"""How other programs spell columns, in small letters without signs; those of y and z are made from those of x."""
FIELDS = ("x", "y", "z", "tomogram", "class", "rot", "tilt", "psi", "score", "size")
"""Our columns that an option maps; `<field>_column` is the option."""
NANOMETRE = 10.0
SHEET = "Objects"
PREVIEW_ROWS = 5


def _mapped(what: str) -> Any:
    return Field(default="", title=f"Column of {what}", description=f"Their column for {what}; empty guesses it.")


class Reading(Options):
    """Reading a table of another program."""

    x_column: str = _mapped("x")
    y_column: str = _mapped("y")
    z_column: str = _mapped("z")
    tomogram_column: str = _mapped("the tomogram")
    class_column: str = _mapped("the class")
    rot_column: str = _mapped("rot")
    tilt_column: str = _mapped("tilt")
    psi_column: str = _mapped("psi")
    score_column: str = _mapped("the score")
    size_column: str = _mapped("the size")
    unit: Literal["voxel", "angstrom", "nanometre"] = Field(
        default="voxel", title="Unit", description="Of x, y and z; Å and nanometres need the tomogram's voxel size."
    )
    first_voxel: Literal["0", "1"] = Field(
        default="0",
        title="First voxel",
        description="The number of the first voxel; in Å and nanometres that of its centre over the voxel size.",
        json_schema_extra={"unit": "voxel"},
    )
    sheet: str = Field(default="", title="Sheet", description="Of a spreadsheet; empty takes the first one.")


def columns_of(path: str | Path, rows: int = PREVIEW_ROWS, sheet: str = "") -> tuple[list[str], list[list[str]]]:
    """The names of a table's columns and its first rows as text, for a mapping dialog.

    Raises
    ------
    UserError
        Not a table that can be read.
    """
    frame = _cells(path, sheet, rows)
    shown = frame.astype("object").where(frame.notna(), "")
    return [str(name) for name in frame.columns], [[str(cell) for cell in row] for row in shown.to_numpy().tolist()]


def guess_mapping(path: str | Path, sheet: str = "") -> dict[str, str]:
    """Which of the table's columns is which of ours, as the options of reading: {"x_column": "X (px)", …}.

    All options are there; "" where no column looks right.

    Raises
    ------
    UserError
        Not a table that can be read.
    """
    guessed = _guess([str(name) for name in _cells(path, sheet, 1).columns])
    return {f"{field}_column": guessed.get(field, "") for field in FIELDS}


def read(path: str | Path, tomograms: Mapping[str, TomogramGeometry], options: Reading | None = None) -> ObjectTable:
    """Read a CSV table or a spreadsheet.

    Parameters
    ----------
    path
        The file; which of the two it is, is told by its content.
    tomograms
        Geometry by name. Names in the table are matched with them; a table without such a column belongs to the only
        one given, or the one that its own name ends with.
    options
        Mapping of columns, unit, first voxel.

    Raises
    ------
    UserError
        No table, a column that is not there, a value that is no number (with row and column), no way to tell the
        tomogram, a voxel size that is needed and not known.
    """
    options = options or Reading()
    frame = _cells(path, options.sheet)
    chosen = _chosen(path, [str(name) for name in frame.columns], options)
    rows = pd.DataFrame(index=frame.index)
    for field in ("x", "y", "z", *ANGLES, "score", "size"):
        if field in chosen:
            rows[field] = _number_column(path, frame, chosen[field], needed=field in COORDINATES)
    refuse_lost(path, rows, COORDINATES, "row")
    if "id" in chosen:
        ids = _ids(frame[chosen["id"]])
        if ids is None:
            del chosen["id"]
        else:
            rows["id"] = ids
    if set(ANGLES) <= set(rows):
        rows[list(ANGLES)] = sensible_angles(rows[list(ANGLES)].to_numpy(), path, ANGLES)
    rows["class"] = _text(frame[chosen["class"]]) if "class" in chosen else "particle"
    if "tomogram" in chosen:
        listed = _text(frame[chosen["tomogram"]])
        rows["tomogram"] = listed.map(match_names(listed.unique(), tomograms))
    else:
        rows["tomogram"] = belongs_to(path, "", tomograms)
    if options.unit != "voxel" and len(rows):
        voxels = per_object(path, rows["tomogram"], tomograms, "voxel_size")
        rows[list(COORDINATES)] *= (NANOMETRE if options.unit == "nanometre" else 1.0) / voxels
    rows[list(COORDINATES)] -= float(options.first_voxel)
    used_columns = set(chosen.values())
    for name in frame.columns:
        if name not in used_columns:
            own = str(name) if str(name) not in COLUMNS else f"{name} (list)"
            rows[own] = _kept(frame[name])
    return ObjectTable(rows.reset_index(drop=True), tomograms)


def write_csv(table: ObjectTable, path: str | Path, options: NoOptions | None = None) -> None:
    """Write all columns as CSV; see `csv_table.write`."""
    csv_table.write(table, path)


def write_xlsx(table: ObjectTable, path: str | Path, options: NoOptions | None = None) -> None:
    """Write all columns to the sheet "Objects" of a workbook; what is not known is an empty cell.

    Raises
    ------
    UserError
        More objects than a sheet has rows, full disk.
    """
    columns = []
    for name in table.rows.columns:
        cells = table.rows[name].astype("object")
        columns.append(cells.where(table.rows[name].notna(), None).tolist())
    write_sheet(path, SHEET, [str(name) for name in table.rows.columns], zip(*columns, strict=True))


def recognised_csv(head: Head) -> int:
    """2 with a header that has x, y and z in some spelling, 1 for three or four columns of numbers without one."""
    if b"\x00" in head.raw or is_workbook(head) or head.text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[", "<"):
        return 0
    text = head.text
    if re.search(r"(?m)^\s*(data_|loop_)", text):
        return 0
    first = next((line for line in text.lstrip("\ufeff").split("\n") if line.strip() and line[0] != "#"), "")
    separator = guess_separator(text)
    words = first.split() if separator == " " else [word.strip(' "\r') for word in first.split(separator)]
    if has_header(text, separator):
        return 2 if set(COORDINATES) <= set(_guess(words)) else int(head.suffix == ".csv" and len(words) > 2)
    return 1 if len(words) in (3, 4) and head.suffix in (".csv", ".tsv", ".txt", ".coords", ".xyz") else 0


def recognised_xlsx(head: Head) -> int:
    """A workbook whose first sheet has x, y and z in its first row."""
    if not is_workbook(head):
        return 0
    names = sheet_names(head.path, strict=False)
    if not names:
        return 0
    try:
        columns, _ = read_sheet(head.path, names[0], most=1)
    except UserError:
        return 1
    return 2 if set(COORDINATES) <= set(_guess(columns)) else 1


def _cells(path: str | Path, sheet: str, most: int | None = None) -> pd.DataFrame:
    """The table; the index is the row counted from 1 after the header."""
    if not is_workbook(head_of(path)):
        return columns_of_text(path, most=most)
    names, cells = read_sheet(path, sheet, most)
    distinct: list[str] = []
    for number, name in enumerate(names, 1):
        name = name.strip() or f"column {number}"
        distinct.append(name if name not in distinct else f"{name} {number}")
    frame = pd.DataFrame(cells, columns=distinct, index=range(1, len(cells) + 1), dtype=object)
    return frame.loc[frame.notna().any(axis=1)]


def _plain(name: str) -> str:
    """A column's name without signs and units: `X (Å)` → `x`, `Coordinate_X` → `coordinatex`."""
    bare = re.sub(r"[(\[].*?[)\]]", "", name)
    return re.sub(r"[^a-z0-9]+", "", bare.lower())


def _guess(columns: list[str]) -> dict[str, str]:
    """Their column of each of ours, as far as one looks right."""
    if columns and all(re.fullmatch(r"column \d+", name) for name in columns):
        return dict(zip(("x", "y", "z", "score"), columns, strict=False)) if len(columns) in (3, 4) else {}
    plain: dict[str, str] = {}
    for name in columns:
        plain.setdefault(_plain(name), name)
    found: dict[str, str] = {}
    for field, words in _spellings().items():
        match = next((plain[word] for word in words if word in plain), None)
        if match is not None and match not in found.values():
            found[field] = match
    return found


def _spellings() -> dict[str, list[str]]:
    axes = {axis: [word.format(axis) for word in SPELLINGS["x"]] for axis in COORDINATES}
    return axes | {field: list(words) for field, words in SPELLINGS.items() if field != "x"}


def _chosen(path: str | Path, columns: list[str], options: Reading) -> dict[str, str]:
    """Their column of each of ours, given or guessed."""
    given = {field: getattr(options, f"{field}_column") for field in FIELDS}
    for field, name in given.items():
        if name and name not in columns:
            raise UserError(
                f"{path} has no column {name!r} (chosen for {field}): its columns are {', '.join(columns)}."
            )
    claimed = {name for name in given.values() if name}
    guessed = {field: name for field, name in _guess(columns).items() if name not in claimed}
    chosen = {**guessed, **{field: name for field, name in given.items() if name}}
    missing = [axis for axis in COORDINATES if axis not in chosen]
    if missing:
        raise UserError(
            f"{path} has no column {missing[0]!r}: say which of its columns ({', '.join(columns[:12])}) are x, y "
            "and z, or give it a header line."
        )
    if not set(ANGLES) <= set(chosen):
        chosen = {field: name for field, name in chosen.items() if field not in ANGLES}
    return chosen


def _text(cells: pd.Series) -> "pd.Series[str]":
    """Cells as text: whole numbers of a spreadsheet without a point, so that tomogram 24 is "24"."""

    def shown(cell: Any) -> str:
        if cell is None or (isinstance(cell, float) and np.isnan(cell)):
            return ""
        return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)

    return pd.Series([cell if isinstance(cell, str) else shown(cell) for cell in cells], index=cells.index, dtype="str")


def _ids(cells: pd.Series) -> pd.Series | None:
    """Whole numbers, exactly; None where there is something else, which is a name and no id of ours."""
    text = _text(cells).str.strip().str.replace(r"\.0+$", "", regex=True)
    if not text.str.fullmatch(r"-?\d{1,18}|").all():
        return None
    return pd.Series([int(word) if word else None for word in text], index=cells.index, dtype=object)


def _number_column(path: str | Path, frame: pd.DataFrame, name: str, needed: bool) -> np.ndarray:
    text = _text(frame[name]).str.strip()
    empty = (text == "").to_numpy()
    if needed and empty.any():
        raise UserError(
            f"{path}, row {frame.index[int(empty.argmax())]}, column {name}: it is empty, give it a number."
        )
    return numbers(path, text.where(~empty, "nan"), f"column {name}")


def _kept(cells: pd.Series) -> pd.Series:
    """A further column: numbers where all are numbers, else text."""
    text = _text(cells).str.strip()
    unknown = text.str.lower().isin(["", "nan"])
    found = pd.to_numeric(text.where(~unknown), errors="coerce")
    return _text(cells) if (found.isna() & ~unknown).any() else found


_CARRIES: frozenset[Carried] = frozenset(
    {"orientations", "classes", "scores", "sizes", "ids", "fractions", "several tomograms", "further columns"}
)
_UNIT = "Voxels of the tomogram when written; voxels, Å or nanometres when read."
_ORIGIN = "The centre of the first voxel is 0 when written; 0 or 1 when read."
_ORIENTATION = "rot, tilt, psi (ZYZ, degrees) as RELION."

CSV = Format(
    name="csv",
    title="CSV",
    suffixes=(".csv",),
    carries=_CARRIES,
    unit=_UNIT,
    origin=_ORIGIN,
    orientation=_ORIENTATION,
    recognised=recognised_csv,
    read=read,
    write=write_csv,
    reading=Reading,
    how_to_import="{file} has a header line; x, y, z are voxels of the tomogram, counted from 0, at voxel centres.",
)
XLSX = Format(
    name="xlsx",
    title="Spreadsheet (XLSX)",
    suffixes=(".xlsx",),
    carries=_CARRIES,
    unit=_UNIT,
    origin=_ORIGIN,
    orientation=_ORIENTATION,
    recognised=recognised_xlsx,
    read=read,
    write=write_xlsx,
    reading=Reading,
    how_to_import="The sheet Objects of {file}; x, y, z are voxels of the tomogram, counted from 0, at voxel centres.",
)
