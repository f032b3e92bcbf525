"""CSV: the object table as it is.

Units and origin: x, y, z in voxels of the tomogram, 0-based, the centre of voxel i at i; rot, tilt, psi as
RELION (ZYZ, degrees); size in voxels. Empty cells are unknown. Numbers are written so that they read back
exactly.
"""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv

from engine.atomic import replacing
from engine.errors import UserError, explain_os_errors
from engine.objects.table import COORDINATES, NUMBER_COLUMNS, TEXT_COLUMNS, ObjectTable, TomogramGeometry

CONVENTIONS = "x, y, z in voxels of the tomogram, 0-based, voxel centres at whole numbers; angles as RELION."
# Spellings of other programs' columns (this project's simulated truth, PickET's x,y,z tables).
SPELLINGS = {"class_name": "class", "rlnTomoName": "tomogram"}
UNKNOWN = ["", "nan", "NaN", "NAN"]


def write(table: ObjectTable, path: str | Path) -> None:
    """Write all columns, comma-separated, UTF-8, with a header line.

    Raises
    ------
    UserError
        Full disk, missing folder, no permission.
    """
    content = as_bytes(table)
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(content)


def as_bytes(table: ObjectTable) -> bytes:
    """What `write` writes. Arrow forms 100,000 rows in a tenth of a second, pandas in two."""
    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerow(table.rows.columns)
    rows = table.rows.copy(deep=False)
    for name in rows.columns:
        if rows[name].dtype == object:  # a further column of mixed kinds is text to Arrow
            rows[name] = rows[name].map(str, na_action="ignore")
    arrow = pa.Table.from_pandas(rows, preserve_index=False)
    content = io.BytesIO()
    try:
        arrow_csv.write_csv(arrow, content, arrow_csv.WriteOptions(include_header=False, quoting_style="none"))
    except pa.ArrowInvalid:  # a name with a comma, a quote or a line break
        content = io.BytesIO()
        arrow_csv.write_csv(arrow, content, arrow_csv.WriteOptions(include_header=False, quoting_style="needed"))
    return header.getvalue().encode() + content.getvalue()


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
    with explain_os_errors(path, "read"):
        raw = Path(path).read_bytes()
    try:
        rows = _plain(raw)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        rows = _row_by_row(path, raw)  # slower, and says what is wrong where
    missing = [name for name in COORDINATES if name not in rows]
    if missing:
        raise UserError(f"{path} has no column {missing[0]!r}: a header line with x, y and z is needed.")
    for name in rows.columns:
        if name in (*TEXT_COLUMNS, *NUMBER_COLUMNS, "id"):
            continue
        text = rows[name].str.strip()
        numbers = pd.to_numeric(text.where(~text.str.lower().isin(["", "nan"])), errors="coerce")
        if not (numbers.isna() & (text != "")).any():
            rows[name] = numbers
    if "tomogram" not in rows:
        if len(tomograms) != 1:
            raise UserError(f"{path} does not say which tomogram its objects are in: choose the tomogram first.")
        rows["tomogram"] = next(iter(tomograms))
    if "class" not in rows:
        rows["class"] = "particle"
    return ObjectTable(rows, tomograms)


def _name(column: str) -> str:
    return SPELLINGS.get(column.strip(), column.strip())


def _plain(raw: bytes) -> pd.DataFrame:
    """A table in which every number is one; ids must not go through floating point, and "NA" is a fine class."""
    first = next(csv.reader([raw.split(b"\n", 1)[0].decode("utf-8-sig").rstrip("\r")]), [])
    if len(set(first)) != len(first) or not first:
        raise pa.ArrowInvalid("no header that is plain")
    kinds = {column: pa.float64() if _name(column) in NUMBER_COLUMNS else pa.string() for column in first}
    kinds |= {column: pa.int64() for column in first if _name(column) == "id"}
    table = arrow_csv.read_csv(
        pa.BufferReader(raw),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(column_types=kinds, null_values=UNKNOWN, strings_can_be_null=False),
    )
    return table.to_pandas().rename(columns=_name)


def _row_by_row(path: str | Path, raw: bytes) -> pd.DataFrame:
    """The same for a table with something unusual in it; what is no number stays text, for the message."""
    try:
        rows = pd.read_csv(io.BytesIO(raw), dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a CSV table: {error}".rstrip(".") + ".") from error
    rows = rows.rename(columns=_name)
    for name in (*NUMBER_COLUMNS, "id"):
        if name in rows:
            text = rows[name].str.strip()
            numbers = pd.to_numeric(text.where(~text.str.lower().isin(["", "nan"])), errors="coerce")
            rows[name] = numbers.where(numbers.notna(), text.where(text.str.lower() != "nan").replace("", None))
    return rows
