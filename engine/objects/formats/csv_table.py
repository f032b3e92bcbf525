"""CSV: the object table as it is.

Units and origin: x, y, z in voxels of the tomogram, 0-based, the centre of voxel i at i; rot, tilt, psi as
RELION (ZYZ, degrees); size in voxels. Empty cells are unknown. Numbers are written so that they read back
exactly.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from engine.atomic import write_text
from engine.errors import UserError, explain_os_errors
from engine.objects.table import COORDINATES, NUMBER_COLUMNS, TEXT_COLUMNS, ObjectTable, TomogramGeometry

CONVENTIONS = "x, y, z in voxels of the tomogram, 0-based, voxel centres at whole numbers; angles as RELION."
# Spellings of other programs' columns (this project's simulated truth, PickET's x,y,z tables).
SPELLINGS = {"class_name": "class", "rlnTomoName": "tomogram"}


def write(table: ObjectTable, path: str | Path) -> None:
    """Write all columns, comma-separated, UTF-8, with a header line.

    Raises
    ------
    UserError
        Full disk, missing folder, no permission.
    """
    write_text(Path(path), table.rows.to_csv(index=False, lineterminator="\n"))


def read(path: str | Path, tomograms: Mapping[str, TomogramGeometry]) -> ObjectTable:
    """Read a table.

    Parameters
    ----------
    path
        A CSV file with a header line; x, y, z are needed, all else is optional. `class_name` is taken as
        class.
    tomograms
        Geometry by name. A file without a column `tomogram` belongs to the only one given.

    Raises
    ------
    UserError
        Not a table, a missing column, a value that is no number, no way to tell the tomogram.
    """
    try:
        with explain_os_errors(path, "read"):
            # As text first: "NA" is a fine class name, and ids must not go through floating point.
            rows = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a CSV table: {error}".rstrip(".") + ".") from error
    rows = rows.rename(columns=lambda name: SPELLINGS.get(name.strip(), name.strip()))
    missing = [name for name in COORDINATES if name not in rows]
    if missing:
        raise UserError(f"{path} has no column {missing[0]!r}: a header line with x, y and z is needed.")
    for name in rows.columns:
        if name in TEXT_COLUMNS:
            continue
        text = rows[name].str.strip()
        numbers = pd.to_numeric(text.where(~text.str.lower().isin(["", "nan"])), errors="coerce")
        if name in (*NUMBER_COLUMNS, "id"):
            rows[name] = numbers.where(numbers.notna(), text.where(text.str.lower() != "nan").replace("", None))
        elif not (numbers.isna() & (text != "")).any():
            rows[name] = numbers
    if "tomogram" not in rows:
        if len(tomograms) != 1:
            raise UserError(f"{path} does not say which tomogram its objects are in: choose the tomogram first.")
        rows["tomogram"] = next(iter(tomograms))
    if "class" not in rows:
        rows["class"] = "particle"
    return ObjectTable(rows, tomograms)
