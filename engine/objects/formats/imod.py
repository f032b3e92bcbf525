"""IMOD models: binary .mod files, and the text of point2model and model2point.

Coordinates, by IMOD's description of its files ("Model Coordinate Conventions"): pixels of the volume that the model
was drawn on, from 0 to NX in x and 0 to NY in y, but from −0.5 to NZ − 0.5 in z. So the centre of voxel i is at i +
0.5 in x and y, and at i in z: voxel = x − 0.5, y − 0.5, z. That points of older files without the flag for this
follow it too is assumed. A model drawn on a part of a volume counts from that part; where the file says so (MINX),
the difference of origins over the pixel size is added, with a note. A model last seen with Y and Z flipped is read as
it stands, with a note. model2point's text has the same coordinates.

An IMOD object is a class: its name, or "object N". Contours are kept as `imod_contour`. Written models have one
object of scattered points per class; .mod files are read and written by imodmodel, text (.txt) has lines `object
contour x y z`. Text is read as `x y z`, `contour x y z` or `object contour x y z`. One volume per model.
"""

import io
from collections.abc import Mapping
from pathlib import Path

import imodmodel.parsers
import imodmodel.writers
import numpy as np
import pandas as pd
from imodmodel.models import Contour, ImodModel, Object

from engine.atomic import replacing
from engine.errors import UserError, explain_os_errors
from engine.objects.formats.class_names_given import NamesOfClasses, entries
from engine.objects.formats.class_numbers import numbering_sentence
from engine.objects.formats.format import Format, Head
from engine.objects.formats.notes import note
from engine.objects.formats.number_lines import all_numbers, first_lines, read_columns, write_columns
from engine.objects.formats.one_tomogram import belongs_to, only_tomogram
from engine.objects.formats.options import NoOptions
from engine.objects.formats.positions import positions, refuse_lost
from engine.objects.table import COORDINATES, ObjectTable, TomogramGeometry

BEGINNING = b"IMODV1.2"
CENTRE = np.array([0.5, 0.5, 0.0])
"""Where the centre of voxel 0 is in x, y, z."""
CONTOUR = "imod_contour"
TEXT_COLUMNS = {3: [], 4: [CONTOUR], 5: ["object", CONTOUR]}
NAME_BYTES = 64
COLOURS = ((0, 1, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 0, 0), (0, 0, 1), (1, 0.5, 0))
NANOMETRES = -9


def read(
    path: str | Path, tomograms: Mapping[str, TomogramGeometry], options: NamesOfClasses | None = None
) -> ObjectTable:
    """Read all points of all contours; meshes are passed over.

    Parameters
    ----------
    path
        A .mod file or text.
    tomograms
        Geometry by name; the model belongs to the only one, or the one with whose name the file's name ends.
    options
        Names for objects by number, instead of those in the file.

    Raises
    ------
    UserError
        Neither, or a damaged file.
    """
    options = options or NamesOfClasses()
    with explain_os_errors(path, "read"), Path(path).open("rb") as file:
        binary = file.read(4) == BEGINNING[:4]
    frame, names = _model(path) if binary else _text(path)
    names |= entries(options.class_names)
    if not len(frame):
        note(f"{path} is an IMOD model without points: the list is empty.")
    rows = frame[[*COORDINATES, CONTOUR]].copy()
    rows[list(COORDINATES)] -= CENTRE
    rows["class"] = frame["object"].map(lambda number: names.get(int(number), f"object {int(number)}"))
    rows["tomogram"] = belongs_to(path, "", tomograms)
    return ObjectTable(rows.reset_index(drop=True), tomograms)


def write(table: ObjectTable, path: str | Path, options: NoOptions | None = None) -> None:
    """Write the objects of one tomogram: text where the name ends in .txt, a binary model otherwise.

    Raises
    ------
    UserError
        Several tomograms, an object without position, full disk.
    """
    tomogram = only_tomogram(table, "An IMOD model")
    points = positions(table) + CENTRE
    rows = table.rows
    contours = _contours(rows)
    names = _in_order(rows["class"])
    numbered = rows["class"].map({name: number for number, name in enumerate(names, 1)}).to_numpy()
    if Path(path).suffix.lower() == ".txt":
        frame = pd.DataFrame({"object": numbered.astype(np.int64), CONTOUR: contours})
        frame[list(COORDINATES)] = np.round(points, 3) + 0.0
        frame = frame.sort_values(["object", CONTOUR], kind="stable")
        write_columns(path, frame)
        sentence = numbering_sentence("IMOD's text", {name: number for number, name in enumerate(names, 1)})
        if sentence:
            note(sentence)
        return
    model = ImodModel(objects=[])
    for number, name in enumerate(names, 1):
        model.objects.append(_object(name, number, points[numbered == number], contours[numbered == number]))
    header = model.header
    header.flags.z_coordinates_start_from_negative_half = True
    header.flags.model_has_not_been_written = True
    if tomogram in table.tomograms:
        geometry = table.tomograms[tomogram]
        header.zmax, header.ymax, header.xmax = (int(length) for length in geometry.shape)
        header.pixelsize, header.units = float(geometry.voxel_size[2]) / 10.0, NANOMETRES
    with replacing(Path(path)) as temporary, temporary.open("wb") as file:
        imodmodel.writers.write_model(file, model)


def recognised(head: Head) -> int:
    """IMODV1.2 at the beginning, or text that may be `object contour x y z`; three or four numbers may be anything."""
    if head.raw.startswith(BEGINNING):
        return 3
    lines = first_lines(head)[:50]
    if not lines or {len(words) for words in lines} != {5} or not all(map(all_numbers, lines)):
        return 0
    return 1 if all(word.isdigit() for words in lines for word in words[:2]) else 0


class _Whole(io.BytesIO):
    """Bytes that say when they end: imodmodel would wait for its end mark for ever."""

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        if size is not None and len(found) < size:
            raise EOFError("it ends too early")
        return found


def _model(path: str | Path) -> tuple[pd.DataFrame, dict[int, str]]:
    """Points of a binary model and names of objects by number."""
    with explain_os_errors(path, "read"):
        raw = Path(path).read_bytes()
    if not raw.startswith(BEGINNING):
        raise UserError(f"{path} is an IMOD model of another version ({raw[4:8]!r}): save it anew with 3dmod.")
    try:
        _check_contours(raw)
        model = imodmodel.parsers.parse_model(_Whole(raw))
    # The library raises what struct, NumPy and pydantic raise.
    except Exception as error:
        raise UserError(f"{path} is a damaged IMOD model ({str(error).splitlines()[0]}): copy it again.") from error
    if model.header.flags.model_last_viewed_onYZ_flipped_or_rotated:
        note(f"{path} was last seen with Y and Z flipped: check in the viewer that its points lie right.")
    parts = [np.empty((0, 5))]
    for number, thing in enumerate(model.objects, 1):
        for contour_number, contour in enumerate(thing.contours, 1):
            count = len(contour.points)
            where = np.broadcast_to([float(number), float(contour_number)], (count, 2))
            parts.append(np.hstack([where, contour.points.reshape(count, 3)]))
    frame = pd.DataFrame(np.concatenate(parts), columns=["object", CONTOUR, *COORDINATES])
    frame[["object", CONTOUR]] = frame[["object", CONTOUR]].astype(np.int64)
    shift = _shift(model)
    if shift.any():
        said = ", ".join(f"{value:g}" for value in shift)
        note(f"{path} was drawn on a part of its volume: {said} pixels (x, y, z) are added to its points.")
        frame[list(COORDINATES)] += shift
    names = {number: thing.header.name for number, thing in enumerate(model.objects, 1) if thing.header.name}
    return frame, names


def _check_contours(raw: bytes) -> None:
    """Refuse a contour that says it has more points than the file has bytes, before memory is asked for them."""
    start = raw.find(b"CONT")
    while start >= 0:
        count = int.from_bytes(raw[start + 4 : start + 8], "big")
        # The four letters may be part of a name or a number: only where a header could follow is it a contour.
        if count * 12 > len(raw) and int.from_bytes(raw[start + 8 : start + 12], "big") < 2**16:
            raise EOFError(f"a contour of {count:,} points in a file of {len(raw):,} bytes")
        start = raw.find(b"CONT", start + 4)


def _shift(model: ImodModel) -> np.ndarray:
    """What turns coordinates of a loaded part into those of the full volume, as IMOD's description of MINX says."""
    minx = model.minx
    if minx is None or not model.header.flags.otrans_has_image_origin_values:
        return np.zeros(3)
    scale = np.array(minx.cscale)
    shift = (np.array(minx.otrans) - np.array(minx.ctrans)) / np.where(scale > 0, scale, 1.0)
    return np.where(np.abs(shift) > 1e-3, shift, 0.0)


def _text(path: str | Path) -> tuple[pd.DataFrame, dict[int, str]]:
    frame = read_columns(path, TEXT_COLUMNS, "the text of an IMOD model (x y z, or object contour x y z)")
    width = frame.shape[1]
    frame.columns = [*TEXT_COLUMNS[width], *COORDINATES]
    refuse_lost(path, frame, list(frame.columns), "line")
    for name in ("object", CONTOUR):
        if name not in frame:
            frame[name] = 1
        frame[name] = frame[name].astype(np.int64)
    return frame, {}


def _contours(rows: pd.DataFrame) -> np.ndarray:
    """Contour numbers; 1 for objects that have none."""
    if CONTOUR not in rows:
        return np.ones(len(rows), dtype=np.int64)
    return pd.to_numeric(rows[CONTOUR], errors="coerce").fillna(1).to_numpy().astype(np.int64)


def _in_order(classes: "pd.Series[str]") -> list[str]:
    """Classes as objects: by number where all are called "object N", else by name."""
    names = sorted(classes.unique())
    words = [name.split() for name in names]
    if all(len(word) == 2 and word[0] == "object" and word[1].isdigit() for word in words):
        return sorted(names, key=lambda name: int(name.split()[1]))
    return names


def _object(name: str, number: int, points: np.ndarray, contours: np.ndarray) -> Object:
    encoded = name.encode()[: NAME_BYTES - 1].decode(errors="ignore")
    if encoded != name:
        note(f"IMOD's names are short: the class {name!r} is written as {encoded!r}.")
    thing = Object(color=COLOURS[(number - 1) % len(COLOURS)])
    thing.contours = [Contour(points=points[contours == contour]) for contour in np.unique(contours)]
    header = thing.header
    header.name = "" if encoded == f"object {number}" else encoded
    header.flags.scattered = True
    header.pdrawsize = 5
    return thing


FORMAT = Format(
    name="imod",
    title="IMOD model",
    suffixes=(".mod", ".txt"),
    carries=frozenset({"classes", "fractions"}),
    unit="Voxels of the tomogram.",
    origin="The centre of the first voxel is at 0.5, 0.5, 0 (x, y, z).",
    orientation="",
    recognised=recognised,
    read=read,
    write=write,
    reading=NamesOfClasses,
    keeps=lambda column: column == CONTOUR,
    how_to_import="3dmod tomogram.mrc {file}. A text file becomes a model with: point2model -scat -sphere 5 -image "
    "tomogram.mrc {file} {file}.mod",
)
