"""WarpTools (`ts_export_particles`): a STAR file with one block, `.tomostar` names and corner coordinates in pixels.

Units and origin: `rlnCoordinate{X,Y,Z}` in pixels of `--coords_angpix`, 0 at the centre of the first voxel,

    px = voxel × voxel size / coords_angpix,

or, with `--normalized_coords`, fractions of (size − 1). Warp multiplies those by its own *unbinned* size − 1, so that a
binned tomogram's fractions are off by up to a voxel at the far faces: pixels are better.

Reading: in lists that Warp wrote, the coordinates are in pixels of the exported images (`rlnPixelSize` of subtomograms,
`rlnImagePixelSize` of the optics group of 2D series), not of the tilt series. Evidence: `ExportParticlesTiltseries.cs`
divides by the output pixel size; and in a real list with a tilt series of 0.7894 Å per pixel and images of 4 Å the
coordinates reach 823 × 1116 × 177, which is the camera (4092 × 5760) at 4 Å.

Origins: Warp takes them off too, but looks for `rlnPixelSize` to convert them; whole positions are written instead, and
no optics block. Orientation and further columns: `relion_particles`.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field

from engine.atomic import write_text
from engine.errors import UserError
from engine.objects.formats.class_names_given import NamesOfClasses
from engine.objects.formats.class_numbers import NumbersOfClasses
from engine.objects.formats.format import Format, Head
from engine.objects.formats.needed_geometry import per_object, used
from engine.objects.formats.notes import note
from engine.objects.formats.options import pixel_size_option
from engine.objects.formats.positions import positions
from engine.objects.formats.relion3 import image_pixel_size, with_origins
from engine.objects.formats.relion_particles import (
    CENTRED,
    COORDINATE,
    COORDINATE_PIXEL,
    further_columns,
    particle_columns,
    pixel_size_of,
    poses,
    read_particles,
    table_rows,
)
from engine.objects.formats.star_files import CLASS_NAME, labels_of, star_text
from engine.objects.formats.tomogram_names import match_names, plain_name
from engine.objects.table import ObjectTable, TomogramGeometry

ENDING = ".tomostar"
NAMES = ("rlnMicrographName", "rlnTomoName")
PIXEL = "rlnPixelSize"
_NORMALISED = Field(
    default=False,
    title="Fractions",
    description="Coordinates from 0 to 1, fractions of (size - 1), as Warp's --normalized_coords; off = pixels.",
)


class Reading(NamesOfClasses):
    """How Warp's lists are read."""

    coords_angpix: float | None = pixel_size_option(
        "Pixel size of the coordinates",
        "Å; empty = that of the images in the list, else the voxel size of the tomogram.",
    )
    normalised: bool = _NORMALISED


class Writing(NumbersOfClasses):
    """How lists for Warp are written."""

    coords_angpix: float | None = pixel_size_option(
        "Pixel size of the coordinates",
        "Å, the value to give as --coords_angpix; empty = the (smallest) voxel size of the tomograms.",
    )
    normalised: bool = _NORMALISED


DEFAULT_READING, DEFAULT_WRITING = Reading(), Writing()


def read(
    path: str | Path, tomograms: Mapping[str, TomogramGeometry], options: Reading = DEFAULT_READING
) -> ObjectTable:
    """Read a list of Warp's, or one made for it.

    Parameters
    ----------
    path
        A STAR file; the block is `particles` or the only one.
    tomograms
        Geometry by name. Where the list does not say the size of its pixels they are voxels of the tomogram, which
        then may be unknown.
    options
        The pixel size, or that the coordinates are fractions.

    Raises
    ------
    UserError
        Not a STAR file, a missing column, a tomogram whose size is needed and not known.
    """
    particles = read_particles(path)
    label = next((name for name in NAMES if name in particles.rows), NAMES[0])
    particles.require([label, *COORDINATE], "a list of Warp's has rlnMicrographName and rlnCoordinateX, Y and Z")
    listed = particles.text(label)
    names = listed.map(match_names(listed, tomograms)).astype("str")
    coordinates = particles.numbers(COORDINATE)
    image = image_pixel_size(particles.rows)
    particles = with_origins(particles, image)
    angles, shifts = poses(particles)
    pixels = pixel_size_of(particles.rows, [COORDINATE_PIXEL, PIXEL])
    pixels = image if pixels is None else pixels
    if options.coords_angpix is not None:
        pixels = np.full(len(particles), options.coords_angpix)
    if options.normalised:
        places = coordinates * _last(per_object(path, names, tomograms, "shape"))
        pixels = None
    else:
        places = coordinates
        if len(places) and places.min() >= 0 and places.max() <= 1:
            note(
                f"All coordinates in {path} lie between 0 and 1 and are taken as pixels: if they are fractions of the "
                "tomogram, read the list with normalised=true."
            )
    if pixels is not None or shifts.any():
        sizes = per_object(path, names, tomograms, "voxel_size")
        places = (places * (sizes if pixels is None else pixels[:, None]) - shifts) / sizes
    return ObjectTable(table_rows(particles, places, angles, names, options), used(names, tomograms))


def write(table: ObjectTable, path: str | Path, options: Writing = DEFAULT_WRITING) -> None:
    """Write a list for `ts_export_particles`.

    Raises
    ------
    UserError
        A tomogram of unknown size, an object without position, two tomograms with the same `.tomostar` name, a name
        with spaces, full disk.
    """
    rows = table.rows
    places, sizes = positions(table), table.per_row("voxel_size")[:, ::-1]
    columns, _ = particle_columns(table, "nothing", options, "Warp")
    particles = pd.DataFrame({NAMES[0]: rows["tomogram"].map(_tomostars(table))}, dtype="str")
    if options.normalised:
        particles[COORDINATE] = places / _last(table.per_row("shape")[:, ::-1])
    else:
        pixel = options.coords_angpix or (float(sizes.min()) if len(rows) else 1.0)
        if options.coords_angpix is None and len(rows) and sizes.max() > sizes.min() * 1.0001:
            note(f"The tomograms differ in voxel size: all coordinates are written in pixels of {pixel:g} Å.")
        particles[COORDINATE] = places * sizes / pixel
        particles[PIXEL] = particles[COORDINATE_PIXEL] = pixel
        if "rlnDetectorPixelSize" in rows and "rlnMagnification" in rows:
            # What older versions read instead; it must say the same.
            particles["rlnDetectorPixelSize"], particles["rlnMagnification"] = pixel, 10000.0
    if rows["class"].str.contains(" ").any():
        note("Warp reads no names with spaces: classes are written as numbers only.")
        columns = columns.drop(columns=CLASS_NAME)
    further = further_columns(table, [*particles.columns, PIXEL], whole_poses=True)
    write_text(Path(path), star_text({"": pd.concat([particles, columns, further], axis=1)}, "30001"))


def recognised(head: Head) -> int:
    """3 with coordinates and names of `.tomostar` files, 2 with centred coordinates beside them."""
    labels = labels_of(head)
    if not set(COORDINATE) <= labels or not set(NAMES) & labels or ENDING not in head.text:
        return 0
    return 2 if set(CENTRED) <= labels else 3


def _tomostars(table: ObjectTable) -> dict[str, str]:
    found: dict[str, str] = {}
    taken: dict[str, str] = {}
    for name in table.rows["tomogram"].unique():
        bare = plain_name(name)
        if " " in bare:
            raise UserError(f"Warp reads no names with spaces: rename tomogram {name!r}.")
        if bare in taken:
            raise UserError(f"{taken[bare]!r} and {name!r} are both {bare}{ENDING} for Warp: rename one of them.")
        taken[bare] = name
        found[name] = bare + ENDING
    return found


def _last(shapes: np.ndarray) -> np.ndarray:
    return np.maximum(shapes - 1.0, 1.0)


FORMAT = Format(
    name="warp",
    title="WarpTools STAR",
    suffixes=(".star",),
    carries=frozenset(
        {"orientations", "classes", "scores", "sizes", "ids", "fractions", "several tomograms", "further columns"}
    ),
    unit="Pixels of --coords_angpix, or fractions of (size - 1).",
    origin="0 is the centre of the tomogram's first voxel.",
    orientation="rot, tilt, psi (ZYZ, degrees).",
    recognised=recognised,
    read=read,
    write=write,
    reading=Reading,
    writing=Writing,
    file_name="{table}_warp",
    how_to_import=(
        "Run in the folder of your Warp project, with PIXEL the number in the column rlnPixelSize of {file} and your "
        "own output pixel size, box (pixels) and diameter (Å):\n"
        "WarpTools ts_export_particles --settings warp_tiltseries.settings --input_star {file} --coords_angpix PIXEL "
        "--output_star particles_export.star --output_angpix 4 --box 96 --diameter 300 --2d\n"
        "If fractions were written, give --normalized_coords instead of --coords_angpix PIXEL.\n"
        "The names in rlnMicrographName must be those of your .tomostar files (TS_01.tomostar): Warp leaves out "
        "particles of other names without a word."
    ),
)
