"""Dynamo tables (.tbl): 35 columns of numbers separated by blanks, without a header.

Columns (https://wiki.dynamo.biozentrum.unibas.ch, "Table convention"): 1 tag, 4–6 dx dy dz (shift from the centre of
the cropped box), 7–9 tdrot tilt narot (ZXZ, degrees), 10 cc, 20 tomogram, 21 region, 22 class, 24–26 x y z. The
position is x + dx. Older and newer tables have 26 to 42 columns.

Where the first voxel is, programs dispute. The converters that people use (dynamo2m, dynamo2relion) take the numbers
as they are, the centre of the first voxel at 0: the default here. Dynamo's page "Volume center" puts the origin at
the corner of the first voxel, its centre at 0.5 (tables that dtcrop writes have x, y, z at halves), and counts voxels
from 1 elsewhere. The option `first_voxel` chooses; 0.5 and 0 differ by half a voxel.

Reading keeps all other columns as `dynamo_<name>`, shifts too. Writing puts them back, and x y z are what remains of
the position without the shift, so that boxes already cropped stay right; without such columns the shift is 0. Scores
are cc, ids are tags. Orientations that are not known become 0 0 0. Tomograms are numbers; the option `catalogue`
names a file that says which number is which, and one is written beside the list.

The package dynamotable is not used: it names no line when a table is broken, and writes 42 columns to a name of its
own.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from engine.errors import UserError
from engine.objects.formats.class_names_given import NamesOfClasses, named
from engine.objects.formats.class_numbers import NumbersOfClasses, class_numbers
from engine.objects.formats.format import Format, Head
from engine.objects.formats.given_angles import sensible_angles
from engine.objects.formats.notes import note
from engine.objects.formats.number_lines import all_numbers, first_lines, read_columns, read_text, write_columns
from engine.objects.formats.positions import angles_and_known, positions, refuse_lost
from engine.objects.formats.tomogram_names import match_names
from engine.objects.formats.tomogram_numbers import tomogram_numbers
from engine.objects.orientations import dynamo_from_rotation, relion_from_rotation, rotation_from_dynamo
from engine.objects.orientations import rotation_from_relion as rotation
from engine.objects.table import ANGLES, COORDINATES, ObjectTable, TomogramGeometry

NAMES = (
    "tag", "aligned_value", "averaged_value", "dx", "dy", "dz", "tdrot", "tilt", "narot", "cc", "cc2", "cpu", "ftype",
    "ymintilt", "ymaxtilt", "xmintilt", "xmaxtilt", "fs1", "fs2", "tomo", "reg", "class", "annotation", "x", "y", "z",
    "dshift", "daxis", "dnarot", "dcc", "otag", "npar", "undefined1", "ref", "sref", "apix", "def", "undefined2",
    "undefined3", "undefined4", "eig1", "eig2",
)  # fmt: skip
FEWEST, USUAL = 26, 35
EULER = ["tdrot", "tilt", "narot"]
SHIFT = ["dx", "dy", "dz"]
# In columns of our table; all others are kept under their own name with this before it.
TAKEN = {"tag", "cc", "tomo", "class", *EULER, *COORDINATES}
OWN = "dynamo_"
DIGITS = 6
FirstVoxel = Literal["0", "0.5", "1"]
_FIRST_VOXEL: Any = Field(
    default="0",
    title="Centre of the first voxel",
    description="The coordinate of the centre of the first voxel: 0 as converters take it, 0.5 as Dynamo's page on "
    "volume centres says, 1 as MATLAB counts.",
    json_schema_extra={"unit": "voxel"},
)


class Reading(NamesOfClasses):
    """Reading a Dynamo table."""

    first_voxel: FirstVoxel = _FIRST_VOXEL
    catalogue: str = Field(
        default="",
        title="Catalogue of tomograms",
        description='A file with lines such as "20 path/to/tomogram.mrc" (.doc) or a volume list (.vll) that says '
        "which tomogram each number in column 20 is; empty takes indices_column20.doc or <list>_tomograms.doc if "
        "one lies beside the list.",
    )


class Writing(NumbersOfClasses):
    """Writing a Dynamo table."""

    first_voxel: FirstVoxel = _FIRST_VOXEL


def read(path: str | Path, tomograms: Mapping[str, TomogramGeometry], options: Reading | None = None) -> ObjectTable:
    """Read a table.

    Parameters
    ----------
    path
        The .tbl file.
    tomograms
        Geometry by name; a number means the only tomogram whose last number it is, unless a catalogue says otherwise.
    options
        First voxel, catalogue, names of classes.

    Raises
    ------
    UserError
        Not such a table, a line or value that is wrong, a catalogue that cannot be read.
    """
    options = options or Reading()
    frame = read_columns(path, range(FEWEST, len(NAMES) + 1), "a Dynamo table", complex_from=FEWEST)
    frame.columns = list(NAMES[: frame.shape[1]])
    refuse_lost(path, frame, [*COORDINATES, *SHIFT, "tomo"], "line")
    frame = frame.reset_index(drop=True)
    shift = frame[SHIFT].to_numpy()
    places = frame[list(COORDINATES)].to_numpy() + shift - float(options.first_voxel)
    rows = pd.DataFrame(places, columns=list(COORDINATES))
    rows["tomogram"] = _tomograms(Path(path), frame["tomo"], tomograms, options.catalogue)
    rows["class"] = named(frame["class"].fillna(0), options)
    angles = sensible_angles(frame[EULER].to_numpy(), path, EULER)
    rows[list(ANGLES)] = relion_from_rotation(rotation_from_dynamo(np.nan_to_num(angles))) if len(frame) else angles
    rows.loc[np.isnan(angles).any(axis=1), list(ANGLES)] = np.nan
    rows["score"] = frame["cc"]
    tags = frame["tag"]
    if tags.notna().all() and (tags % 1 == 0).all() and not tags.duplicated().any():
        rows["id"] = tags.astype(np.int64)
    else:
        note(f"{path} uses tags twice or has none: objects are numbered anew, the tags are in the column {OWN}tag.")
        rows[f"{OWN}tag"] = tags
    for name in frame.columns:
        if name not in TAKEN:
            rows[f"{OWN}{name}"] = _whole(frame[name])
    return ObjectTable(rows, tomograms)


def write(table: ObjectTable, path: str | Path, options: Writing | None = None) -> None:
    """Write a table of 35 columns, or more where the objects came with more.

    Raises
    ------
    UserError
        An object without position, full disk.
    """
    options = options or Writing()
    rows = table.rows
    places = positions(table) + float(options.first_voxel)
    angles, known = angles_and_known(table)
    if not known.all():
        note(f"{int((~known).sum())} objects without orientation are written to the Dynamo table with angles 0 0 0.")
    width = max([USUAL, *(number for number, name in enumerate(NAMES, 1) if f"{OWN}{name}" in rows)])
    columns: dict[str, Any] = {name: np.zeros(len(rows), dtype=np.int64) for name in NAMES[:width]}
    columns["aligned_value"] = columns["averaged_value"] = np.ones(len(rows), dtype=np.int64)
    for name in NAMES[:width]:
        kept = rows.get(f"{OWN}{name}")
        if kept is not None and name not in TAKEN:
            columns[name] = _shown(pd.to_numeric(kept, errors="coerce").fillna(0).to_numpy(dtype=np.float64))
    shift = np.stack([columns[name] for name in SHIFT], axis=1).astype(np.float64)
    euler = dynamo_from_rotation(rotation(angles)) if len(rows) else angles
    for names, values in ((COORDINATES, places - shift), (EULER, euler)):
        columns |= {name: _shown(column) for name, column in zip(names, values.T, strict=True)}
    columns["tag"] = rows["id"].to_numpy()
    columns["cc"] = _shown(rows["score"].fillna(0).to_numpy())
    columns["tomo"] = rows["tomogram"].map(tomogram_numbers(rows["tomogram"], "Dynamo")).to_numpy(dtype=np.int64)
    columns["class"] = class_numbers(rows["class"], "Dynamo", options)
    write_columns(path, pd.DataFrame(columns, columns=list(NAMES[:width])))


def beside(table: ObjectTable, path: Path, options: Writing) -> dict[str, str]:
    """The catalogue: which tomogram each number is."""
    numbers = tomogram_numbers(table.rows["tomogram"], "Dynamo")
    lines = [f"{number} {name}\n" for name, number in sorted(numbers.items(), key=lambda entry: entry[1])]
    return {f"{path.stem}_tomograms.doc": "".join(lines)}


def recognised(head: Head) -> int:
    """26 to 42 numbers in each line."""
    lines = first_lines(head)[:50]
    if not lines or len({len(words) for words in lines}) != 1:
        return 0
    if not FEWEST <= len(lines[0]) <= len(NAMES) or not all(map(all_numbers, lines)):
        return 0
    return 3 if head.suffix == ".tbl" else 2


def read_catalogue(path: str | Path) -> dict[int, str]:
    """The tomogram of each number, from a table map (.doc) or a volume list (.vll).

    Lines "20 path" say number and file; a line that is a file alone is numbered by its place in the list, or by the
    `* index = 20` after it. Lines that begin with # > ! are passed over.

    Raises
    ------
    UserError
        It cannot be read, or names no tomogram.
    """
    found: list[tuple[int, str]] = []
    for line in read_text(path).splitlines():
        line = line.split("#", 1)[0].strip()
        index = re.fullmatch(r"\*\s*index\s*=\s*(\d+)", line)
        numbered = re.fullmatch(r"(\d+)\s+(\S.*)", line)
        if index and found:
            found[-1] = (int(index[1]), found[-1][1])
        elif numbered:
            found.append((int(numbered[1]), numbered[2]))
        elif line and line[0] not in "*>!":
            found.append((len(found) + 1, line))
    if not found:
        raise UserError(f'{path} names no tomogram: a line such as "20 path/to/tomogram.mrc" is needed for each.')
    return dict(found)


def _tomograms(
    path: Path, column: "pd.Series[float]", tomograms: Mapping[str, TomogramGeometry], catalogue: str
) -> "pd.Series[str]":
    for candidate in ("indices_column20.doc", f"{path.stem}_tomograms.doc"):
        if not catalogue and path.with_name(candidate).is_file():
            catalogue = str(path.with_name(candidate))
            note(f"{path}: tomograms are named as in {catalogue}, which lies beside it.")
    files = read_catalogue(catalogue) if catalogue else {}
    listed = {number: files.get(int(number), f"{number:g}") for number in column.fillna(0).unique()}
    missing = [f"{number:g}" for number in listed if int(number) not in files]
    if catalogue and missing:
        note(f"{catalogue} does not name tomogram {', '.join(missing[:10])}: it keeps its number.")
    names = match_names(listed.values(), tomograms)
    return column.fillna(0).map({number: names[text] for number, text in listed.items()})


def _whole(column: "pd.Series[float]") -> pd.Series:
    return column.astype(np.int64) if column.notna().all() and (column % 1 == 0).all() else column


def _shown(column: np.ndarray) -> np.ndarray:
    """Numbers as they are written: rounded, without a negative zero."""
    return np.round(column, DIGITS) + 0.0


FORMAT = Format(
    name="dynamo",
    title="Dynamo table",
    suffixes=(".tbl",),
    carries=frozenset({"orientations", "classes", "scores", "ids", "fractions", "several tomograms"}),
    unit="Voxels of the tomogram.",
    origin="The centre of the first voxel is 0 (as converters take it), or 0.5 or 1 by option; x y z (columns 24–26) "
    "plus the shift dx dy dz (columns 4–6) is the position.",
    orientation="tdrot, tilt, narot (columns 7–9): ZXZ in degrees, the inverse of particle to tomogram.",
    recognised=recognised,
    read=read,
    write=write,
    reading=Reading,
    writing=Writing,
    beside=beside,
    keeps=lambda column: column.removeprefix(OWN) in set(NAMES) - TAKEN and column.startswith(OWN),
    how_to_import="In Dynamo: t = dread('{file}'). Crop with dtcrop and a volume list in which each tomogram has the "
    "index that {file}'s column 20 has; the file ending in _tomograms.doc says which is which. Check the first "
    "particles by eye: half a voxel depends on the option for the centre of the first voxel.",
)
