"""What RELION's particle lists of all versions, and Warp's, have in common; where the positions stand is elsewhere.

Pose: the orientation is A_subtomogram · A_particle and the position is pos − A_subtomogram · origin. Reading gives the
whole of both. The columns they were made of are kept as further columns (`rlnTomoSubtomogramRot` …, `rlnOriginXAngst`
…), and writing splits the pose by them again: subtomograms that were extracted in that frame, and priors of angles
that refer to it, stay true.

Optics: columns of the optics group go into the rows when a list is read, and back into one group per distinct set of
values when it is written.

Labels that RELION does not have begin with `tomodeck` (RELION and Warp skip them): class name, score, size, id. Angles
are needed as numbers: with angles known for some rows only, the others get 0 0 0 and `tomodeckAnglesKnown` 0.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from engine.errors import UserError, quoted
from engine.objects.formats.class_names_given import NamesOfClasses, named
from engine.objects.formats.class_numbers import NumbersOfClasses, class_numbers
from engine.objects.formats.given_angles import sensible_angles
from engine.objects.formats.notes import note
from engine.objects.formats.positions import angles_and_known
from engine.objects.formats.star_files import CLASS_NAME, StarTable, block_of, read_blocks, refuse_bad_names
from engine.objects.orientations import known_angles, relion_from_rotation, rotation_from_relion
from engine.objects.table import ANGLES, COLUMNS, ObjectTable

COORDINATE = ["rlnCoordinateX", "rlnCoordinateY", "rlnCoordinateZ"]
CENTRED = [f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ"]
ORIGIN = [f"rlnOrigin{axis}Angst" for axis in "XYZ"]
ORIGIN_PIXELS = [f"rlnOrigin{axis}" for axis in "XYZ"]
PARTICLE_ANGLES = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]
SUBTOMOGRAM_ANGLES = ["rlnTomoSubtomogramRot", "rlnTomoSubtomogramTilt", "rlnTomoSubtomogramPsi"]
COORDINATE_PIXEL = "tomodeckPixelSize"
"""Å per pixel of the coordinates, for the formats in which it is easily mistaken."""
PRIORS = {"rlnAngleRotPrior", "rlnAngleTiltPrior", "rlnAnglePsiPrior"}
OWN_LABELS = {"score": "tomodeckScore", "size": "tomodeckSize", "id": "tomodeckId"}
ANGLES_KNOWN = "tomodeckAnglesKnown"
PARTICLE_NAME = "rlnTomoParticleName"
STACKS = "rlnTomoSubTomosAre2DStacks"
TILT_SERIES_PIXEL = "rlnTomoTiltSeriesPixelSize"
GROUP, GROUP_NAME = "rlnOpticsGroup", "rlnOpticsGroupName"
OPTICS = [
    GROUP_NAME, TILT_SERIES_PIXEL, "rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast",
    "rlnMicrographOriginalPixelSize", "rlnCtfDataAreCtfPremultiplied", "rlnImageDimensionality",
    "rlnTomoSubtomogramBinning", "rlnImagePixelSize", "rlnImageSize", "rlnMtfFileName", "rlnBeamTiltX",
    "rlnBeamTiltY", "rlnOddZernike", "rlnEvenZernike",
]  # fmt: skip
"""Labels that stand in the optics block; any others that a list has there are written with the particles."""
NOT_FURTHER = {
    *COLUMNS, *COORDINATE, *CENTRED, *ORIGIN_PIXELS, *PARTICLE_ANGLES, *OWN_LABELS.values(), CLASS_NAME, ANGLES_KNOWN,
    COORDINATE_PIXEL, "rlnTomoName", "rlnMicrographName", "rlnClassNumber",
}  # fmt: skip
"""Read into the table's own columns, or made anew."""


def read_particles(path: str | Path) -> StarTable:
    """The particles of a list, with the columns of their optics group.

    Raises
    ------
    UserError
        Not a STAR file, several blocks none of which is `particles`, an optics group that is not there.
    """
    blocks = read_blocks(path)
    particles = block_of(blocks, "particles", "")
    rows = particles.rows
    if "optics" in blocks and GROUP in rows and particles is not blocks["optics"]:
        optics = blocks["optics"]
        optics.require([GROUP], "its block data_optics needs the numbers of the groups")
        numbers, groups = particles.numbers([GROUP])[:, 0], optics.numbers([GROUP])[:, 0]
        lost = ~np.isin(numbers, groups)
        if lost.any():
            row = int(np.argmax(lost))
            raise UserError(
                f"{path}, line {particles.lines[row]}: {GROUP} {numbers[row]:g} is not in its block data_optics."
            )
        new = [label for label in optics.rows.columns if label not in rows]
        by_number = optics.rows.assign(**{GROUP: groups}).drop_duplicates(GROUP).set_index(GROUP)[new]
        rows = pd.concat([rows, by_number.loc[numbers].reset_index(drop=True)], axis=1)
    general = blocks.get("general")
    if general is not None and STACKS in general.rows and STACKS not in rows and len(general) == 1:
        rows = rows.assign(**{STACKS: general.rows[STACKS].iloc[0]})
    return StarTable(particles.path, particles.name, rows, particles.lines)


def poses(particles: StarTable) -> tuple[np.ndarray, np.ndarray]:
    """Whole orientations and what is to be taken off the positions.

    Returns
    -------
    angles
        [n, 3] rot, tilt, psi in degrees; NaN where unknown.
    shifts
        [n, 3] in Å, along the axes of the tomogram.
    """
    count = len(particles)
    angles = np.full((count, 3), np.nan)
    if particles.has(PARTICLE_ANGLES):
        angles = sensible_angles(particles.numbers(PARTICLE_ANGLES), particles.path, PARTICLE_ANGLES)
    unknown = np.zeros(count, dtype=bool)
    if ANGLES_KNOWN in particles.rows:
        unknown = particles.numbers([ANGLES_KNOWN])[:, 0] == 0
    shifts = particles.numbers(ORIGIN) if particles.has(ORIGIN) else np.zeros((count, 3))
    if particles.has(SUBTOMOGRAM_ANGLES) and count:
        subtomogram = rotation_from_relion(particles.numbers(SUBTOMOGRAM_ANGLES))
        shifts = subtomogram.apply(shifts)
        own = rotation_from_relion(np.where(known_angles(angles)[:, None], angles, 0.0))
        angles = relion_from_rotation(subtomogram * own)
    angles[unknown] = np.nan
    return angles, shifts


def table_rows(
    particles: StarTable, positions: np.ndarray, angles: np.ndarray, names: "pd.Series[str]", classes: NamesOfClasses
) -> pd.DataFrame:
    """Rows of an object table.

    Parameters
    ----------
    particles
        The list.
    positions
        [n, 3] x, y, z in voxels.
    angles
        [n, 3] as `poses` gives them.
    names
        The tomogram of each.
    classes
        Names for class numbers, used where the list has no names.
    """
    rows = pd.DataFrame(positions, columns=["x", "y", "z"])
    rows["tomogram"] = names.to_numpy()
    if CLASS_NAME in particles.rows:
        rows["class"] = particles.text(CLASS_NAME).to_numpy()
    elif "rlnClassNumber" in particles.rows:
        rows["class"] = named(particles.numbers(["rlnClassNumber"])[:, 0], classes)
    else:
        rows["class"] = "particle"
    rows[list(ANGLES)] = angles
    for column, label in OWN_LABELS.items():
        if label in particles.rows:
            rows[column] = particles.numbers([label])[:, 0] if column != "id" else particles.rows[label].to_numpy()
    further = [name for name in particles.rows.columns if name not in NOT_FURTHER]
    return pd.concat([rows, particles.rows[further].reset_index(drop=True)], axis=1)


def particle_columns(
    table: ObjectTable,
    keep: Literal["subtomograms", "origins", "nothing"],
    options: NumbersOfClasses,
    title: str = "RELION",
) -> tuple[pd.DataFrame, np.ndarray]:
    """Angles, class, score, size and id of each object as columns, and what is to be added to its position.

    Parameters
    ----------
    table
        The objects; names that STAR cannot hold are refused.
    keep
        What the format has of the frame that a list came in: angles of subtomograms and origins, origins alone, or
        nothing. A pose is written whole where its frame cannot be kept.
    options, title
        The numbers of the classes, and whose they are.

    Returns
    -------
    columns
        In RELION's and our own labels.
    shifts
        [n, 3] in Å; not 0 only where the list keeps the origins it came with.
    """
    rows = table.rows
    refuse_bad_names([*rows["tomogram"].unique(), *rows["class"].unique()])
    angles, known = angles_and_known(table)
    shifts = np.zeros((len(rows), 3))
    columns = pd.DataFrame(index=rows.index)
    framed = set(SUBTOMOGRAM_ANGLES) <= set(rows.columns) and len(rows) > 0
    frame = rows[SUBTOMOGRAM_ANGLES].fillna(0.0).to_numpy(np.float64) if framed and keep == "subtomograms" else None
    origins = keep == "subtomograms" or (keep == "origins" and not framed)
    if len(rows) and set(ORIGIN) <= set(rows.columns) and origins:
        origin = rows[ORIGIN].fillna(0.0).to_numpy(dtype=np.float64)
        columns[ORIGIN] = origin
        shifts = rotation_from_relion(frame).apply(origin) if frame is not None else origin
    if frame is not None:
        columns[SUBTOMOGRAM_ANGLES] = frame
        whole = rotation_from_relion(angles)
        angles = np.where(known[:, None], relion_from_rotation(rotation_from_relion(frame).inv() * whole), 0.0)
    if known.any():
        columns[PARTICLE_ANGLES] = angles
        if not known.all():
            columns[ANGLES_KNOWN] = known.astype(np.int64)
    elif frame is not None:
        columns[ANGLES_KNOWN] = 0
    columns["rlnClassNumber"] = class_numbers(rows["class"], title, options)
    columns[CLASS_NAME] = rows["class"]
    for column, label in OWN_LABELS.items():
        columns[label] = rows[column]
    return columns, shifts


def particle_names(rows: pd.DataFrame, tomograms: "pd.Series[str]") -> "pd.Series[str]":
    """`rlnTomoParticleName`: as the list had it where that is one of this tomogram and the only one, else numbered on.

    Parameters
    ----------
    rows
        Of the object table.
    tomograms
        The name of each one's tomogram for RELION.
    """
    if PARTICLE_NAME not in rows:
        return tomograms + "/" + (tomograms.groupby(tomograms).cumcount() + 1).astype("str")
    listed = pd.Series(rows[PARTICLE_NAME], rows.index, dtype="object")
    listed = listed.where(listed.notna(), "").astype("str")
    parts = pd.DataFrame([name.rpartition("/") for name in listed], rows.index, ["tomogram", "slash", "number"])
    numbers = pd.to_numeric(parts["number"], errors="coerce")
    good = (parts["tomogram"] == tomograms) & numbers.notna() & ~listed.duplicated()
    largest = numbers.where(good).groupby(tomograms).transform("max").fillna(0)
    further = (~good).groupby(tomograms).cumsum()
    made = tomograms + "/" + (largest + further).astype("int64").astype("str")
    return listed.where(good, made).astype("str")


def further_columns(table: ObjectTable, written: Collection[str], whole_poses: bool = False) -> pd.DataFrame:
    """RELION's further columns that are complete and not written already; notes name those that are left out.

    With `whole_poses` the priors of angles are too, where they refer to the frame of a subtomogram.
    """
    rows = table.rows
    skip = {*NOT_FURTHER, *ORIGIN, *SUBTOMOGRAM_ANGLES, *written}
    if whole_poses and set(SUBTOMOGRAM_ANGLES) <= set(rows.columns):
        skip |= PRIORS
    names = [name for name in rows.columns if str(name).startswith("rln") and name not in skip]
    foreign = [str(name) for name in rows.columns if not str(name).startswith("rln") and name not in COLUMNS]
    if foreign:
        note(f"Not written, because RELION has no place for them: {', '.join(foreign)}.")
    complete = [name for name in names if rows[name].notna().all()]
    if len(complete) < len(names):
        gaps = [name for name in names if name not in complete]
        note(f"Not written, because some objects have no value in them: {', '.join(gaps)}.")
    for name in complete:
        if not pd.api.types.is_numeric_dtype(rows[name]):
            refuse_bad_values(rows[name])
    return rows[complete]


def refuse_bad_values(column: pd.Series) -> None:
    """Refuse text that STAR cannot hold. Raises UserError naming the column and the value."""
    text = column.astype("str")
    bad = text.str.contains(r"[\"'#\n\r\t]") | (text == "")
    if bad.any():
        raise UserError(
            f"The value {quoted(text[bad].iloc[0])} in column {column.name} cannot be written to a STAR file: "
            "change it, or delete that column."
        )


def optics_block(table: ObjectTable, own: pd.DataFrame, label: str) -> tuple[pd.DataFrame, np.ndarray]:
    """The optics block and the number of each object's group: one per distinct set of values.

    Parameters
    ----------
    table
        The objects, with columns of optics where the list they came from had them.
    own
        Columns that are set here, by object (pixel sizes); they win over those of the table.
    label
        The one of `own` that holds the pixel size, for a table without objects.
    """
    rows = table.rows
    if not len(rows):
        sizes = list(dict.fromkeys(geometry.voxel_size[2] for geometry in table.tomograms.values()))
        block = pd.DataFrame({label: np.array(sizes, dtype=np.float64)})
        groups = np.zeros(0, dtype=np.int64)
    else:
        kept = [name for name in OPTICS if name in rows and name not in own and rows[name].notna().all()]
        for name in kept:
            if not pd.api.types.is_numeric_dtype(rows[name]):
                refuse_bad_values(rows[name])
        values = pd.concat([rows[kept].reset_index(drop=True), own.reset_index(drop=True)], axis=1)
        keys = values.copy()
        if GROUP in rows and rows[GROUP].notna().all():
            keys[GROUP] = rows[GROUP].to_numpy()
        which = keys.groupby(list(keys.columns), sort=False).ngroup().to_numpy()
        first = np.unique(which, return_index=True)[1]
        order = np.argsort(keys[GROUP].to_numpy()[first], kind="stable") if GROUP in keys else np.arange(len(first))
        block = values.iloc[first[order]].reset_index(drop=True)
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(1, len(order) + 1)
        groups = place[which]
    numbers = range(1, len(block) + 1)
    names = [f"opticsGroup{number}" for number in numbers]
    if GROUP_NAME in block and block[GROUP_NAME].is_unique:
        names = [str(name) for name in block[GROUP_NAME]]
    block = block.drop(columns=GROUP_NAME, errors="ignore")
    block.insert(0, GROUP, list(numbers))
    block.insert(1, GROUP_NAME, names)
    return block, groups


def pixel_size_of(rows: pd.DataFrame, labels: Sequence[str]) -> np.ndarray | None:
    """Å per pixel of each object from the first of these columns that is complete and positive; None if none is."""
    for label in labels:
        if label in rows and len(rows):
            values = pd.to_numeric(rows[label], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
            if np.isfinite(values).all() and (values > 0).all():
                return values
    return None
