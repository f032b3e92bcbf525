"""Whether a list fits the tomograms it is read for: what is doubtful, and which rows can stand in a table."""

import numpy as np

from engine.errors import UserError
from engine.objects.table import COORDINATES, ObjectTable

WORTH_SAYING = 0.05
"""Share of a tomogram's objects outside it from which on the whole list is doubted."""


def fitting(table: ObjectTable) -> np.ndarray:
    """Which rows lie in a tomogram that the table knows, at a place inside it: bool `[n]`."""
    rows = table.rows
    known = rows["tomogram"].isin(list(table.tomograms)).to_numpy()
    fits = known & (rows["class"] != "").to_numpy()
    if known.any():
        inside = table.with_rows(rows[known])
        places = inside.rows[list(COORDINATES)].to_numpy()
        lengths = inside.per_row("shape")[:, ::-1]
        with np.errstate(invalid="ignore"):
            fits[np.flatnonzero(known)] &= ((places >= -0.5) & (places <= lengths - 0.5)).all(1)
    return fits


def doubts(table: ObjectTable) -> list[str]:
    """Sentences on what makes a list look made for other tomograms than those here, each with both numbers."""
    rows, said = table.rows, []
    unknown = rows.loc[~rows["tomogram"].isin(list(table.tomograms)), "tomogram"].value_counts()
    if len(unknown):
        names = ", ".join(f"{name or 'unnamed'} ({count:,} objects)" for name, count in unknown.head(4).items())
        said.append(
            f"Not among the tomograms here: {names}{' …' if len(unknown) > 4 else ''}; add them to the project, or "
            "choose the tomogram by hand."
        )
    empty = int(rows[list(COORDINATES)].isna().any(axis=1).sum())
    if empty:
        said.append(f"{empty:,} of {len(rows):,} objects have no position (x, y or z is not a number).")
    for name, members in rows.groupby("tomogram", sort=False).indices.items():
        if name not in table.tomograms:
            continue
        geometry = table.tomograms[str(name)]
        places = rows[list(COORDINATES)].to_numpy()[members]
        lengths = np.array(geometry.shape[::-1])
        with np.errstate(invalid="ignore"):
            outside = ((places < -0.5) | (places > lengths - 0.5)).any(1)
        if outside.mean() < WORTH_SAYING:
            continue
        reach = np.nanmax(np.abs(places), axis=0)
        factor = float(np.max(reach / lengths))
        size = " × ".join(f"{n:,}" for n in lengths)
        x, y, z = (f"{n:,.0f}" for n in reach)
        voxel = geometry.voxel_size[2]
        said.append(
            f"{int(outside.sum()):,} of {len(members):,} objects lie outside {name}: the list reaches x {x}, y {y}, "
            f"z {z} and the tomogram has {size} voxels of {voxel:.4g} Å, so the list is probably of one at least "
            f"{factor:.2g} times as large (about {voxel / factor:.3g} Å): say its voxel size, or scale it."
        )
    return said


def from_voxel_size(table: ObjectTable, voxel_size: float) -> ObjectTable:
    """The table of a list that counts voxels of another size: positions in voxels of the tomograms here.

    Binning by b maps voxel i to (i + 0.5) / b − 0.5, with b = voxel size here / `voxel_size`. Rows of unknown tomograms
    stay as they are.

    Parameters
    ----------
    table
        As it was read.
    voxel_size
        Å, of the list.

    Raises
    ------
    UserError
        A voxel size of 0 or less.
    """
    if voxel_size <= 0:
        raise UserError(f"The voxel size of the list is {voxel_size:g} Å: it must be more than 0.")
    rows = table.rows.copy()
    known = rows["tomogram"].isin(list(table.tomograms)).to_numpy()
    if known.any():
        binning = table.with_rows(rows[known]).per_row("voxel_size")[:, ::-1] / voxel_size
        places = rows.loc[known, list(COORDINATES)].to_numpy()
        rows.loc[known, list(COORDINATES)] = (places + 0.5) / binning - 0.5
    return table.with_rows(rows)
