"""RELION 4 particles: a STAR file with the blocks `optics` and `particles`, corner coordinates in unbinned pixels.

Units and origin: `rlnCoordinate{X,Y,Z}` in pixels of the unbinned tilt series from the first voxel of the tomogram,

    px = voxel × voxel size / rlnTomoTiltSeriesPixelSize,

with the pixel size from the optics groups. RELION 5 reads such lists too where there are no centred coordinates.
Measured: in a real list with 1.971 Å per pixel the coordinates reach 3944 × 4026 × 1684, the size of the camera.

Orientation and further columns: `relion_particles`. Source: RELION's `particle_set.cpp`.
"""

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
    CENTRED,
    COORDINATE,
    OPTICS,
    PARTICLE_NAME,
    STACKS,
    TILT_SERIES_PIXEL,
    further_columns,
    optics_block,
    particle_columns,
    particle_names,
    pixel_size_of,
    poses,
    read_particles,
    table_rows,
)
from engine.objects.formats.star_files import labels_of, star_text
from engine.objects.formats.tomogram_names import match_names
from engine.objects.table import ObjectTable, TomogramGeometry

_TITLE = "Tilt series pixel size"


class Reading(NamesOfClasses):
    """How RELION 4 lists are read."""

    tilt_series_pixel_size: float | None = pixel_size_option(
        _TITLE, "Å per unbinned pixel; empty = from the list's optics groups."
    )


class Writing(NumbersOfClasses):
    """How RELION 4 lists are written."""

    tilt_series_pixel_size: float | None = pixel_size_option(
        _TITLE, "Å per unbinned pixel; empty = from the list that the objects came from, else the voxel size."
    )


DEFAULT_READING, DEFAULT_WRITING = Reading(), Writing()


def read(
    path: str | Path, tomograms: Mapping[str, TomogramGeometry], options: Reading = DEFAULT_READING
) -> ObjectTable:
    """Read particles with coordinates in unbinned pixels.

    Parameters
    ----------
    path
        A particles STAR file; the block is `particles` or the only one.
    tomograms
        Geometry by name; the voxel size of each tomogram in the list is needed.
    options
        The pixel size, for a list without optics groups.

    Raises
    ------
    UserError
        Not a STAR file, a missing column, a tomogram whose voxel size is not known, no pixel size.
    """
    particles = read_particles(path)
    particles.require(["rlnTomoName", *COORDINATE], "a RELION 4 list has rlnTomoName and rlnCoordinateX, Y and Z")
    listed = particles.text("rlnTomoName")
    names = listed.map(match_names(listed, tomograms)).astype("str")
    sizes = per_object(path, names, tomograms, "voxel_size")
    pixel = pixel_size_of(particles.rows, [TILT_SERIES_PIXEL])
    if options.tilt_series_pixel_size:
        pixel = np.full(len(particles), options.tilt_series_pixel_size)
    if pixel is None and len(particles):
        raise UserError(
            f"{path} has no {TILT_SERIES_PIXEL}, in whose pixels RELION 4 counts: give the option "
            "tilt_series_pixel_size (Å per unbinned pixel)."
        )
    angles, shifts = poses(particles)
    angstrom = particles.numbers(COORDINATE) * (np.ones(0) if pixel is None else pixel)[:, None]
    rows = table_rows(particles, (angstrom - shifts) / sizes, angles, names, options)
    return ObjectTable(rows, used(names, tomograms))


def write(table: ObjectTable, path: str | Path, options: Writing = DEFAULT_WRITING) -> None:
    """Write particles with one optics group per pixel size (and per set of optics that the list came with).

    Raises
    ------
    UserError
        A tomogram of unknown size, an object without position, a name that STAR cannot hold, full disk.
    """
    rows = table.rows
    places, sizes = positions(table), table.per_row("voxel_size")[:, ::-1]
    pixel = pixel_size_of(rows, [TILT_SERIES_PIXEL])
    if options.tilt_series_pixel_size:
        pixel = np.full(len(rows), options.tilt_series_pixel_size)
    if pixel is None:
        pixel = sizes[:, 0]
        if len(rows):
            note(
                f"RELION 4 counts in pixels of the unbinned tilt series: the voxel size ({pixel[0]:g} Å) was taken for "
                "their size; if the tomograms are binned, give the option tilt_series_pixel_size."
            )
    columns, shifts = particle_columns(table, "subtomograms", options)
    particles = pd.DataFrame({"rlnTomoName": rows["tomogram"]})
    particles[PARTICLE_NAME] = particle_names(rows, particles["rlnTomoName"])
    particles[COORDINATE] = (places * sizes + shifts) / pixel[:, None]
    optics, groups = optics_block(table, pd.DataFrame({TILT_SERIES_PIXEL: pixel}), TILT_SERIES_PIXEL)
    particles["rlnOpticsGroup"] = groups
    particles = pd.concat([particles, columns, further_columns(table, [*OPTICS, *particles.columns, STACKS])], axis=1)
    write_text(Path(path), star_text({"optics": optics, "particles": particles}, "30001"))


def recognised(head: Head) -> int:
    """3 with tomogram names and corner coordinates; 1 where some of these, or the names are Warp's, or centred ones."""
    labels = labels_of(head)
    if not {"rlnTomoName", *COORDINATE} <= labels:
        return 1 if set(COORDINATE) & labels and "rlnMicrographName" not in labels else 0
    return 1 if set(CENTRED) <= labels or ".tomostar" in head.text else 3


FORMAT = Format(
    name="relion4",
    title="RELION 4 STAR",
    suffixes=(".star",),
    carries=frozenset(
        {"orientations", "classes", "scores", "sizes", "ids", "fractions", "several tomograms", "further columns"}
    ),
    unit="Pixels of the unbinned tilt series (voxel × voxel size / pixel size).",
    origin="0 is the centre of the tomogram's first voxel.",
    orientation="rot, tilt, psi (ZYZ, degrees).",
    recognised=recognised,
    read=read,
    write=write,
    reading=Reading,
    writing=Writing,
    file_name="{table}_relion4",
    how_to_import=(
        "In RELION 4 choose Import → Coordinates with {file} as the input and your tomograms.star as the tomogram set, "
        "or take {file} directly as the particle set of Make pseudo-subtomograms.\n"
        "rlnTomoName must be the names in your tomograms.star, and the pixel size of the optics groups the one there."
    ),
)
