"""Whether a list fits the tomograms it is read for: what is wrong or doubtful, which rows can stand in a table."""

import numpy as np

from engine.errors import UserError, quoted, shortened
from engine.objects.table import COORDINATES, ObjectTable

WORTH_SAYING = 0.05
"""Share of a tomogram's objects outside it from which on the whole list is doubted."""


def fitting(table: ObjectTable) -> np.ndarray:
    """Which rows lie in a tomogram that the table knows, at a place inside it: bool `[n]`."""
    rows = table.rows
    known = rows["tomogram"].isin(list(table.tomograms)).to_numpy()
    return known & (rows["class"] != "").to_numpy() & ~without_position(table) & ~outside(table)


def without_position(table: ObjectTable) -> np.ndarray:
    """Which rows have an x, y or z that is no finite number: bool `[n]`."""
    return ~np.isfinite(table.rows[list(COORDINATES)].to_numpy()).all(axis=1)


def outside(table: ObjectTable) -> np.ndarray:
    """Which rows lie beyond the faces of their tomogram, where its size is known: bool `[n]`."""
    rows = table.rows
    beyond = np.zeros(len(rows), dtype=bool)
    known = rows["tomogram"].isin(list(table.tomograms)).to_numpy()
    if known.any():
        inside = table.with_rows(rows[known])
        places = inside.rows[list(COORDINATES)].to_numpy()
        lengths = inside.per_row("shape")[:, ::-1]
        with np.errstate(invalid="ignore"):
            beyond[np.flatnonzero(known)] = ((places < -0.5) | (places > lengths - 0.5)).any(1)
    return beyond & ~without_position(table)


def repeated_ids(table: ObjectTable) -> np.ndarray:
    """Which rows have the id of a row before them: bool `[n]`."""
    return table.rows["id"].duplicated(keep="first").to_numpy()


def renumbered(table: ObjectTable) -> ObjectTable:
    """The table with new ids, after the largest, for objects with the id of one before them; others keep theirs."""
    again = repeated_ids(table)
    ids = table.rows["id"].to_numpy(copy=True)
    largest = int(ids.max()) if len(ids) else 0
    if largest > np.iinfo(np.int64).max - len(ids) - 1:
        return table.with_rows(table.rows.assign(id=np.arange(1, len(ids) + 1)))
    ids[again] = max(largest, 0) + 1 + np.arange(int(again.sum()))
    return table.with_rows(table.rows.assign(id=ids))


def faults(table: ObjectTable) -> list[str]:
    """Sentences on rows that are wrong whatever the list is for, each with their number and the first of them."""
    rows, said = table.rows, []
    of_all = f" of {len(rows):,} object{'' if len(rows) == 1 else 's'}"

    def report(bad: np.ndarray, one: str, several: str, first: str) -> None:
        count = int(bad.sum())
        where = int(np.argmax(bad)) if count else 0
        if count:
            cells = first.format(**_cells(table, where))
            said.append(f"{count:,}{of_all} {one if count == 1 else several}, the first in row {where + 1}{cells}.")

    no_place = "no position (x, y or z is no finite number)"
    report(without_position(table), f"has {no_place}", f"have {no_place}", "")
    report(outside(table), "lies outside its tomogram", "lie outside their tomogram", " ({places} in {size})")
    report(repeated_ids(table), "has the id of one before it", "have the id of one before them", " (id {id})")
    return said


def doubts(table: ObjectTable) -> list[str]:
    """Sentences on what makes a list look made for other tomograms than those here, each with both numbers."""
    rows, said = table.rows, []
    unknown = rows.loc[~rows["tomogram"].isin(list(table.tomograms)), "tomogram"].value_counts()
    if len(unknown):
        names = ", ".join(
            f"{shortened(str(name)) or 'unnamed'} ({count:,} object{'' if count == 1 else 's'})"
            for name, count in unknown.head(4).items()
        )
        said.append(
            f"Not among the tomograms here: {names}{' …' if len(unknown) > 4 else ''}; add them to the project, or "
            "choose the tomogram by hand."
        )
    empty = int(without_position(table).sum())
    if empty:
        said.append(f"{empty:,} of {len(rows):,} objects have no position (x, y or z is no finite number).")
    beyond = outside(table)
    for name, indices in rows.groupby("tomogram", sort=False).indices.items():
        members = np.asarray(indices)
        if name in table.tomograms and beyond[members].mean() >= WORTH_SAYING:
            said.append(_other_size(table, str(name), members, int(beyond[members].sum())))
    return said


def _other_size(table: ObjectTable, name: str, members: np.ndarray, outside_it: int) -> str:
    """Why a tomogram's objects lie outside it: the list is of a larger one, or counts from another origin."""
    geometry = table.tomograms[name]
    places = table.rows[list(COORDINATES)].to_numpy()[members]
    places = np.where(np.isfinite(places), places, np.nan)
    lengths = np.array(geometry.shape[::-1])
    low, high = np.nanmin(places, axis=0), np.nanmax(places, axis=0)
    reach = ", ".join(
        f"{axis} {end:,.0f}" if start >= -0.5 else f"{axis} {start:,.0f} … {end:,.0f}".replace("-", "−")
        for axis, start, end in zip(COORDINATES, low, high, strict=True)
    )
    size = " × ".join(f"{n:,}" for n in lengths)
    voxel = geometry.voxel_size[2]
    factor = float(np.max(high / lengths))
    reasons = []
    if (high > lengths - 0.5).any():
        reasons.append(
            f"is probably of one at least {factor:.2g} times as large (about {voxel / factor:.3g} Å): say its voxel "
            "size, or scale it"
        )
    if (low < -0.5).any():
        reasons.append("probably counts from another origin: shift it, or choose another format or option")
    where = f"{'lies' if outside_it == 1 else 'lie'} outside {shortened(name)}"
    return (
        f"{outside_it:,} of {len(members):,} objects {where}: the list reaches {reach} and the "
        f"tomogram has {size} voxels of {voxel:.4g} Å, so the list {'; or it '.join(reasons)}."
    )


def _cells(table: ObjectTable, row: int) -> dict[str, str]:
    """What a sentence shows of one row."""
    cells = table.rows.iloc[row]
    geometry = table.tomograms.get(cells["tomogram"])
    size = "×".join(str(n) for n in geometry.shape[::-1]) if geometry else "unknown"
    places = ", ".join(f"{axis} {cells[axis]:g}" for axis in COORDINATES)
    return {"places": places, "size": f"{quoted(cells['tomogram'])} of {size} voxels", "id": str(cells["id"])}


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
