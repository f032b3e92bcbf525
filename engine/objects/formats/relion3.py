"""RELION 3 subtomograms (3.0 and 3.1): a STAR file with `rlnMicrographName` and corner coordinates in voxels.

Units and origin: `rlnCoordinate{X,Y,Z}` in voxels of the tomogram that `rlnMicrographName` names, 0 at the centre of
the first voxel. `rlnOrigin{X,Y,Z}` (pixels of the particle's image, 3.0) or `rlnOrigin{X,Y,Z}Angst` (3.1) is taken off.
The pixel size of the images is `rlnImagePixelSize` of the optics group (3.1), `rlnPixelSize`, or
`rlnDetectorPixelSize` / `rlnMagnification` × 10000 (3.0).

Warp 1 writes such lists too, with names such as `01006_10.73Apx.mrc`, but its coordinates are in pixels of the
*exported images*: in the real list of that name, x = 1028.5 is beyond a 10.73 Å volume of the whole camera (960
voxels), and fits at the 5.364 Å of its images. So names with Warp's pixel size mean pixels of the images, others mean
voxels of the tomogram; where the two sizes differ a note says which was taken, and the option `pixel_size` decides.
Lists written here say it in `tomodeckPixelSize`.

Version 3.1 is written. Orientation and further columns: `relion_particles`.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from engine.atomic import write_text
from engine.errors import UserError
from engine.objects.formats.class_names_given import NamesOfClasses
from engine.objects.formats.class_numbers import NumbersOfClasses
from engine.objects.formats.format import Format, Head
from engine.objects.formats.needed_geometry import per_object, used
from engine.objects.formats.notes import note
from engine.objects.formats.options import pixel_size_option
from engine.objects.formats.positions import positions
from engine.objects.formats.relion_particles import (
    COORDINATE,
    COORDINATE_PIXEL,
    OPTICS,
    ORIGIN,
    ORIGIN_PIXELS,
    further_columns,
    optics_block,
    particle_columns,
    pixel_size_of,
    poses,
    read_particles,
    table_rows,
)
from engine.objects.formats.star_files import StarTable, labels_of, star_text
from engine.objects.formats.tomogram_names import ENDINGS, PIXEL_SIZE, match_names
from engine.objects.table import ObjectTable, TomogramGeometry

IMAGE_PIXEL = "rlnImagePixelSize"
ENDING = ".mrc"
_SAME = 0.01
"""Names of files hold two digits of the voxel size."""


class Reading(NamesOfClasses):
    """How RELION 3 lists are read."""

    pixel_size: float | None = pixel_size_option(
        "Pixel size of the coordinates", "Å; empty = voxels of the tomogram, or pixels of the images in lists of Warp."
    )


class Writing(NumbersOfClasses):
    """How RELION 3 lists are written."""

    pixel_size: float | None = pixel_size_option("Pixel size of the coordinates", "Å; empty = voxels of the tomogram.")


DEFAULT_READING, DEFAULT_WRITING = Reading(), Writing()


def read(
    path: str | Path, tomograms: Mapping[str, TomogramGeometry], options: Reading = DEFAULT_READING
) -> ObjectTable:
    """Read particles with coordinates in voxels (or in pixels of the images).

    Parameters
    ----------
    path
        A particles STAR file; the block is `particles` or the only one.
    tomograms
        Geometry by name. A tomogram that is not among them is taken to have the voxel size in its name
        (`_10.73Apx`), else that of the images.
    options
        The pixel size of the coordinates.

    Raises
    ------
    UserError
        Not a STAR file, a missing column, a voxel size that is needed and not known.
    """
    particles = read_particles(path)
    needed = "a RELION 3 list of subtomograms has rlnMicrographName and rlnCoordinateX, Y and Z"
    particles.require(["rlnMicrographName", *COORDINATE], needed)
    listed = particles.text("rlnMicrographName")
    names = listed.map(match_names(listed, tomograms)).astype("str")
    image = image_pixel_size(particles.rows)
    particles = with_origins(particles, image)
    angles, shifts = poses(particles)
    marked = listed.map({text: _marked(text) for text in listed.unique()}).to_numpy(dtype=np.float64)
    voxels = _voxel_sizes(path, names, tomograms, marked, image, bool(shifts.any()) or options.pixel_size is not None)
    pixels = _coordinate_pixels(particles, voxels, np.isfinite(marked), image, names, options)
    rows = table_rows(particles, (particles.numbers(COORDINATE) * pixels - shifts) / voxels, angles, names, options)
    return ObjectTable(rows, used(names, tomograms))


def write(table: ObjectTable, path: str | Path, options: Writing = DEFAULT_WRITING) -> None:
    """Write version 3.1 with one optics group per pixel size of the images (the voxel size where none is known).

    Raises
    ------
    UserError
        A tomogram of unknown size, an object without position, a name that STAR cannot hold, full disk.
    """
    rows = table.rows
    places, sizes = positions(table), table.per_row("voxel_size")[:, ::-1]
    pixels = np.full_like(sizes, options.pixel_size) if options.pixel_size else sizes
    columns, shifts = particle_columns(table, "origins", options)
    given = {name: name if ENDINGS.search(name) else name + ENDING for name in rows["tomogram"].unique()}
    particles = pd.DataFrame({"rlnMicrographName": rows["tomogram"].map(given)}, dtype="str")
    particles[COORDINATE] = (places * sizes + shifts) / pixels
    particles[COORDINATE_PIXEL] = pixels[:, 0]
    image = image_pixel_size(rows)
    own = pd.DataFrame({IMAGE_PIXEL: sizes[:, 0] if image is None else image, "rlnImageDimensionality": 3})
    optics, groups = optics_block(table, own, IMAGE_PIXEL)
    particles["rlnOpticsGroup"] = groups
    further = further_columns(table, [*OPTICS, *particles.columns], whole_poses=True)
    particles = pd.concat([particles, columns, further], axis=1)
    write_text(Path(path), star_text({"optics": optics, "particles": particles}, "30001"))


def image_pixel_size(rows: pd.DataFrame) -> np.ndarray | None:
    """Å per pixel of each particle's image, as RELION 3.1, Warp or RELION 3.0 say it; None where none does."""
    found = pixel_size_of(rows, [IMAGE_PIXEL, "rlnPixelSize"])
    if found is None:
        detector, magnification = (pixel_size_of(rows, [f"rln{x}"]) for x in ("DetectorPixelSize", "Magnification"))
        if detector is not None and magnification is not None:
            # µm on the detector; the magnification is a plain number.
            found = detector / magnification * 1e4
    return found


def with_origins(particles: StarTable, image: np.ndarray | None) -> StarTable:
    """The list with origins in Å where it has them in pixels.

    Raises
    ------
    UserError
        Origins that are not 0, and no pixel size.
    """
    if particles.has(ORIGIN) or not particles.has(ORIGIN_PIXELS):
        return particles
    origins = particles.numbers(ORIGIN_PIXELS)
    if image is None and origins.any():
        raise UserError(
            f"{particles.path} has {ORIGIN_PIXELS[0]} in pixels of the images and does not say their size: add a "
            "column rlnPixelSize (Å)."
        )
    origins = origins * (1.0 if image is None else image[:, None])
    rows = particles.rows.assign(**dict(zip(ORIGIN, origins.T, strict=True)))
    return StarTable(particles.path, particles.name, rows, particles.lines)


def recognised(head: Head) -> int:
    """3 with micrograph names and three coordinates, 1 with some, or where the names are RELION 4's or Warp's."""
    labels = labels_of(head)
    if not {"rlnMicrographName", *COORDINATE} <= labels:
        return 1 if set(COORDINATE) & labels and "rlnMicrographName" in labels else 0
    return (
        1
        if "rlnTomoName" in labels or ".tomostar" in head.text or any(label.startswith("ais") for label in labels)
        else 3
    )


def _marked(name: str) -> float:
    """The voxel size that Warp wrote into a name; NaN for none."""
    found = PIXEL_SIZE.search(ENDINGS.sub("", name))
    return float(re.sub(r"[^\d.]", "", found[0])) if found else np.nan


def _voxel_sizes(
    path: str | Path,
    names: "pd.Series[str]",
    tomograms: Mapping[str, TomogramGeometry],
    marked: np.ndarray,
    image: np.ndarray | None,
    needed: bool,
) -> np.ndarray:
    """Å per voxel of each object's tomogram, [n, 3]; 1 where it is unknown and not needed."""
    known = names.isin(list(tomograms)).to_numpy(dtype=bool)
    sizes = np.repeat(np.where(np.isfinite(marked), marked, np.nan if image is None else image)[:, None], 3, axis=1)
    if known.any():
        sizes[known] = per_object(path, names[known], tomograms, "voxel_size")
    lost = np.isnan(sizes).any(axis=1)
    if lost.any() and needed:
        per_object(path, names[lost], tomograms, "voxel_size")
    return np.where(np.isnan(sizes), 1.0, sizes)


def _coordinate_pixels(
    particles: StarTable,
    voxels: np.ndarray,
    warp: np.ndarray,
    image: np.ndarray | None,
    names: "pd.Series[str]",
    options: Reading,
) -> np.ndarray:
    """Å per pixel of the coordinates, [n, 3]."""
    if options.pixel_size is not None:
        return np.full_like(voxels, options.pixel_size)
    stated = pixel_size_of(particles.rows, [COORDINATE_PIXEL])
    if stated is not None:
        # An anisotropic tomogram has one number only: its own voxels are meant.
        return np.where(np.abs(stated / voxels[:, 0] - 1)[:, None] < 1e-4, voxels, stated[:, None])
    if image is None:
        return voxels
    pixels = np.where(warp[:, None], image[:, None], voxels)
    differs = np.abs(image / voxels[:, 0] - 1) > _SAME
    if differs.any():
        row = int(np.argmax(differs))
        taken, other = pixels[row, 0], voxels[row, 0] if warp[row] else image[row]
        what = "of the images, as in Warp's lists" if warp[row] else "of the tomogram"
        note(
            f"{particles.path}: the coordinates are taken in pixels of {taken:g} Å ({what}), not of {other:g} Å, in "
            f"{names.iloc[row]!r}; if that is wrong, give the option pixel_size as {other:g}."
        )
    return pixels


FORMAT = Format(
    name="relion3",
    title="RELION 3 STAR",
    suffixes=(".star",),
    carries=frozenset(
        {"orientations", "classes", "scores", "sizes", "ids", "fractions", "several tomograms", "further columns"}
    ),
    unit="Voxels of the tomogram.",
    origin="0 is the centre of the tomogram's first voxel.",
    orientation="rot, tilt, psi (ZYZ, degrees).",
    recognised=recognised,
    read=read,
    write=write,
    reading=Reading,
    writing=Writing,
    file_name="{table}_relion3",
    how_to_import=(
        "Put the tomograms where rlnMicrographName says, or change it to their paths; then choose Particle extraction "
        "in RELION 3 with {file} as the list of refined particles to extract again."
    ),
)
