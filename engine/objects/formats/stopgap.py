"""STOPGAP motive lists: a STAR file with the block `stopgap_motivelist` of 16 columns.

Units and origin: `orig_x/y/z` + `x/y/z_shift` in voxels of the tomogram (the one that STOPGAP works in), 1-based: 1 is
the centre of the first voxel,

    voxel = orig + shift − 1.

Reading gives the whole position and keeps `orig_x/y/z` as further columns; writing takes the shift from there, so that
subtomograms that were extracted at `orig` stay where they are. Where there is none, or it is further away than
`FARTHEST` (the table was binned, say), `orig` is the nearest whole voxel and the shift the rest.

Orientation: phi, psi, the (`engine.objects.orientations`). Source: STOPGAP's `sg_get_motl_fields.m`,
`extract_parse_subtomo_positions.m`; its fast reader takes exactly 16 columns, in this order, and no comments.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from engine.atomic import write_text
from engine.objects.formats.class_names_given import NamesOfClasses, named
from engine.objects.formats.class_numbers import NumbersOfClasses, class_numbers
from engine.objects.formats.format import Format, Head
from engine.objects.formats.given_angles import sensible_angles
from engine.objects.formats.needed_geometry import used
from engine.objects.formats.notes import note
from engine.objects.formats.positions import angles_and_known, positions
from engine.objects.formats.star_files import block_of, labels_of, read_blocks
from engine.objects.formats.tomogram_names import match_names
from engine.objects.formats.tomogram_numbers import tomogram_numbers
from engine.objects.orientations import (
    known_angles,
    relion_from_rotation,
    rotation_from_relion,
    rotation_from_stopgap,
    stopgap_from_rotation,
)
from engine.objects.table import ANGLES, COLUMNS, ObjectTable, TomogramGeometry

BLOCK = "stopgap_motivelist"
ORIGIN = ["orig_x", "orig_y", "orig_z"]
SHIFT = ["x_shift", "y_shift", "z_shift"]
STOPGAP_ANGLES = ["phi", "psi", "the"]
KEPT = ["motl_idx", "tomo_num", "object", "subtomo_num", "halfset", *ORIGIN]
FIELDS = [
    "motl_idx", "tomo_num", "object", "subtomo_num", "halfset", *ORIGIN, "score", *SHIFT, *STOPGAP_ANGLES, "class",
]  # fmt: skip
LINE = "%d %d %d %d %s " + "%.6f " * 10 + "%d\n"
FARTHEST = 32.0
"""Voxels that a shift may have: beyond it `orig` no longer belongs to the object."""


class Reading(NamesOfClasses):
    """How motive lists are read."""


class Writing(NumbersOfClasses):
    """How motive lists are written."""


DEFAULT_READING, DEFAULT_WRITING = Reading(), Writing()


def read(
    path: str | Path, tomograms: Mapping[str, TomogramGeometry], options: Reading = DEFAULT_READING
) -> ObjectTable:
    """Read a motive list.

    Parameters
    ----------
    path
        The STAR file.
    tomograms
        Geometry by name; `tomo_num` means the only one whose last number it is, else the tomogram is called like it.
    options
        Names of classes.

    Returns
    -------
    ObjectTable
        Ids are `motl_idx` where those are distinct. motl_idx, tomo_num, object, subtomo_num, halfset and orig_x/y/z
        are further columns.

    Raises
    ------
    UserError
        Not a STAR file, a missing column, text where a number belongs.
    """
    motl = block_of(read_blocks(path), BLOCK)
    motl.require(["tomo_num", *ORIGIN, *SHIFT], f"a STOPGAP motive list has the columns {', '.join(FIELDS)}")
    numbers = motl.numbers(["tomo_num"])[:, 0]
    texts = {number: f"{number:g}" if number % 1 else f"{number:.0f}" for number in np.unique(numbers)}
    match = match_names(texts.values(), tomograms)
    names = pd.Series(numbers).map({number: match[text] for number, text in texts.items()}).astype("str")
    rows = pd.DataFrame(motl.numbers(ORIGIN) + motl.numbers(SHIFT) - 1.0, columns=["x", "y", "z"])
    rows["tomogram"] = names
    rows["class"] = named(motl.numbers(["class"])[:, 0], options) if "class" in motl.rows else "particle"
    angles = np.full((len(motl), 3), np.nan)
    if motl.has(STOPGAP_ANGLES):
        given = sensible_angles(motl.numbers(STOPGAP_ANGLES), path, STOPGAP_ANGLES)
        known = known_angles(given)
        angles[known] = relion_from_rotation(rotation_from_stopgap(given[known])) if known.any() else 0.0
    rows[list(ANGLES)] = angles
    if "score" in motl.rows:
        rows["score"] = motl.numbers(["score"])[:, 0]
    for name in motl.rows.columns:
        if name in ("halfset",) or (name not in FIELDS and name not in COLUMNS):
            rows[name] = motl.rows[name].to_numpy()
        elif name in KEPT:
            values = motl.numbers([name])[:, 0]
            whole = np.isfinite(values).all() and (values % 1 == 0).all() and name not in ORIGIN
            rows[name] = values.astype(np.int64) if whole else values
    if "motl_idx" in rows and rows["motl_idx"].dtype == np.int64 and rows["motl_idx"].is_unique:
        rows["id"] = rows["motl_idx"]
    return ObjectTable(rows, used(names, tomograms))


def write(table: ObjectTable, path: str | Path, options: Writing = DEFAULT_WRITING) -> None:
    """Write a motive list of 16 columns.

    motl_idx and subtomo_num are those the table came with, else the ids; tomo_num likewise, else the last number in the
    tomogram's name or a running number (a note says which); object is 1, halfset alternates between A and B.

    Raises
    ------
    UserError
        An object without position, full disk.
    """
    rows = table.rows
    whole = positions(table) + 1.0
    nearest = np.round(whole)
    origin = nearest
    if set(ORIGIN) <= set(rows.columns):
        listed = rows[ORIGIN].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
        near = (np.abs(whole - listed) <= FARTHEST).all(axis=1)
        origin = np.where(near[:, None], listed, nearest)
    angles, known = angles_and_known(table)
    if len(rows):
        angles = stopgap_from_rotation(rotation_from_relion(angles))
        angles[~known] = 0.0
    motl = pd.DataFrame(index=rows.index)
    motl["motl_idx"] = _whole(rows, "motl_idx", rows["id"].to_numpy(), distinct=True)
    motl["tomo_num"] = _tomogram_numbers(table)
    motl["object"] = _whole(rows, "object", np.ones(len(rows), dtype=np.int64))
    motl["subtomo_num"] = _whole(rows, "subtomo_num", motl["motl_idx"].to_numpy())
    motl["halfset"] = _halfsets(rows)
    motl[ORIGIN] = origin
    motl["score"] = rows["score"].fillna(0.0)
    motl[SHIFT] = whole - origin
    motl[STOPGAP_ANGLES] = angles
    motl["class"] = class_numbers(rows["class"], "STOPGAP", options)
    _say_what_is_lost(table, known)
    header = "".join(f"_{name}\n" for name in FIELDS)
    # By hand: three times as fast as to_csv, and lists of 100,000 are common.
    body = "".join(LINE % row for row in zip(*(motl[name].tolist() for name in FIELDS), strict=True))
    write_text(Path(path), f"\ndata_{BLOCK}\n\nloop_\n{header}\n{body}")


def recognised(head: Head) -> int:
    """3 with the block of a motive list, 2 with its columns under another name."""
    labels = labels_of(head)
    return 3 if f"data_{BLOCK}" in labels else 2 if {"tomo_num", "motl_idx", *ORIGIN} <= labels else 0


def _whole(rows: pd.DataFrame, name: str, default: np.ndarray, distinct: bool = False) -> np.ndarray:
    """A further column as whole numbers where all of it are (and distinct, if asked), else the default."""
    if name not in rows:
        return default
    values = pd.to_numeric(rows[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    good = (
        np.isfinite(values).all()
        and (values % 1 == 0).all()
        and (not distinct or len(np.unique(values)) == len(values))
    )
    return values.astype(np.int64) if good else default


def _tomogram_numbers(table: ObjectTable) -> np.ndarray:
    rows = table.rows
    if "tomo_num" in rows and len(rows):
        numbers = _whole(rows, "tomo_num", np.zeros(0, dtype=np.int64))
        pairs = pd.DataFrame({"tomogram": rows["tomogram"].to_numpy(), "number": numbers}) if len(numbers) else None
        if pairs is not None:
            pairs = pairs.drop_duplicates()
            if pairs["tomogram"].is_unique and pairs["number"].is_unique:
                return numbers
    return rows["tomogram"].map(tomogram_numbers(rows["tomogram"], FORMAT.title)).to_numpy(dtype=np.int64)


def _halfsets(rows: pd.DataFrame) -> np.ndarray:
    alternating = np.where(np.arange(len(rows)) % 2 == 0, "A", "B")
    if "halfset" not in rows:
        return alternating
    listed = rows["halfset"].astype("object").where(rows["halfset"].notna(), "").astype("str").to_numpy()
    good = np.array([bool(text) and not any(c.isspace() or c in "\"'#" for c in text) for text in listed], dtype=bool)
    return np.where(good, listed, alternating)


def _say_what_is_lost(table: ObjectTable, known: np.ndarray) -> None:
    rows = table.rows
    if not known.all():
        note(f"{(~known).sum()} objects have no orientation: STOPGAP gets phi, psi, the = 0 0 0 for them.")
    if rows["score"].isna().any():
        note(f"{rows['score'].isna().sum()} objects have no score: STOPGAP gets 0 for them.")
    foreign = [str(name) for name in rows.columns if name not in COLUMNS and name not in KEPT]
    if foreign:
        note(f"Not written, because STOPGAP has no place for them: {', '.join(foreign)}.")


FORMAT = Format(
    name="stopgap",
    title="STOPGAP motive list",
    suffixes=(".star",),
    carries=frozenset(
        {"orientations", "classes", "scores", "ids", "fractions", "several tomograms", "further columns"}
    ),
    unit="Voxels of the tomogram.",
    origin="1 is the centre of the first voxel; orig_x/y/z + x/y/z_shift is the position.",
    orientation="phi, psi, the: turns about the fixed axes z, x, z by phi, the, psi (degrees).",
    recognised=recognised,
    read=read,
    write=write,
    reading=Reading,
    writing=Writing,
    file_name="{table}_motl",
    how_to_import=(
        "Put {file} into the folder lists/ of your STOPGAP project and name it as motl_name in the parameter file; the "
        "numbers in tomo_num must be those of your wedge list and tomogram list.\n"
        "The positions are in voxels of the tomograms here: extract subtomograms from the same binning."
    ),
)
