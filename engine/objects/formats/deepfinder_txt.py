"""Object lists as text: DeepFinder's own (`label z y x [size]`) and SHREC's (`name z y x angle angle angle`).

x, y, z in voxels of the tomogram, 0-based, in the order z y x. In DeepFinder's own layout classes are numbers and the
fifth column is the cluster size. SHREC's lists of particle locations have names of classes (PDB ids) and three angles
in degrees. Their meaning is stated nowhere: of the three columns only the second lies within 0 … 180 in real lists,
so it is the tilt `the`; that the first is phi (applied first) and the third psi is assumed, and the option `angles`
chooses the other order or none. The z of SHREC'19 counts within the 200 middle slices of the reconstruction, 156 less
than in its file: the option `z_offset` adds that.

One tomogram per file, which does not say which.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from engine.errors import UserError
from engine.objects.formats.class_names_given import NamesOfClasses, named
from engine.objects.formats.class_numbers import NumbersOfClasses, class_numbers
from engine.objects.formats.format import Format, Head
from engine.objects.formats.given_angles import sensible_angles
from engine.objects.formats.notes import note
from engine.objects.formats.number_lines import all_numbers, first_lines, numbers, read_columns, write_columns
from engine.objects.formats.one_tomogram import belongs_to, only_tomogram
from engine.objects.formats.positions import angles_and_known, positions, refuse_lost
from engine.objects.orientations import (
    deepfinder_from_rotation,
    relion_from_rotation,
    rotation_from_deepfinder,
    rotation_from_relion,
)
from engine.objects.table import ANGLES, ObjectTable, TomogramGeometry

SHREC_WIDTH = 7
WIDTHS = (4, 5, SHREC_WIDTH)


class Reading(NamesOfClasses):
    """Reading a text list."""

    angles: Literal["phi the psi", "psi the phi", "none"] = Field(
        default="phi the psi",
        title="Angles",
        description="What the last three columns of a SHREC list are; none leaves the orientations unknown.",
    )
    z_offset: float = Field(
        default=0.0,
        title="Add to z",
        description="Slices that the list does not count; 156 for SHREC'19.",
        json_schema_extra={"unit": "voxel"},
    )


class Writing(NumbersOfClasses):
    """Writing a text list."""

    layout: Literal["auto", "deepfinder", "shrec"] = Field(
        default="auto",
        title="Layout",
        description="deepfinder: number z y x size; shrec: name z y x phi the psi; auto: shrec where the orientation "
        "of every object is known.",
    )


def read(path: str | Path, tomograms: Mapping[str, TomogramGeometry], options: Reading | None = None) -> ObjectTable:
    """Read either layout, told by the number of columns.

    Raises
    ------
    UserError
        Another number of columns, text where a number belongs (with its line), no way to tell the tomogram.
    """
    options = options or Reading()
    frame = read_columns(path, WIDTHS, "a DeepFinder or SHREC text list", text=(0,))
    refuse_lost(path, frame, (1, 2, 3), "line")
    rows = pd.DataFrame({"z": frame[1] + options.z_offset, "y": frame[2], "x": frame[3]})
    width = frame.shape[1]
    if width == SHREC_WIDTH:
        digits = frame[0].str.fullmatch(r"\d{1,9}").all()
        rows["class"] = named(frame[0].astype("int64"), options) if digits and len(frame) else frame[0]
        if options.angles != "none" and len(frame):
            first, the, third = (frame[column].to_numpy() for column in (4, 5, 6))
            phi, psi = (first, third) if options.angles == "phi the psi" else (third, first)
            euler = sensible_angles(np.stack([phi, psi, the], axis=1), path, ("phi", "psi", "the"))
            rows[list(ANGLES)] = relion_from_rotation(rotation_from_deepfinder(euler))
            note(f"{path}: the angles are taken as {options.angles} (ZXZ), which SHREC's lists do not state.")
    else:
        frame["class label"] = numbers(path, frame[0], "column 1 (class label)", "line")
        refuse_lost(path, frame, ("class label",), "line")
        rows["class"] = named(frame["class label"], options)
        if width == 5:
            rows["size"] = frame[4]
    rows = rows.reset_index(drop=True)
    rows["tomogram"] = belongs_to(path, "", tomograms)
    return ObjectTable(rows, tomograms)


def write(table: ObjectTable, path: str | Path, options: Writing | None = None) -> None:
    """Write the objects of one tomogram.

    Raises
    ------
    UserError
        Objects of several tomograms, no position, classes alike once their names are one word, full disk.
    """
    options = options or Writing()
    only_tomogram(table, "A DeepFinder text list")
    places = positions(table)
    angles, known = angles_and_known(table)
    rows = table.rows
    shrec = options.layout == "shrec" or (options.layout == "auto" and len(rows) > 0 and bool(known.all()))
    frame = pd.DataFrame({"z": places[:, 2], "y": places[:, 1], "x": places[:, 0]}).round(3) + 0.0
    if shrec:
        if not known.all():
            note(f"{int((~known).sum())} objects without orientation are written with angles 0 0 0.")
        phi, psi, the = deepfinder_from_rotation(rotation_from_relion(angles)).T if len(rows) else angles.T
        frame.insert(0, "class", rows["class"].map(_words(rows["class"], options)).to_numpy())
        frame[["phi", "the", "psi"]] = np.round(np.stack([phi, the, psi], axis=1), 3) + 0.0
    else:
        if known.any():
            note("DeepFinder's text layout holds no orientations: they are left out.")
        frame.insert(0, "class", class_numbers(rows["class"], "DeepFinder", options))
        sizes = rows["size"].to_numpy()
        if len(rows) and np.isfinite(sizes).all():
            frame["size"] = sizes.round().astype(np.int64)
        elif np.isfinite(sizes).any():
            note("Sizes are left out: some objects have none.")
    write_columns(path, frame)


def recognised(head: Head) -> int:
    """4, 5 or 7 columns; a name before six numbers is likely SHREC's, four or five numbers may be anything."""
    lines = first_lines(head)[:50]
    if not lines or {len(words) for words in lines} not in ({4}, {5}, {SHREC_WIDTH}):
        return 0
    if not all(all_numbers(words[1:]) for words in lines):
        return 0
    if len(lines[0]) == SHREC_WIDTH and not any(all_numbers(words[:1]) for words in lines):
        return 3
    sizes = [words[4] for words in lines if len(words) == 5]
    return 1 if all(word.isdigit() for word in [*(words[0] for words in lines), *sizes]) else 0


def _words(classes: "pd.Series[str]", options: Writing) -> dict[str, str]:
    """What stands for each class in SHREC's layout: its number where all are "class N", else its name in one word."""
    names = sorted(classes.unique())
    if all(name.startswith("class ") for name in names):
        return dict(zip(names, map(str, class_numbers(pd.Series(names), "SHREC's list", options)), strict=True))
    words = {name: "_".join(re.split(r"[\s,#]+", name.strip())) for name in names}
    if len(set(words.values())) < len(names) or "" in words.values():
        raise UserError(
            "Some classes would have the same name in a SHREC list, which has no blanks, commas or #: rename them, or "
            "choose the layout deepfinder."
        )
    for name, word in words.items():
        if name != word:
            note(f"The class {name!r} is written as {word!r}, since names in a SHREC list are one word.")
    return words


FORMAT = Format(
    name="deepfinder-txt",
    title="DeepFinder text",
    suffixes=(".txt",),
    carries=frozenset({"orientations", "classes", "sizes", "fractions"}),
    unit="Voxels of the tomogram, in the order z y x.",
    origin="The centre of the first voxel is 0.",
    orientation="phi, the, psi in degrees (SHREC's layout only): Rz(psi) · Rx(the) · Rz(phi) takes the particle to the "
    "tomogram.",
    recognised=recognised,
    read=read,
    write=write,
    reading=Reading,
    writing=Writing,
    how_to_import="DeepFinder's reader of text files fails on Python 3.11 and later; prefer the XML.",
)
