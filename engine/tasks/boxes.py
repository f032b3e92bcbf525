"""Files of subtomograms and their index: written here for the task "extract" and for the command on PickET's lists.

How a box is cut is in `engine.objects.subtomograms`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from engine.atomic import replacing, write_text
from engine.objects import ObjectTable, boxes_inside, cut_boxes, filter_by, nearest_voxels
from engine.objects.subtomograms import Padding
from engine.volumes import write_mrc

FormatName = Literal["mrc", "npy"]
VoxelSize = tuple[float, float, float]

HEADER_BYTES = {"mrc": 1024, "npy": 128}
INDEX = "index.csv"
SKIPPED = "skipped.csv"


@dataclass(frozen=True)
class BoxOptions:
    """How boxes are cut and written; `engine.objects.cut_boxes` says what each means.

    Attributes
    ----------
    size
        Voxels.
    format
        "mrc" or "npy".
    padding, normalise, invert
        As there.
    """

    size: int
    format: FormatName = "mrc"
    padding: Padding = "pad"
    normalise: bool = False
    invert: bool = False


def estimate(table: ObjectTable, options: BoxOptions) -> tuple[int, int]:
    """How many boxes will be written at most, and how many bytes they take together."""
    count = len(table)
    if options.padding == "skip":
        count = 0
        for name in dict.fromkeys(table.rows["tomogram"]):
            part = filter_by(table, tomograms=[name])
            shapes = part.per_row("shape")[0].astype(int)
            count += int(boxes_inside(part.coordinates_zyx(), options.size, tuple(shapes)).sum())
    return count, count * (4 * options.size**3 + HEADER_BYTES[options.format])


def write_boxes(
    volume: Any,
    table: ObjectTable,
    voxel_size: VoxelSize | None,
    options: BoxOptions,
    path_of: Callable[[int], Path],
    progress: Callable[[float, str], None] | None = None,
) -> dict[int, str]:
    """Cut and write a box around each object of one tomogram; float32, in the order of z.

    Parameters
    ----------
    volume
        [z, y, x], anything that slices like an array; never read whole.
    table
        Objects of this tomogram alone.
    voxel_size
        (z, y, x) in Å for the headers; None = unknown.
    options
        How.
    path_of
        Row of the table, counted from 0 → its file.
    progress
        Called with (fraction, text).

    Returns
    -------
    dict
        Row → why it was left out.

    Raises
    ------
    UserError
        An object without position, full disk.
    """
    skipped: dict[int, str] = {}
    centres = table.coordinates_zyx()
    cut = cut_boxes(volume, centres, options.size, options.padding, options.normalise, options.invert)
    for done, box in enumerate(cut, 1):
        if box.voxels is None:
            skipped[box.index] = box.reason
        elif options.format == "mrc":
            write_mrc(path_of(box.index), box.voxels, voxel_size)
        else:
            with replacing(path_of(box.index)) as temporary, temporary.open("wb") as file:
                np.save(file, box.voxels)
        if progress is not None:
            progress(done / len(table), "cutting boxes")
    return skipped


def index_rows(table: ObjectTable, files: Mapping[int, str], voxel_size: VoxelSize | None) -> pd.DataFrame:
    """The index of boxes that were written.

    Parameters
    ----------
    table
        Objects of one tomogram.
    files
        Row of the table, counted from 0 → its file as the index names it.
    voxel_size
        (z, y, x) in Å; None = unknown.

    Returns
    -------
    DataFrame
        file, id, tomogram, class; x, y, z (voxels of the tomogram, not rounded); rot, tilt, psi; offset_x, offset_y,
        offset_z: Å from the centre of the voxel size // 2 of the box to the object (empty where the voxel size is
        unknown).
    """
    rows = list(files)
    index = table.rows.loc[rows, ["id", "tomogram", "class", "x", "y", "z", "rot", "tilt", "psi"]]
    index = index.reset_index(drop=True)
    index.insert(0, "file", list(files.values()))
    centres = table.coordinates_zyx()[rows]
    angstrom = (centres - nearest_voxels(centres)) * np.array(voxel_size or (np.nan,) * 3)
    for axis, values in zip("zyx", angstrom.T, strict=True):
        index[f"offset_{axis}"] = values.round(6)
    return index[[*index.columns[:-3], "offset_x", "offset_y", "offset_z"]]


def skipped_rows(table: ObjectTable, skipped: Mapping[int, str]) -> pd.DataFrame:
    """The objects that were left out: id, tomogram, class, x, y, z, reason."""
    rows = table.rows.loc[sorted(skipped), ["id", "tomogram", "class", "x", "y", "z"]].reset_index(drop=True)
    rows["reason"] = [skipped[row] for row in sorted(skipped)]
    return rows


def write_index(folder: Path, index: pd.DataFrame, skipped: pd.DataFrame) -> None:
    """Write `index.csv` and, where objects were left out, `skipped.csv`.

    Raises
    ------
    UserError
        Full disk, no permission.
    """
    write_text(folder / INDEX, index.to_csv(index=False, lineterminator="\n"))
    if len(skipped):
        write_text(folder / SKIPPED, skipped.to_csv(index=False, lineterminator="\n"))
    else:
        (folder / SKIPPED).unlink(missing_ok=True)
