"""RELION 5 particles: a STAR file with the blocks `optics` and `particles`, centred coordinates in Å.

Units and origin: `rlnCenteredCoordinate{X,Y,Z}Angst` in Å from the middle of the tomogram,

    centred = voxel × voxel size − unbinned size / 2 × pixel size of the tilt series,

with a true half for odd sizes, because RELION reads `px = Å / rlnTomoTiltSeriesPixelSize + rlnTomoSize / 2.0` with the
unbinned size from tomograms.star. Where no tomograms.star is given, the middle is size / 2 × voxel size of the tomogram
itself; the two differ where the tomogram's size is not the unbinned one divided by the binning (4000 × 1.35 Å against
540 × 10 Å are the same; with binning 8.12 they seldom are).

RELION's own picker (napari) and PyTom put the middle at unbinned size / 2 − 1; RELION then reads what they wrote with
size / 2. Lists of theirs that RELION never read again fit with the option centre = "size/2 - 1": the middle lies one
unbinned pixel nearer to the corner.

Orientation and further columns: `relion_particles`. Source: RELION's `particle_set.cpp`, `tomogram_set.cpp`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

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
from engine.objects.formats.relion_particles import (
    CENTRED,
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
from engine.objects.formats.star_files import Loop, StarTable, block_of, labels_of, read_blocks, star_text
from engine.objects.formats.tomogram_names import match_names
from engine.objects.table import ObjectTable, TomogramGeometry

Centre = Literal["size/2", "size/2 - 1"]
SIZES = ["rlnTomoSizeX", "rlnTomoSizeY", "rlnTomoSizeZ"]
BINNING = "rlnTomoTomogramBinning"
_TOMOGRAMS_STAR: Any = Field(
    default="",
    title="tomograms.star",
    description="RELION's file with the unbinned sizes: the middle is taken from it; empty = from the tomograms here.",
)
_CENTRE: Any = Field(
    default="size/2",
    title="Middle of the tomogram",
    description="size/2: as RELION reads; size/2 - 1: as RELION's napari picker and PyTom write (unbinned pixels).",
)


class Reading(NamesOfClasses):
    """How RELION 5 lists are read."""

    tomograms_star: str = _TOMOGRAMS_STAR
    centre: Centre = _CENTRE
    tilt_series_pixel_size: float | None = pixel_size_option(
        "Tilt series pixel size",
        "Å per unbinned pixel, for the middle at size/2 - 1; empty = from the list or the tomograms.star.",
    )


class Writing(NumbersOfClasses):
    """How RELION 5 lists are written."""

    tilt_series_pixel_size: float | None = pixel_size_option(
        "Tilt series pixel size",
        "Å per unbinned pixel; empty = from the tomograms.star, the list it came from, or the voxel size.",
    )
    tomograms_star: str = _TOMOGRAMS_STAR
    centre: Centre = _CENTRE


DEFAULT_READING, DEFAULT_WRITING = Reading(), Writing()


def read(
    path: str | Path, tomograms: Mapping[str, TomogramGeometry], options: Reading = DEFAULT_READING
) -> ObjectTable:
    """Read particles with centred coordinates.

    Parameters
    ----------
    path
        A particles STAR file; the block is `particles` or the only one.
    tomograms
        Geometry by name: of the tomograms at hand, or unbinned from `read_tomograms`. Objects get voxels of these.
    options
        With a tomograms.star, tomograms that are not among `tomograms` are taken from it (unbinned).

    Returns
    -------
    ObjectTable
        Further columns are kept under their RELION names. Without class names, classes are called "class N".

    Raises
    ------
    UserError
        Not a STAR file, no centred coordinates, a tomogram whose size is not known.
    """
    particles = read_particles(path)
    needed = "a RELION 5 list has rlnTomoName and rlnCenteredCoordinateXAngst, YAngst and ZAngst"
    particles.require(["rlnTomoName", *CENTRED], needed)
    unbinned = read_tomograms(options.tomograms_star) if options.tomograms_star else {}
    known = {**unbinned, **tomograms}
    listed = particles.text("rlnTomoName")
    match = match_names(listed, tomograms)
    if unbinned:
        match |= match_names([text for text, name in match.items() if name not in tomograms], unbinned)
    names = listed.map(match).astype("str")
    sizes = per_object(path, names, known, "voxel_size")
    pixel = options.tilt_series_pixel_size or pixel_size_of(particles.rows, [TILT_SERIES_PIXEL])
    middle = _middle(path, names, known, unbinned, options.centre, pixel)
    angles, shifts = poses(particles)
    places = (particles.numbers(CENTRED) - shifts + middle) / sizes
    return ObjectTable(table_rows(particles, places, angles, names, options), used(names, known))


def write(table: ObjectTable, path: str | Path, options: Writing = DEFAULT_WRITING) -> None:
    """Write particles with one optics group per pixel size (and per set of optics that the list came with).

    Parameters
    ----------
    table
        The objects. Further columns whose names begin with `rln` are written too where no value is missing.
    path
        Replaced if it exists.
    options
        The pixel size of the tilt series goes into the optics groups. With a tomograms.star, tomograms get the names
        that they have there.

    Raises
    ------
    UserError
        A tomogram of unknown size, an object without position, a name that STAR cannot hold, full disk.
    """
    particles, optics = _particles(table, path, options)
    blocks = {"optics": optics, "particles": particles}
    if STACKS in table.rows and len(table) and table.rows[STACKS].notna().all():
        blocks = {"general": pd.DataFrame({STACKS: [table.rows[STACKS].iloc[0]]}), **blocks}
    write_text(Path(path), star_text(blocks, "50001"))


def read_tomograms(path: str | Path) -> dict[str, TomogramGeometry]:
    """The unbinned geometry of each tomogram from RELION's `tomograms.star`: what its coordinates refer to.

    Raises
    ------
    UserError
        Not a STAR file, or sizes or pixel sizes are missing.
    """
    block = _global(path)
    values = block.numbers([*SIZES, TILT_SERIES_PIXEL])
    return {
        name: TomogramGeometry((int(z), int(y), int(x)), (float(pixel),) * 3)
        for name, (x, y, z, pixel) in zip(block.text("rlnTomoName"), values, strict=True)
    }


def binned_tomograms(path: str | Path) -> dict[str, TomogramGeometry]:
    """The geometry of the reconstructed tomograms, from `rlnTomoTomogramBinning` of a `tomograms.star`.

    Shapes are the unbinned ones divided by the binning and rounded: an estimate, the file itself may differ by one.

    Raises
    ------
    UserError
        As `read_tomograms`, or no binning.
    """
    block = _global(path)
    block.require([BINNING], "tomograms were not reconstructed by RELION, give the folder of the tomograms instead")
    found = {}
    for (name, whole), binning in zip(read_tomograms(path).items(), block.numbers([BINNING])[:, 0], strict=True):
        if not binning > 0:
            raise UserError(f"{path}: {BINNING} of {name} is {binning:g}, not a positive number.")
        z, y, x = (max(1, round(length / binning)) for length in whole.shape)
        found[name] = TomogramGeometry((z, y, x), (whole.voxel_size[0] * float(binning),) * 3)
    return found


def beside(table: ObjectTable, path: str | Path, options: Writing = DEFAULT_WRITING) -> dict[str, str]:
    """What RELION needs beside the particles.

    - `<stem>_import.star`, the list that Import → Coordinates takes, and, where there are several tomograms, one file
      of particles for each (RELION gives all particles of a file to one tomogram).
    - `<stem>_tomograms.star`, where no tomograms.star was given: sizes as they are assumed here, to compare with or
      to complete RELION's.
    """
    path = Path(path)
    particles, _ = _particles(table, path, options)
    names = list(dict.fromkeys(table.rows["tomogram"]))
    files: dict[str, str] = {}
    listed = []
    loop = Loop.of(particles) if len(names) > 1 else None
    for number, name in enumerate(names, 1):
        file = path.name
        if loop is not None:
            safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
            file = f"{path.stem}_import_{safe}.star"
            file = file if file not in files else f"{path.stem}_import_{safe}_{number}.star"
            members = (table.rows["tomogram"] == name).to_numpy()
            files[file] = star_text({"particles": loop.where(members)}, "50001")
        listed.append(file)
    if names:
        called = particles["rlnTomoName"].groupby(table.rows["tomogram"], sort=False).first()
        block = pd.DataFrame({"rlnTomoName": called[names].to_numpy(), "rlnTomoImportParticleFile": listed})
        files[f"{path.stem}_import.star"] = star_text({"particles": block}, "50001")
    if not options.tomograms_star and names:
        files[f"{path.stem}_tomograms.star"] = star_text({"global": _fragment(table, names, options)}, "50001")
    return files


def recognised(head: Head) -> int:
    """3 with centred coordinates; 2 with some of them: reading then says which is missing."""
    there = set(CENTRED) & labels_of(head)
    return 3 if len(there) == len(CENTRED) else 2 if there else 0


def _particles(table: ObjectTable, path: str | Path, options: Writing) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The blocks `particles` and `optics`."""
    rows = table.rows
    places, sizes = positions(table), table.per_row("voxel_size")[:, ::-1]
    unbinned, relion_names = _unbinned(table, options)
    pixel = _tilt_series_pixel(table, options, unbinned)
    columns, shifts = particle_columns(table, "subtomograms", options)
    middle = _middle(path, rows["tomogram"], table.tomograms, unbinned, options.centre, pixel)
    particles = pd.DataFrame({"rlnTomoName": rows["tomogram"].replace(relion_names)})
    particles[PARTICLE_NAME] = particle_names(rows, particles["rlnTomoName"])
    particles[CENTRED] = places * sizes - middle + shifts
    optics, groups = optics_block(table, pd.DataFrame({TILT_SERIES_PIXEL: pixel}), TILT_SERIES_PIXEL)
    particles["rlnOpticsGroup"] = groups
    particles = pd.concat([particles, columns, further_columns(table, [*OPTICS, *particles.columns, STACKS])], axis=1)
    return particles, optics


def _unbinned(table: ObjectTable, options: Writing) -> tuple[dict[str, TomogramGeometry], dict[str, str]]:
    """Of each tomogram of the table the unbinned geometry and RELION's name, where a tomograms.star was given."""
    if not options.tomograms_star:
        return {}, {}
    known = read_tomograms(options.tomograms_star)
    names = list(dict.fromkeys(table.rows["tomogram"]))
    match = match_names(names, known)
    missing = [name for name in names if match[name] not in known]
    if missing:
        raise UserError(
            f"{options.tomograms_star} has no tomogram {missing[0]!r}: rename it in the table, or choose another file."
        )
    odd = [name for name in names if any(length % 2 for length in known[match[name]].shape)]
    if odd:
        note(
            f"{odd[0]}{f' and {len(odd) - 1} more' if len(odd) > 1 else ''} has an odd unbinned size: some versions of "
            "RELION are half a pixel off there (relion#1280)."
        )
    return {name: known[match[name]] for name in names}, match


def _tilt_series_pixel(table: ObjectTable, options: Writing, unbinned: Mapping[str, TomogramGeometry]) -> np.ndarray:
    """Å per unbinned pixel for each object."""
    if options.tilt_series_pixel_size:
        return np.full(len(table), options.tilt_series_pixel_size)
    if unbinned:
        return table.rows["tomogram"].map({n: g.voxel_size[2] for n, g in unbinned.items()}).to_numpy(np.float64)
    listed = pixel_size_of(table.rows, [TILT_SERIES_PIXEL])
    return table.per_row("voxel_size")[:, 2] if listed is None else listed


def _middle(
    path: str | Path,
    names: "pd.Series[str]",
    tomograms: Mapping[str, TomogramGeometry],
    unbinned: Mapping[str, TomogramGeometry],
    centre: Centre,
    pixel: np.ndarray | float | None,
) -> np.ndarray:
    """Å from the centre of the first voxel to the middle, [n, 3] x, y, z."""
    match = match_names(names, unbinned) if unbinned else {}
    whole = {name: unbinned.get(match.get(name, ""), geometry) for name, geometry in tomograms.items()}
    for name in names.unique():
        if name in tomograms:
            _note_other_extent(name, tomograms[name], whole[name])
    extent = per_object(path, names, whole, "shape") * per_object(path, names, whole, "voxel_size")
    if centre == "size/2":
        return extent / 2.0
    if pixel is None:
        return extent / 2.0 - per_object(path, names, whole, "voxel_size")
    return extent / 2.0 - np.broadcast_to(np.asarray(pixel, dtype=np.float64), (len(names),))[:, None]


def _note_other_extent(name: str, tomogram: TomogramGeometry, whole: TomogramGeometry) -> None:
    """Say it where a tomogram is not a binned version of the volume that RELION knows."""
    here, there = ([n * size for n, size in zip(g.shape, g.voxel_size, strict=True)][::-1] for g in (tomogram, whole))
    # Binning cuts or rounds to whole voxels: less than two of them.
    if any(abs(a - b) >= 2 * size for a, b, size in zip(here, there, tomogram.voxel_size[::-1], strict=True)):
        texts = [" × ".join(f"{length:.0f}" for length in extent) for extent in (here, there)]
        note(
            f"Tomogram {name!r} measures {texts[0]} Å here and {texts[1]} Å in the tomograms.star: if it was cropped, "
            "its objects will not land on the particles."
        )


def _fragment(table: ObjectTable, names: list[str], options: Writing) -> pd.DataFrame:
    pixels = dict(zip(table.rows["tomogram"], _tilt_series_pixel(table, options, {}), strict=True))
    found = []
    for name in names:
        geometry, pixel = table.tomograms[name], float(pixels[name])
        extent = [n * size for n, size in zip(geometry.shape, geometry.voxel_size, strict=True)][::-1]
        unbinned = [round(length / pixel) for length in extent]
        found.append([name, pixel, geometry.voxel_size[2] / pixel, *unbinned])
    return pd.DataFrame(found, columns=["rlnTomoName", TILT_SERIES_PIXEL, BINNING, *SIZES])


def _global(path: str | Path) -> StarTable:
    block = block_of(read_blocks(path), "global", "")
    block.require(["rlnTomoName", TILT_SERIES_PIXEL, *SIZES], "it is not RELION's tomograms.star")
    values = block.numbers([*SIZES, TILT_SERIES_PIXEL])
    bad = ~(np.isfinite(values) & (values > 0)).all(axis=1)
    if bad.any():
        row = int(np.argmax(bad))
        name = block.rows["rlnTomoName"].iloc[row]
        raise UserError(f"{path}, line {block.lines[row]}: sizes of {name} must be positive numbers.")
    return block


FORMAT = Format(
    name="relion5",
    title="RELION 5 STAR",
    suffixes=(".star",),
    carries=frozenset(
        {"orientations", "classes", "scores", "sizes", "ids", "fractions", "several tomograms", "further columns"}
    ),
    unit="Å.",
    origin=(
        "The middle of the tomogram: unbinned size / 2 × pixel size of the tilt series, as RELION reads "
        "(voxel × voxel size − middle)."
    ),
    orientation="rot, tilt, psi (ZYZ, degrees).",
    recognised=recognised,
    read=read,
    write=write,
    reading=Reading,
    writing=Writing,
    beside=beside,
    file_name="{table}_relion5",
    how_to_import=(
        "{file} can be used as it is: in Extract subtomograms choose direct entries, {file} as the particle set and "
        "your own tomograms.star as the tomogram set.\n"
        "For Import → Coordinates copy all files written into the RELION project folder and choose the file ending in "
        "_import.star: RELION takes a list of STAR files there (rlnTomoName, rlnTomoImportParticleFile), not the "
        "particles themselves. Centring, scale and add factors are for text files only: leave them alone.\n"
        "rlnTomoName must be the names in your tomograms.star, and the sizes there those of the volumes picked in: "
        "compare with the file ending in _tomograms.star, or export with your tomograms.star as option.\n"
        "Read the positions once in RELION's picker at one object: it must lie on the particle."
    ),
)
