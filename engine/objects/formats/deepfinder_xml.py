"""DeepFinder's object lists as XML: `<objlist><object tomo_idx obj_id class_label x y z psi phi the cluster_size/>`.

x, y, z in voxels of the tomogram, 0-based (they index the array), fractions with three digits. phi, psi, the in
degrees: Rz(psi) · Rx(the) · Rz(phi) takes the particle to the tomogram; DeepFinder turns a particle only where all
three are there. class_label, x, y, z are needed, the others optional; cluster_size (voxels) is our size. Tomograms
and classes are numbers. What is written has the attributes in DeepFinder's order and leaves out what is not known.

An XML with a document type (entities, "XML bombs") is refused unread.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import defusedxml
import numpy as np
import pandas as pd
from defusedxml import ElementTree

from engine.atomic import write_text
from engine.errors import UserError, explain_os_errors, quoted
from engine.objects.formats.class_names_given import NamesOfClasses, named
from engine.objects.formats.class_numbers import NumbersOfClasses, class_numbers
from engine.objects.formats.format import Format, Head, head_of
from engine.objects.formats.given_angles import sensible_angles
from engine.objects.formats.notes import note
from engine.objects.formats.number_lines import numbers
from engine.objects.formats.one_tomogram import belongs_to
from engine.objects.formats.positions import angles_and_known, positions, refuse_lost
from engine.objects.formats.tomogram_names import match_names
from engine.objects.formats.tomogram_numbers import tomogram_numbers
from engine.objects.orientations import (
    deepfinder_from_rotation,
    relion_from_rotation,
    rotation_from_deepfinder,
    rotation_from_relion,
)
from engine.objects.table import ANGLES, COORDINATES, ObjectTable, TomogramGeometry

NEEDED = ("class_label", *COORDINATES)
EULER = ("phi", "psi", "the")
ORDER = ("tomo_idx", "obj_id", "class_label", "x", "y", "z", "psi", "phi", "the", "cluster_size")
"""The attributes as DeepFinder writes them."""


def read(
    path: str | Path, tomograms: Mapping[str, TomogramGeometry], options: NamesOfClasses | None = None
) -> ObjectTable:
    """Read a list.

    Parameters
    ----------
    path
        The XML file.
    tomograms
        Geometry by name; tomo_idx means the only tomogram whose last number it is.
    options
        Names of classes.

    Returns
    -------
    ObjectTable
        obj_id as id where it is there for all objects and used once; other attributes as further columns.

    Raises
    ------
    UserError
        Not such a list, a document type in it, a missing attribute, a value that is no number.
    """
    if not head_of(path).text.lstrip("\ufeff \t\r\n").startswith("<"):  # a huge file of something else is not read
        raise UserError(f"{path} is not an XML file: it does not begin with <.")
    with explain_os_errors(path, "read"):
        raw = Path(path).read_bytes()
    try:
        root = ElementTree.fromstring(raw, forbid_dtd=True)
    except defusedxml.DefusedXmlException as error:
        raise UserError(
            f"{path} is refused: it has a document type or entities, which no object list needs and which can harm: "
            "remove them."
        ) from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise UserError(f"{path} is not an XML file that can be read ({error}).") from error
    if root.tag != "objlist":
        raise UserError(f"{path} is no DeepFinder object list: its first element is {quoted(root.tag)}, not 'objlist'.")
    entries = [element.attrib for element in root.iter("object")]
    frame = pd.DataFrame(entries, index=range(1, len(entries) + 1), dtype=object)
    return from_columns(path, frame.rename_axis("object"), tomograms, options or NamesOfClasses(), "object")


def write(table: ObjectTable, path: str | Path, options: NumbersOfClasses | None = None) -> None:
    """Write a list.

    Raises
    ------
    UserError
        An object without position, full disk.
    """
    columns = to_columns(table, "DeepFinder", options)
    texts = []
    for name, values in columns.items():
        attribute = [f' {name}="{value}"' if value != "" else "" for value in values]
        texts.append(attribute)
    lines = ["  <object" + "".join(parts) + "/>\n" for parts in zip(*texts, strict=True)]
    write_text(Path(path), "<objlist>\n" + "".join(lines) + "</objlist>\n")


def recognised(head: Head) -> int:
    """The element objlist."""
    return 3 if "<objlist" in head.text[:4096] else 0


def from_columns(
    path: str | Path,
    frame: pd.DataFrame,
    tomograms: Mapping[str, TomogramGeometry],
    options: NamesOfClasses,
    counted: str,
) -> ObjectTable:
    """A table of DeepFinder's attributes, whatever file they came from.

    Parameters
    ----------
    path
        The file, for messages.
    frame
        One column of text or numbers per attribute; empty or missing = not given. The index is for messages.
    tomograms, options
        As for `read`.
    counted
        What the index counts: "object" or "row".
    """
    missing = [name for name in NEEDED if name not in frame] if len(frame) else []
    if missing:
        raise UserError(
            f"{path} has no {missing[0]} for any object: a DeepFinder list needs class_label, x, y and z of each."
        )
    frame = frame.reindex(columns=list(dict.fromkeys([*frame.columns, *ORDER])))
    given = {
        name: frame[name].where(frame[name].notna() & (frame[name].astype("str").str.strip() != ""), "nan")
        for name in ORDER
    }
    columns = {name: numbers(path, given[name], name, counted) for name in ORDER if name != "tomo_idx"}
    for name in NEEDED:
        empty = np.isnan(columns[name])
        if empty.any():
            raise UserError(f"{path}, {counted} {frame.index[int(np.argmax(empty))]} has no {name}: give it one.")
    rows = pd.DataFrame({name: columns[name] for name in COORDINATES})
    rows.index = frame.index
    refuse_lost(path, rows, COORDINATES, counted)
    rows = rows.reset_index(drop=True)
    rows["class"] = named(columns["class_label"], options)
    rows["size"] = columns["cluster_size"]
    angles = sensible_angles(np.stack([columns[name] for name in EULER], axis=1), path, EULER)
    rows[list(ANGLES)] = _relion(angles, path)
    ids = columns["obj_id"]
    if np.isfinite(ids).all() and (ids % 1 == 0).all() and len(np.unique(ids)) == len(ids):
        rows["id"] = ids.astype(np.int64)
    elif np.isfinite(ids).any():
        rows["obj_id"] = ids
    rows["tomogram"] = _tomograms(path, given["tomo_idx"], tomograms)
    for name in frame.columns:
        if name not in ORDER and name not in rows:
            rows[name] = frame[name].to_numpy()
    return ObjectTable(rows, tomograms)


def to_columns(table: ObjectTable, title: str, options: NumbersOfClasses | None = None) -> dict[str, list[str]]:
    """DeepFinder's attributes in its order as text, "" where not known."""
    rows = table.rows
    places = positions(table)
    angles, known = angles_and_known(table)
    euler = deepfinder_from_rotation(rotation_from_relion(angles)) if len(rows) else angles
    euler = np.where(known[:, None], euler, np.nan)
    numbered = rows["tomogram"].map(tomogram_numbers(rows["tomogram"], title))
    found = {
        "tomo_idx": numbered.astype("str").tolist(),
        "obj_id": rows["id"].astype("str").tolist(),
        "class_label": [str(number) for number in class_numbers(rows["class"], title, options)],
        **{name: _decimals(places[:, axis]) for axis, name in enumerate(COORDINATES)},
        **{name: _decimals(euler[:, axis]) for axis, name in enumerate(EULER)},
        "cluster_size": ["" if np.isnan(size) else f"{size:.0f}" for size in rows["size"]],
    }
    return {name: found[name] for name in ORDER}


def _decimals(values: np.ndarray) -> list[str]:
    return ["" if np.isnan(value) else f"{value:.3f}" for value in np.round(values, 3) + 0.0]


def _relion(angles: np.ndarray, path: str | Path) -> np.ndarray:
    """rot, tilt, psi; NaN where any of phi, psi, the is missing."""
    known = np.isfinite(angles).all(axis=1)
    partly = np.isfinite(angles).any(axis=1) & ~known
    if partly.any():
        note(f"{path} has {int(partly.sum())} objects with one or two of phi, psi, the: they have no orientation.")
    found = np.full(angles.shape, np.nan)
    if known.any():
        found[known] = relion_from_rotation(rotation_from_deepfinder(angles[known]))
    return found


def _tomograms(path: str | Path, given: pd.Series, tomograms: Mapping[str, TomogramGeometry]) -> Any:
    text = given.astype("str").str.strip().str.replace(r"\.0+$", "", regex=True)
    listed = [name for name in text.unique() if name.lower() != "nan"]
    names = match_names(listed, tomograms)
    if len(tomograms) == 1 and len(listed) == 1 and names[listed[0]] not in tomograms:
        names = {listed[0]: belongs_to(path, listed[0], tomograms)}
    if len(listed) < len(text.unique()):
        names["nan"] = belongs_to(path, "", tomograms)
    return text.map(lambda name: names[name if name.lower() != "nan" else "nan"]).to_numpy()


FORMAT = Format(
    name="deepfinder-xml",
    title="DeepFinder XML",
    suffixes=(".xml",),
    carries=frozenset({"orientations", "classes", "sizes", "ids", "fractions", "several tomograms"}),
    unit="Voxels of the tomogram, three decimals; cluster_size in voxels.",
    origin="The centre of the first voxel is 0.",
    orientation="phi, psi, the in degrees: Rz(psi) · Rx(the) · Rz(phi) takes the particle to the tomogram.",
    recognised=recognised,
    read=read,
    write=write,
    reading=NamesOfClasses,
    writing=NumbersOfClasses,
    how_to_import="In DeepFinder: Objl().read('{file}'), or give {file} to target generation. For training, tomo_idx "
    "must be the place of the tomogram in the list of tomograms, from 0: rename the tomograms 0, 1, 2 … if it is not.",
)
