"""RELION 5 particles: a STAR file with the blocks `optics` and `particles`.

Units and origin: `rlnCenteredCoordinate{X,Y,Z}Angst` in Å from the middle of the tomogram,

    centred = (voxel − size / 2) × voxel size,

with size the shape of the tomogram and a true half for odd sizes, because RELION reads
`px = Å / rlnTomoTiltSeriesPixelSize + rlnTomoSize / 2.0`. Angles are rot, tilt, psi (ZYZ, degrees). RELION
keeps the orientation as A_subtomogram · A_particle and the position as pos − A_subtomogram · origin; reading
does both.

Labels that RELION does not have begin with `tomodeck` (it skips them): class name, score, size, id. RELION
needs numbers for angles: with angles known for some rows only, the others get 0 0 0 and `tomodeckAnglesKnown`
0.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import starfile

from engine.atomic import write_text
from engine.errors import UserError, explain_os_errors
from engine.objects.orientations import known_angles, relion_from_rotation, rotation_from_relion
from engine.objects.table import ANGLES, COLUMNS, ObjectTable, TomogramGeometry

CONVENTIONS = (
    "Å from the middle of the tomogram: (voxel − size / 2) × voxel size; rot, tilt, psi (ZYZ, degrees). "
    "Sizes are those of the tomograms here, so tomograms.star must describe volumes of the same extent."
)
CENTRED = [f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ"]
ORIGIN = [f"rlnOrigin{axis}Angst" for axis in "XYZ"]
PARTICLE_ANGLES = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]
SUBTOMOGRAM_ANGLES = ["rlnTomoSubtomogramRot", "rlnTomoSubtomogramTilt", "rlnTomoSubtomogramPsi"]
OWN_LABELS = {"score": "tomodeckScore", "size": "tomodeckSize", "id": "tomodeckId"}
CLASS_NAME = "tomodeckClassName"
ANGLES_KNOWN = "tomodeckAnglesKnown"
# Read into, and written from, the columns of the table.
HANDLED = {
    *CENTRED, *ORIGIN, *PARTICLE_ANGLES, *SUBTOMOGRAM_ANGLES, *OWN_LABELS.values(), CLASS_NAME, ANGLES_KNOWN,
    "rlnTomoName", "rlnTomoParticleName", "rlnOpticsGroup", "rlnClassNumber",
    "rlnCoordinateX", "rlnCoordinateY", "rlnCoordinateZ",
}  # fmt: skip
RESERVED_STARTS = ("_", ";", "data_", "loop_")
RESERVED_NAMES = ("nan", "NaN", "<NA>")
TEXT_LABELS = ["rlnTomoName", "rlnTomoParticleName", "rlnOpticsGroupName", CLASS_NAME]


def write(table: ObjectTable, path: str | Path, tilt_series_pixel_size: float | None = None) -> None:
    """Write particles with one optics group per voxel size.

    Parameters
    ----------
    table
        The objects. Further columns whose names begin with `rln` are written too where no value is missing.
    path
        Replaced if it exists.
    tilt_series_pixel_size
        Å per pixel of the unbinned tilt series, for `rlnTomoTiltSeriesPixelSize` of the optics groups; None
        takes the voxel size of the tomograms. Coordinates do not depend on it.

    Raises
    ------
    UserError
        A tomogram of unknown size, an object without position, a name that STAR cannot hold, full disk.
    """
    rows = table.rows
    shapes, voxel_sizes = table.per_row("shape")[:, ::-1], table.per_row("voxel_size")[:, ::-1]
    centred = (rows[["x", "y", "z"]].to_numpy() - shapes / 2.0) * voxel_sizes
    if not np.isfinite(centred).all():
        raise UserError("Some objects have no position (x, y or z is empty): delete or complete them first.")
    _refuse_bad_names([*rows["tomogram"].unique(), *rows["class"].unique()])
    particles = pd.DataFrame({"rlnTomoName": rows["tomogram"]})
    numbers = rows.groupby("tomogram").cumcount() + 1
    particles["rlnTomoParticleName"] = rows["tomogram"] + "/" + numbers.astype("str")
    particles[CENTRED] = centred
    angles = rows[list(ANGLES)].to_numpy()
    known = known_angles(angles)
    if known.any():
        particles[PARTICLE_ANGLES] = np.where(known[:, None], angles, 0.0)
        if not known.all():
            particles[ANGLES_KNOWN] = known.astype(np.int64)
    optics = _optics(table, tilt_series_pixel_size)
    group_of = {size: number for number, size in enumerate(_distinct_voxel_sizes(table), 1)}
    particles["rlnOpticsGroup"] = [group_of[table.tomograms[name].voxel_size] for name in rows["tomogram"]]
    class_numbers = {name: number for number, name in enumerate(sorted(rows["class"].unique()), 1)}
    particles["rlnClassNumber"] = [class_numbers[name] for name in rows["class"]]
    particles[CLASS_NAME] = rows["class"]
    for column, label in OWN_LABELS.items():
        particles[label] = rows[column]
    for name in rows.columns:
        if str(name).startswith("rln") and name not in HANDLED and rows[name].notna().all():
            particles[name] = rows[name]
    text = starfile.to_string({"optics": optics, "particles": particles}, na_rep="nan")
    # starfile's first line holds the time of day: the same table must give the same bytes.
    write_text(Path(path), "\n# version 50001\n" + text[text.index("\n") :])


def read(path: str | Path, tomograms: Mapping[str, TomogramGeometry]) -> ObjectTable:
    """Read particles with centred coordinates.

    Parameters
    ----------
    path
        A particles STAR file; the block is `particles` or the only one.
    tomograms
        Geometry by the names in `rlnTomoName`: of the tomograms at hand, or unbinned from `read_tomograms`.

    Returns
    -------
    ObjectTable
        Further columns are kept under their RELION names. Without class names, classes are called "class N".

    Raises
    ------
    UserError
        Not a STAR file, no centred coordinates, a tomogram that is not among `tomograms`.
    """
    particles = _block(path, "particles")
    _require(path, particles, ["rlnTomoName", *CENTRED])
    names = particles["rlnTomoName"].astype("str")
    unknown = sorted(set(names) - set(tomograms))
    if unknown:
        raise UserError(
            f"{path} has particles of tomogram {unknown[0]!r}, whose size is not known here: "
            "add that tomogram to the project, or rename it to match."
        )
    sizes = np.array([tomograms[name].shape for name in names], dtype=np.float64).reshape(-1, 3)[:, ::-1]
    voxels = np.array([tomograms[name].voxel_size for name in names], dtype=np.float64).reshape(-1, 3)[:, ::-1]
    angstrom = _numbers(path, particles, CENTRED)
    angles = np.full((len(particles), 3), np.nan)
    if set(PARTICLE_ANGLES) <= set(particles):
        angles = _numbers(path, particles, PARTICLE_ANGLES)
    if ANGLES_KNOWN in particles:
        angles[_numbers(path, particles, [ANGLES_KNOWN])[:, 0] == 0] = np.nan
    shift = _numbers(path, particles, ORIGIN) if set(ORIGIN) <= set(particles) else np.zeros_like(angstrom)
    if set(SUBTOMOGRAM_ANGLES) <= set(particles) and len(particles):
        subtomogram = rotation_from_relion(_numbers(path, particles, SUBTOMOGRAM_ANGLES))
        shift = subtomogram.apply(shift)
        own = rotation_from_relion(np.where(known_angles(angles)[:, None], angles, 0.0))
        angles = relion_from_rotation(subtomogram * own)
    rows = pd.DataFrame((angstrom - shift) / voxels + sizes / 2.0, columns=["x", "y", "z"])
    rows["tomogram"] = names.to_numpy()
    rows["class"] = _classes(particles)
    rows[list(ANGLES)] = angles
    for column, label in OWN_LABELS.items():
        if label in particles:
            rows[column] = pd.to_numeric(particles[label], errors="coerce").to_numpy()
    for name in particles.columns:
        if name not in HANDLED and name not in COLUMNS:
            rows[name] = particles[name].to_numpy()
    return ObjectTable(rows, {name: tomograms[name] for name in dict.fromkeys(names)} or dict(tomograms))


def read_tomograms(path: str | Path) -> dict[str, TomogramGeometry]:
    """The unbinned geometry of each tomogram from RELION's `tomograms.star`: what its coordinates refer to.

    Raises
    ------
    UserError
        Not a STAR file, or sizes or pixel sizes are missing.
    """
    block = _block(path, "global")
    sizes = [f"rlnTomoSize{axis}" for axis in "ZYX"]
    _require(path, block, ["rlnTomoName", "rlnTomoTiltSeriesPixelSize", *sizes])
    values = _numbers(path, block, [*sizes, "rlnTomoTiltSeriesPixelSize"])
    return {
        str(name): TomogramGeometry((int(z), int(y), int(x)), (float(pixel), float(pixel), float(pixel)))
        for name, (z, y, x, pixel) in zip(block["rlnTomoName"], values, strict=True)
    }


def _distinct_voxel_sizes(table: ObjectTable) -> list[tuple[float, float, float]]:
    used = set(table.rows["tomogram"]) or set(table.tomograms)
    return list(dict.fromkeys(geometry.voxel_size for name, geometry in table.tomograms.items() if name in used))


def _optics(table: ObjectTable, pixel_size: float | None) -> pd.DataFrame:
    sizes = _distinct_voxel_sizes(table)
    return pd.DataFrame(
        {
            "rlnOpticsGroup": range(1, len(sizes) + 1),
            "rlnOpticsGroupName": [f"opticsGroup{number}" for number in range(1, len(sizes) + 1)],
            "rlnTomoTiltSeriesPixelSize": [float(pixel_size or size[2]) for size in sizes],
        }
    )


def _refuse_bad_names(names: list[str]) -> None:
    """STAR has no way to write some names; others read back as something else."""
    for name in names:
        unwritable = not name or any(c in "\"'#" or not c.isprintable() for c in name)
        if unwritable or name.startswith(RESERVED_STARTS) or name in RESERVED_NAMES:
            raise UserError(
                f"The name {name!r} cannot be written to a STAR file: rename it "
                "(not empty, no quotes, no #, none of STAR's own words)."
            )


def _block(path: str | Path, name: str) -> pd.DataFrame:
    try:
        with explain_os_errors(path, "read"):
            Path(path).open("rb").close()  # starfile takes a missing file for an empty one
            blocks: dict[str, Any] = starfile.read(path, always_dict=True, parse_as_string=TEXT_LABELS)
    except UserError:
        raise
    except Exception as error:  # starfile raises many kinds for files that are no STAR
        raise UserError(f"{path} is not a STAR file that can be read ({error}).") from error
    block = blocks.get(name)
    if block is None and len(blocks) == 1:
        block = next(iter(blocks.values()))
    if isinstance(block, dict):  # a block of one row without a loop
        block = pd.DataFrame([block])
    if block is None:
        raise UserError(f"{path} has no block data_{name}: it holds {', '.join(blocks) or 'nothing'}.")
    return block


def _require(path: str | Path, block: pd.DataFrame, labels: list[str]) -> None:
    missing = [label for label in labels if label not in block]
    if missing:
        raise UserError(f"{path} has no column {missing[0]}: it is not a RELION 5 file of this kind.")


def _numbers(path: str | Path, block: pd.DataFrame, labels: list[str]) -> np.ndarray:
    try:
        return block[labels].to_numpy(dtype=np.float64)
    except ValueError as error:
        raise UserError(f"{path}: a value in {', '.join(labels)} is not a number ({error}).") from error


def _classes(particles: pd.DataFrame) -> list[str]:
    if CLASS_NAME in particles:
        return [str(name) for name in particles[CLASS_NAME]]
    if "rlnClassNumber" in particles:
        return [f"class {number}" for number in particles["rlnClassNumber"]]
    return ["particle"] * len(particles)
