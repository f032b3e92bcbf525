"""The object table: its columns, the tomograms it refers to, and what makes a row wrong.

Edits are in `edits`, exchange formats in `formats`; nothing here opens a file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from engine.errors import UserError

TEXT_COLUMNS = ("tomogram", "class")
COORDINATES = ("x", "y", "z")
ANGLES = ("rot", "tilt", "psi")
NUMBER_COLUMNS = (*COORDINATES, *ANGLES, "score", "size")
COLUMNS = (*TEXT_COLUMNS, *NUMBER_COLUMNS, "id")
SHOWN_PROBLEMS = 3


@dataclass(frozen=True)
class TomogramGeometry:
    """Size of one tomogram.

    Attributes
    ----------
    shape
        (z, y, x) in voxels.
    voxel_size
        (z, y, x) in Å.
    """

    shape: tuple[int, int, int]
    voxel_size: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class ObjectTable:
    """Objects found or annotated in tomograms.

    Attributes
    ----------
    rows
        One row per object with the columns, in this order: tomogram, class (text); x, y, z (voxels of that
        tomogram, 0-based, the centre of voxel i at i); rot, tilt, psi (RELION's ZYZ angles in degrees, NaN =
        unknown); score; size (voxels, NaN = unknown); id (whole number, unique); then any further columns.
        Missing columns are filled in and types are set on construction. Never changed in place: edits give a
        new table.
    tomograms
        The geometry of each tomogram by name; a tomogram without objects may be in it too.
    """

    rows: pd.DataFrame
    tomograms: Mapping[str, TomogramGeometry] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", normal_rows(self.rows))
        object.__setattr__(self, "tomograms", dict(self.tomograms))

    def __len__(self) -> int:
        return len(self.rows)

    def with_rows(self, rows: pd.DataFrame) -> "ObjectTable":
        """A table of other rows over the same tomograms."""
        return ObjectTable(rows, self.tomograms)

    def coordinates_zyx(self) -> np.ndarray:
        """Centres in voxels, [n, 3] in the order z, y, x: what indexes an array."""
        return self.rows[["z", "y", "x"]].to_numpy(dtype=np.float64)

    def coordinates_angstrom(self) -> np.ndarray:
        """Centres in Å (voxel × voxel size of their tomogram), [n, 3] in the order x, y, z."""
        return self.rows[list(COORDINATES)].to_numpy(dtype=np.float64) * self.per_row("voxel_size")[:, ::-1]

    def per_row(self, attribute: str) -> np.ndarray:
        """`shape` or `voxel_size` of the tomogram of each row, [n, 3] in the order z, y, x.

        Raises
        ------
        UserError
            A row names a tomogram whose geometry is not known.
        """
        names = self.rows["tomogram"]
        unknown = sorted(set(names) - set(self.tomograms))
        if unknown:
            raise UserError(f"The size of tomogram {unknown[0]!r} is not known: add it to the project first.")
        lookup = {name: getattr(geometry, attribute) for name, geometry in self.tomograms.items()}
        return np.array([lookup[name] for name in names], dtype=np.float64).reshape(-1, 3)


def empty_table(tomograms: Mapping[str, TomogramGeometry] | None = None) -> ObjectTable:
    """A table of no objects."""
    return ObjectTable(pd.DataFrame(columns=list(COLUMNS)), tomograms or {})


def table_from_centroids(
    tomogram: str,
    geometry: TomogramGeometry,
    centroids_zyx: np.ndarray,
    sizes: Sequence[float] | np.ndarray | None = None,
    scores: Sequence[float] | np.ndarray | None = None,
    class_name: str = "particle",
) -> ObjectTable:
    """A table of objects of one class found in one tomogram; ids 1 … n.

    Parameters
    ----------
    tomogram
        Its name.
    geometry
        Its size.
    centroids_zyx
        [n, 3] in voxels, in the order z, y, x.
    sizes
        [n] voxels; None = unknown.
    scores
        [n]; None = unknown.
    class_name
        Of all of them.
    """
    centroids = np.asarray(centroids_zyx, dtype=np.float64).reshape(-1, 3)
    count = len(centroids)
    rows = pd.DataFrame(
        {
            "tomogram": [tomogram] * count,
            "class": [class_name] * count,
            "x": centroids[:, 2],
            "y": centroids[:, 1],
            "z": centroids[:, 0],
            "score": np.full(count, np.nan) if scores is None else np.asarray(scores, dtype=np.float64),
            "size": np.full(count, np.nan) if sizes is None else np.asarray(sizes, dtype=np.float64),
        }
    )
    return ObjectTable(rows, {tomogram: geometry})


def normal_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """A copy of rows with all columns, their order and types; missing ids are numbered on after the largest.

    Raises
    ------
    UserError
        A value that is no number where one belongs, with its row and column.
    """
    rows = rows.reset_index(drop=True).copy()
    for name in TEXT_COLUMNS:
        text = rows[name] if name in rows else pd.Series([""] * len(rows), dtype="str")
        rows[name] = text.astype("object").where(text.notna(), "").astype("str")
    for name in NUMBER_COLUMNS:
        rows[name] = _numbers(rows, name) if name in rows else np.full(len(rows), np.nan)
    rows["id"] = _ids(rows)
    extra = [name for name in rows.columns if name not in COLUMNS]
    return rows[[*COLUMNS, *extra]]


def validate(table: ObjectTable) -> list[str]:
    """What is wrong with a table, one sentence per cell, naming row (counted from 1), id and column.

    Unknown tomogram, coordinate that is not a number or outside its tomogram (beyond the faces of the
    outermost voxels), id used twice, empty class, angles of which some are missing.
    """
    rows = table.rows
    problems: list[tuple[int, str]] = []

    def report(bad: np.ndarray, column: str, say: str) -> None:
        for row in np.flatnonzero(bad):
            value = rows.iloc[row][column]
            problems.append((int(row), f"{_label(rows, int(row))}: {column} = {_shown(value)} {say}"))

    known = rows["tomogram"].isin(list(table.tomograms)).to_numpy()
    report(~known, "tomogram", "is no tomogram of this table")
    report((rows["class"] == "").to_numpy(), "class", "is empty: give it a class")
    report(rows["id"].duplicated(keep="first").to_numpy(), "id", "is used twice")
    shapes = np.full((len(rows), 3), np.nan)
    if known.any():
        shapes[known] = table.with_rows(rows[known]).per_row("shape")
    for column, length in zip(COORDINATES, shapes[:, ::-1].T, strict=True):
        value = rows[column].to_numpy()
        report(~np.isfinite(value), column, "is not a number")
        outside = np.isfinite(value) & ((value < -0.5) | (value > length - 0.5))
        for row in np.flatnonzero(outside):
            text = f"is outside the tomogram (0 … {int(length[row]) - 1})"
            problems.append((int(row), f"{_label(rows, int(row))}: {column} = {_shown(value[row])} {text}"))
    angles = rows[list(ANGLES)].notna().to_numpy()
    partly = angles.any(axis=1) & ~angles.all(axis=1)
    for row in np.flatnonzero(partly):
        column = ANGLES[int(np.argmin(angles[row]))]
        problems.append((int(row), f"{_label(rows, int(row))}: {column} is missing while other angles are known"))
    return [sentence for _, sentence in sorted(problems, key=lambda problem: problem[0])]


def check(table: ObjectTable) -> None:
    """Refuse a table with problems.

    Raises
    ------
    UserError
        The first problems and how many more there are.
    """
    problems = validate(table)
    if problems:
        more = len(problems) - SHOWN_PROBLEMS
        tail = f"; and {more} more" if more > 0 else ""
        raise UserError("This table cannot be saved: " + "; ".join(problems[:SHOWN_PROBLEMS]) + tail + ".")


def _label(rows: pd.DataFrame, row: int) -> str:
    return f"row {row + 1} (id {rows['id'].iloc[row]})"


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value) if isinstance(value, str) else str(value)


def _numbers(rows: pd.DataFrame, name: str) -> np.ndarray:
    values = pd.to_numeric(rows[name], errors="coerce")
    bad = values.isna() & rows[name].notna()
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise UserError(f"Row {row + 1}, column {name}: {rows[name].iloc[row]!r} is not a number.")
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _ids(rows: pd.DataFrame) -> np.ndarray:
    if "id" not in rows:
        return np.arange(1, len(rows) + 1, dtype=np.int64)
    values = _numbers(rows, "id")
    known = np.isfinite(values)
    fractional = known & (values != np.floor(values))
    if fractional.any():
        row = int(np.flatnonzero(fractional)[0])
        raise UserError(f"Row {row + 1}, column id: {values[row]:g} is not a whole number.")
    largest = int(values[known].max()) if known.any() else 0
    numbered = np.empty(len(rows), dtype=np.int64)
    # Straight from the column where possible: float64 would round ids beyond 2⁵³.
    numbered[known] = rows["id"].to_numpy()[known].astype(np.int64)
    numbered[~known] = max(largest, 0) + 1 + np.arange(int((~known).sum()))
    return numbered
