"""DeepFinder's object lists as a spreadsheet: sheet "Object list", columns A–J with a header.

The columns are `Tomo IDX, Object ID, Class label, x, y, z, psi, phi, theta, Cluster size`; units, origin and angles are
those of `deepfinder_xml`. Opening and writing workbooks is `workbooks`.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from engine.errors import UserError
from engine.objects.formats import deepfinder_xml
from engine.objects.formats.class_names_given import NamesOfClasses
from engine.objects.formats.class_numbers import NumbersOfClasses
from engine.objects.formats.format import Format, Head
from engine.objects.formats.workbooks import is_workbook, read_sheet, sheet_names, write_sheet
from engine.objects.table import ObjectTable, TomogramGeometry

SHEET = "Object list"
HEADER = {
    "Tomo IDX": "tomo_idx", "Object ID": "obj_id", "Class label": "class_label", "x": "x", "y": "y", "z": "z",
    "psi": "psi", "phi": "phi", "theta": "the", "Cluster size": "cluster_size",
}  # fmt: skip
_SPELLINGS = {**{header.lower(): name for header, name in HEADER.items()}, **{name: name for name in HEADER.values()}}


def read(
    path: str | Path, tomograms: Mapping[str, TomogramGeometry], options: NamesOfClasses | None = None
) -> ObjectTable:
    """Read the sheet "Object list", or the only one.

    Raises
    ------
    UserError
        No workbook, no such sheet, a missing column, a value that is no number.
    """
    sheets = sheet_names(path)
    if SHEET not in sheets and len(sheets) != 1:
        raise UserError(f"{path} has no sheet {SHEET!r}: it has {', '.join(sheets)}.")
    names, cells = read_sheet(path, SHEET if SHEET in sheets else sheets[0])
    frame = pd.DataFrame(cells, columns=range(len(names)), dtype=object)
    frame.columns = [_SPELLINGS.get(name.strip().lower(), name.strip()) for name in names]
    frame.index = pd.Index(range(2, len(frame) + 2), name="row")
    frame = frame.loc[frame.notna().any(axis=1), ~frame.columns.duplicated()]
    if "class_label" not in frame:
        raise UserError(f"{path} has no column 'Class label': the first row must name the columns as DeepFinder does.")
    return deepfinder_xml.from_columns(path, frame, tomograms, options or NamesOfClasses(), "row")


def write(table: ObjectTable, path: str | Path, options: NumbersOfClasses | None = None) -> None:
    """Write the sheet "Object list".

    Raises
    ------
    UserError
        An object without position, more objects than a sheet has rows, full disk.
    """
    columns = deepfinder_xml.to_columns(table, "DeepFinder", options)
    whole = {"tomo_idx", "obj_id", "class_label", "cluster_size"}
    cells = [
        [None if text == "" else int(text) if name in whole else float(text) for text in columns[name]]
        for name in HEADER.values()
    ]
    write_sheet(path, SHEET, list(HEADER), zip(*cells, strict=True))


def recognised(head: Head) -> int:
    """A workbook with the sheet "Object list"."""
    return 3 if is_workbook(head) and SHEET in sheet_names(head.path, strict=False) else 0


FORMAT = Format(
    name="deepfinder-xlsx",
    title="DeepFinder XLSX",
    suffixes=(".xlsx",),
    carries=deepfinder_xml.FORMAT.carries,
    unit=deepfinder_xml.FORMAT.unit,
    origin=deepfinder_xml.FORMAT.origin,
    orientation=deepfinder_xml.FORMAT.orientation,
    recognised=recognised,
    read=read,
    write=write,
    reading=NamesOfClasses,
    writing=NumbersOfClasses,
    file_name="{table}_objl",
    how_to_import=deepfinder_xml.FORMAT.how_to_import,
)
