"""Sheets of particle pictures for the gallery: many crops in one JPEG, cut from the open tomograms. No HTTP here.

A page registers the objects that it shows, in their order; each run of `PER_SHEET` of them is a sheet, named by a hash
of what is on it. So a sheet whose objects stay the same keeps its address (and the browser its copy) whatever is
edited elsewhere in the table. Sheets live in the memory of the server.
"""

import hashlib
import io
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
import pandas as pd
from PIL import Image

from dashboard.viewer.layers import open_layer
from engine.errors import UserError
from engine.objects.crops import central_slices, contrast_limits
from engine.volumes import to_display

PER_SHEET = 120
COLUMNS = 12
KEPT_SHEETS = 10_000
KEPT_BYTES = 256 << 20
KEPT_LIMITS = 2000
QUALITY = 85
MISSING = 96
"""Grey of a picture that cannot be cut."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """Which objects are on a sheet.

    Attributes
    ----------
    tomograms
        Name for each object.
    centres_zyx
        [n, 3] in voxels.
    voxel_sizes
        Å, by name of the tomogram.
    """

    tomograms: np.ndarray
    centres_zyx: np.ndarray
    voxel_sizes: Mapping[str, float]


@dataclass(frozen=True)
class Look:
    """How crops are drawn.

    Attributes
    ----------
    box_angstrom
        Edge of a crop, Å.
    average
        Slices averaged.
    planes
        Some of "zyx", side by side in this order.
    pixels
        Edge of the picture of one plane; smaller where the box has fewer voxels.
    """

    box_angstrom: float
    average: int
    planes: str
    pixels: int


@dataclass(frozen=True)
class Picture:
    """An encoded sheet, and a sentence for each tomogram that could not be read."""

    jpeg: bytes
    problems: tuple[str, ...]


_lock = Lock()
_sheets: OrderedDict[str, Sheet] = OrderedDict()
_pictures: OrderedDict[tuple[str, Look], Picture] = OrderedDict()
_limits: OrderedDict[tuple, tuple[float, float]] = OrderedDict()


def register(
    tomograms: Sequence[str],
    centres_zyx: np.ndarray,
    voxel_sizes: Mapping[str, float],
    versions: Mapping[str, str],
) -> list[str]:
    """Make sheets of these objects; returns their keys in order.

    Parameters
    ----------
    tomograms
        Name for each object.
    centres_zyx
        [n, 3] in voxels.
    voxel_sizes
        Å, for each name.
    versions
        Of the tomogram's file, for each name: a file that changed has other pictures.
    """
    codes, names = pd.factorize(np.asarray(tomograms, dtype=object))
    centres = np.ascontiguousarray(centres_zyx, dtype=np.float64).reshape(-1, 3)
    tags = [f"{name}\0{versions[name]}\0{voxel_sizes[name]!r}" for name in names]
    hashes = np.array([hashlib.sha1(tag.encode(), usedforsecurity=False).digest() for tag in tags], dtype="S20")
    keys = []
    for start in range(0, len(codes), PER_SHEET):
        part = slice(start, start + PER_SHEET)
        digest = hashlib.sha1(hashes[codes[part]].tobytes(), usedforsecurity=False)
        digest.update(centres[part].tobytes())
        key = digest.hexdigest()[:20]
        keys.append(key)
        with _lock:
            if key not in _sheets:
                here = {names[code]: float(voxel_sizes[names[code]]) for code in np.unique(codes[part])}
                _sheets[key] = Sheet(names[codes[part]], centres[part].copy(), here)
            _sheets.move_to_end(key)
    with _lock:
        while len(_sheets) > max(KEPT_SHEETS, len(keys)):
            _sheets.popitem(last=False)
    return keys


def hold(keys: Sequence[str]) -> bool:
    """Whether all these sheets are still registered; keeps them longer."""
    with _lock:
        if any(key not in _sheets for key in keys):
            return False
        for key in keys:
            _sheets.move_to_end(key)
        return True


def picture(key: str, look: Look) -> Picture:
    """The JPEG of a sheet: `COLUMNS` pictures in a row, in the order of the objects.

    Raises
    ------
    UserError
        No such sheet is registered (the server was started anew).
    """
    with _lock:
        sheet = _sheets.get(key)
        known = _pictures.get((key, look))
        if known is not None:
            _pictures.move_to_end((key, look))
            return known
    if sheet is None:
        raise UserError("These pictures are no longer prepared: reload the page.")
    made = _draw(sheet, look)
    if not made.problems:  # what cannot be read now may be there again a moment later
        with _lock:
            _pictures[key, look] = made
            while sum(len(p.jpeg) for p in _pictures.values()) > KEPT_BYTES and len(_pictures) > 1:
                _pictures.popitem(last=False)
    return made


def box_voxels(box_angstrom: float, voxel_size: float) -> int:
    """The edge of a box in voxels, at least 4."""
    return max(4, round(box_angstrom / voxel_size))


def _draw(sheet: Sheet, look: Look) -> Picture:
    boxes = {name: box_voxels(look.box_angstrom, size) for name, size in sheet.voxel_sizes.items()}
    edge = -(-min(look.pixels, max(boxes.values())) // 8) * 8  # JPEG works in blocks of 8: neighbours stay apart
    wide = edge * len(look.planes)
    rows = -(-len(sheet.tomograms) // COLUMNS)
    canvas = np.full((rows * edge, COLUMNS * wide), MISSING, dtype=np.uint8)
    problems = []
    for name, box in boxes.items():
        places = np.flatnonzero(sheet.tomograms == name)
        try:
            cells = _cells(name, sheet.centres_zyx[places], box, edge, look)
        except (UserError, OSError) as error:
            problems.append(str(error) if isinstance(error, UserError) else f"{name} cannot be read: {error}.")
            continue
        for place, cell in zip(places, cells, strict=True):
            row, column = divmod(int(place), COLUMNS)
            canvas[row * edge : (row + 1) * edge, column * wide : (column + 1) * wide] = cell
    buffer = io.BytesIO()
    Image.fromarray(canvas).save(buffer, "JPEG", quality=QUALITY)
    return Picture(buffer.getvalue(), tuple(problems))


def _cells(name: str, centres: np.ndarray, box: int, edge: int, look: Look) -> np.ndarray:
    """[n, edge, edge × planes] grey values."""
    layer = open_layer(f"tomogram:{name}")
    step = max(1, box // (2 * edge))  # a huge box is thinned: more than two voxels for a pixel are not seen
    low, high = _contrast(name, layer.version, layer.array, box, step, look)
    grey = to_display(central_slices(layer.array, centres, box, look.average, look.planes, step), low, high)
    side = grey.shape[1]
    if side == edge:
        return grey
    cells = np.empty((len(grey), edge, edge * len(look.planes)), dtype=np.uint8)
    for cell, drawn in zip(cells, grey, strict=True):
        for i in range(len(look.planes)):
            plane = Image.fromarray(np.ascontiguousarray(drawn[:, i * side : (i + 1) * side]))
            cell[:, i * edge : (i + 1) * edge] = plane.resize((edge, edge), Image.Resampling.BILINEAR)
    return cells


def _contrast(name: str, version: str, array: object, box: int, step: int, look: Look) -> tuple[float, float]:
    # Per tomogram, not per sheet: the same particle looks the same wherever it is shown.
    question = (name, version, box, step, look.average, look.planes)
    with _lock:
        known = _limits.get(question)
    if known is None:
        known = contrast_limits(array, box, look.average, look.planes, step)
        with _lock:
            _limits[question] = known
            while len(_limits) > KEPT_LIMITS:
                _limits.popitem(last=False)
    return known
