"""Coordinates that Ais and Pom write: STAR files, and tables separated by tabs (.tsv).

`ais pick` writes a STAR file with rlnCoordinateX Y Z in voxels of the tomogram, rlnMicrographName without an ending,
and aisParticleSize; oriented picks have rlnAngleRot Tilt Psi (ZYZ, degrees, as RELION). Pom's `astm pick` writes a
table x, y, z, score, tomo, template, its `capp` a table X, Y, Z, features …, tomo. Positions come from indices of
arrays, so the centre of the first voxel is taken to be 0, and aisParticleSize to be a number of voxels; neither is
stated by the programs. The template is the class of a table; a STAR file has none: "particle". All other columns are
kept.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from engine.atomic import write_text
from engine.errors import UserError
from engine.objects.formats.format import Format, Head, head_of
from engine.objects.formats.given_angles import sensible_angles
from engine.objects.formats.needed_geometry import used
from engine.objects.formats.notes import note
from engine.objects.formats.number_lines import numbers
from engine.objects.formats.one_tomogram import belongs_to
from engine.objects.formats.options import NoOptions
from engine.objects.formats.positions import angles_and_known, positions, refuse_lost
from engine.objects.formats.star_files import block_of, labels_of, read_blocks, refuse_bad_names, star_text
from engine.objects.formats.tables_of_text import columns_of_text
from engine.objects.formats.tomogram_names import match_names, plain_name
from engine.objects.table import ANGLES, COLUMNS, COORDINATES, ObjectTable, TomogramGeometry

STAR_COORDINATES = [f"rlnCoordinate{axis}" for axis in "XYZ"]
STAR_ANGLES = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]
NAME, SIZE, CLASS_NAME = "rlnMicrographName", "aisParticleSize", "tomodeckClassName"
SCORE = "tomodeckScore"
TSV = ("x", "y", "z", "score", "tomo", "template")


def read(path: str | Path, tomograms: Mapping[str, TomogramGeometry], options: NoOptions | None = None) -> ObjectTable:
    """Read a STAR file or a table, told by the content.

    Raises
    ------
    UserError
        Neither, a missing column, text where a number belongs (with its line), no way to tell the tomogram.
    """
    rows, names = _star(path) if labels_of(head_of(path)) else _tsv(path)
    if names is None:
        rows["tomogram"] = belongs_to(path, "", tomograms)
    else:
        rows["tomogram"] = names.map(match_names(names.unique(), tomograms)).to_numpy()
    return ObjectTable(rows, used(rows["tomogram"], tomograms))


def write(table: ObjectTable, path: str | Path, options: NoOptions | None = None) -> None:
    """Write a table where the name ends in .tsv or .txt, a STAR file otherwise.

    Raises
    ------
    UserError
        An object without position, a name that STAR cannot hold, full disk.
    """
    rows = table.rows
    places = positions(table)
    names = rows["tomogram"].map({name: plain_name(name) for name in rows["tomogram"].unique()})
    if Path(path).suffix.lower() in (".tsv", ".txt"):
        columns: dict[str, object] = dict(zip(COORDINATES, np.round(places, 4).T, strict=True))
        columns |= {"score": rows["score"], "tomo": names, "template": rows["class"]}
        frame = pd.DataFrame(columns, columns=list(TSV))
        for name in _further(rows):
            frame[name] = rows[name]
        if angles_and_known(table)[1].any() or rows["size"].notna().any():
            note("Tables of Pom hold no orientations and sizes: they are left out; the STAR file has them.")
        write_text(Path(path), frame.to_csv(sep="\t", index=False, lineterminator="\n"))
        return
    refuse_bad_names([*names.unique(), *rows["class"].unique()])
    frame = pd.DataFrame(places, columns=STAR_COORDINATES)
    frame[NAME] = names
    angles, known = angles_and_known(table)
    if known.any():
        if not known.all():
            note(f"{int((~known).sum())} objects without orientation are written with angles 0 0 0.")
        frame[STAR_ANGLES] = angles
    frame[SIZE] = rows["size"]
    frame[CLASS_NAME] = rows["class"]
    if rows["score"].notna().any():
        frame[SCORE] = rows["score"]
    for name in _further(rows):
        # STAR has no way to leave a value out of text.
        if rows[name].notna().all() and pd.api.types.is_numeric_dtype(rows[name]):
            frame[name] = rows[name]
    write_text(Path(path), star_text({"particles": frame}, "30001"))


def recognised(head: Head) -> int:
    """A STAR file with aisParticleSize, or a table with x, y, z and tomo."""
    labels = labels_of(head)
    if labels:
        return 3 if SIZE in labels and set(STAR_COORDINATES) <= labels else 0
    words = head.text.lstrip("\ufeff").split("\n", 1)[0].strip("\r").lower().split("\t")
    return 3 if set(words) >= {"x", "y", "z", "tomo"} else 0


def _further(rows: pd.DataFrame) -> list[str]:
    own = {*COLUMNS, *TSV, *STAR_COORDINATES, *STAR_ANGLES, NAME, SIZE, CLASS_NAME, SCORE}
    return [name for name in rows.columns if name not in own]


def _star(path: str | Path) -> tuple[pd.DataFrame, "pd.Series[str]"]:
    block = block_of(read_blocks(path), "particles", "")
    block.require([*STAR_COORDINATES, NAME], "a list of Ais needs rlnCoordinateX, Y, Z and rlnMicrographName")
    rows = pd.DataFrame(block.numbers(STAR_COORDINATES), columns=list(COORDINATES), index=block.lines)
    refuse_lost(path, rows, COORDINATES, "line")
    rows = rows.reset_index(drop=True)
    if block.has(STAR_ANGLES):
        rows[list(ANGLES)] = sensible_angles(block.numbers(STAR_ANGLES), path, STAR_ANGLES)
    for label, column in ((SIZE, "size"), (SCORE, "score")):
        if label in block.rows:
            rows[column] = block.numbers([label])[:, 0]
    rows["class"] = block.text(CLASS_NAME).to_numpy() if CLASS_NAME in block.rows else "particle"
    taken = {*STAR_COORDINATES, *STAR_ANGLES, NAME, SIZE, CLASS_NAME, SCORE}
    for name in block.rows.columns:
        if name not in taken and name not in rows:
            rows[name] = block.rows[name].to_numpy()
    return rows, block.text(NAME)


def _tsv(path: str | Path) -> tuple[pd.DataFrame, "pd.Series[str] | None"]:
    frame = columns_of_text(path, "\t")
    frame = frame.rename(columns={name: name.lower() for name in frame.columns if name.lower() in TSV})
    missing = [name for name in COORDINATES if name not in frame]
    if missing:
        raise UserError(
            f"{path} has no column {missing[0]!r}: a table of Pom needs x, y, z and tomo, with tabs between."
        )
    rows = pd.DataFrame({name: numbers(path, frame[name], f"column {name}") for name in COORDINATES})
    rows.index = frame.index
    refuse_lost(path, rows, COORDINATES, "row")
    rows = rows.reset_index(drop=True)
    if "score" in frame:
        rows["score"] = numbers(path, frame["score"].replace("", "nan"), "column score")
    rows["class"] = frame["template"].to_numpy() if "template" in frame else "particle"
    for name in frame.columns:
        if name not in TSV and name not in rows:
            rows[name] = _kept(frame[name]).to_numpy()
    return rows, frame["tomo"].reset_index(drop=True) if "tomo" in frame else None


def _kept(column: "pd.Series[str]") -> pd.Series:
    """Numbers where all are numbers, else text."""
    found = pd.to_numeric(column.where(column != ""), errors="coerce")
    return column if (found.isna() & (column != "")).any() else found


FORMAT = Format(
    name="ais",
    title="Ais / Pom coordinates",
    suffixes=(".star", ".tsv"),
    carries=frozenset(
        {"orientations", "classes", "scores", "sizes", "fractions", "several tomograms", "further columns"}
    ),
    unit="Voxels of the tomogram; aisParticleSize in voxels.",
    origin="The centre of the first voxel is 0 (not stated by Ais, whose positions are indices of arrays).",
    orientation="rot, tilt, psi (ZYZ, degrees) as RELION.",
    recognised=recognised,
    read=read,
    write=write,
    file_name="{table}_ais",
    how_to_import="Pom: pom summarize --starfile {file} --tomo-column rlnMicrographName, or pom contextualize with the "
    "same file; tomograms are named without ending.",
)
