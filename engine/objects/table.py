"""The object table: its columns, the tomograms it refers to, and what makes a row wrong.

Edits are in `edits`, exchange formats in `formats`; nothing here opens a file.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from engine.errors import UserError, quoted, shortened

TEXT_COLUMNS = ("tomogram", "class")
COORDINATES = ("x", "y", "z")
ANGLES = ("rot", "tilt", "psi")
NUMBER_COLUMNS = (*COORDINATES, *ANGLES, "score", "size")
COLUMNS = (*TEXT_COLUMNS, *NUMBER_COLUMNS, "id")
TEXT = pd.StringDtype(na_value=np.nan)
"""The type of text columns."""
SHOWN_PROBLEMS = 3
MOST_PROBLEMS = 1000
"""So many are described; a list of a million wrong rows helps nobody and takes minutes to write."""
PARTLY = "is missing while other angles are known"


class UnknownTomogram(UserError):
    """A tomogram's size is needed and not known. Whoever knows where sizes are given says it with `by`."""

    def __init__(self, what: str, tomogram: str):
        self.what, self.tomogram = what, shortened(tomogram)
        super().__init__(f"{what}: give its size, or add the tomogram to the project.")

    def by(self, way_out: str) -> UserError:
        """The error with another way out; NAME in it stands for the tomogram."""
        return UserError(f"{self.what}: {way_out.replace('NAME', self.tomogram)}.")


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
        """Centres in voxels, [n, 3] in the order z, y, x: what indexes an array; a copy that may be changed."""
        return self.rows[["z", "y", "x"]].to_numpy(dtype=np.float64, copy=True)  # else pandas may hand out its own

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
        which, names = pd.factorize(self.rows["tomogram"])
        unknown = sorted(set(names) - set(self.tomograms))
        if unknown:
            raise UnknownTomogram(f"The size of tomogram {quoted(unknown[0])} is not known", str(unknown[0]))
        values = [getattr(self.tomograms[name], attribute) for name in names]
        return np.array(values, dtype=np.float64).reshape(-1, 3)[which]


@dataclass(frozen=True)
class Problem:
    """One wrong cell.

    Attributes
    ----------
    row, id, column
        Which cell; rows are counted from 0 here and from 1 in the sentence.
    sentence
        What is wrong with it.
    """

    row: int
    id: int
    column: str
    sentence: str


@dataclass(frozen=True)
class Problems:
    """What is wrong with a table.

    Attributes
    ----------
    first
        The first ones, in the order of the rows.
    count
        How many there are in all.
    """

    first: tuple[Problem, ...]
    count: int


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
    # Columns that are right already are shared with what was given: pandas copies them when one of both is changed.
    rows = rows.reset_index(drop=True)
    for name in TEXT_COLUMNS:
        text = rows[name] if name in rows else pd.Series([""] * len(rows), dtype=TEXT)
        if name not in rows or text.dtype != TEXT or text.hasnans:
            rows[name] = text.astype("object").where(text.notna(), "").astype(TEXT)
    for name in NUMBER_COLUMNS:
        if name not in rows:
            rows[name] = np.full(len(rows), np.nan)
        elif rows[name].dtype != np.float64:
            rows[name] = _numbers(rows, name)
    if "id" not in rows or rows["id"].dtype != np.int64:
        rows["id"] = _ids(rows)
    order = [*COLUMNS, *(name for name in rows.columns if name not in COLUMNS)]
    return rows if list(rows.columns) == order else rows[order]


def validate(table: ObjectTable, classes: Collection[str] | None = None) -> list[str]:
    """What is wrong with a table, as sentences that name row (counted from 1), id and column; see `find_problems`."""
    return [problem.sentence for problem in find_problems(table, classes).first]


def find_problems(
    table: ObjectTable, classes: Collection[str] | None = None, sizes_needed: bool = True, most: int = MOST_PROBLEMS
) -> Problems:
    """What is wrong with a table: one problem per cell, all counted, the first ones described.

    Unknown tomogram, coordinate that is not a number or outside its tomogram (beyond the faces of the outermost
    voxels), id used twice, empty class, class that is not known, angles of which some are missing.

    Parameters
    ----------
    table
        What to look at.
    classes
        The names that a class may have; None allows any.
    sizes_needed
        Whether an object of a tomogram whose geometry the table does not know is a problem.
    most
        How many problems are described.
    """
    rows = table.rows
    found: list[tuple[str, str, np.ndarray]] = []

    def report(bad: np.ndarray, column: str, say: str) -> None:
        found.append((column, say, np.flatnonzero(bad)))

    which, names = pd.factorize(rows["tomogram"])
    known = np.array([name in table.tomograms for name in names], dtype=bool)
    if sizes_needed:
        report(~known[which], "tomogram", "is no tomogram of this table")
    report((rows["class"] == "").to_numpy(), "class", "is empty: give it a class")
    if classes is not None:
        strange = ~rows["class"].isin([*classes, ""]).to_numpy()
        report(strange, "class", f"is no known class ({', '.join(sorted(classes)) or 'there are none'})")
    report(rows["id"].duplicated(keep="first").to_numpy(), "id", "is used twice")
    shapes = [table.tomograms[name].shape if name in table.tomograms else (np.inf,) * 3 for name in names]
    lengths = np.array(shapes, dtype=np.float64).reshape(-1, 3)
    for axis, column in zip((2, 1, 0), COORDINATES, strict=True):
        value = rows[column].to_numpy()
        report(~np.isfinite(value), column, "is not a number")
        with np.errstate(invalid="ignore"):
            outside = np.isfinite(value) & ((value < -0.5) | (value > (lengths[:, axis] - 0.5)[which]))
        outside &= known[which]
        report(outside, column, "is outside the tomogram")
    angles = np.stack([rows[column].notna().to_numpy() for column in ANGLES])
    partly = angles.any(axis=0) & ~angles.all(axis=0)
    first_missing = np.argmin(angles, axis=0)
    for number, column in enumerate(ANGLES):
        report(partly & (first_missing == number), column, PARTLY)

    where = np.concatenate([bad for _, _, bad in found])
    kind = np.repeat(np.arange(len(found)), [len(bad) for _, _, bad in found])
    # Only the first rows are wanted: a whole sort of millions of problems would be for nothing.
    early = where <= np.partition(where, most - 1)[most - 1] if len(where) > most else np.ones(len(where), dtype=bool)
    order = np.flatnonzero(early)[np.argsort(where[early], kind="stable")][:most]
    first = tuple(_problem(table, int(where[i]), *found[kind[i]][:2]) for i in order)
    return Problems(first, len(where))


def _problem(table: ObjectTable, row: int, column: str, say: str) -> Problem:
    value = table.rows[column].iloc[row]
    object_id = int(table.rows["id"].iloc[row])
    cell = f"{column} {PARTLY}" if say == PARTLY else f"{column} = {_shown(value)} {say}"
    if say == "is outside the tomogram":
        length = table.tomograms[table.rows["tomogram"].iloc[row]].shape[2 - COORDINATES.index(column)]
        cell += f" (0 … {length - 1})"
    return Problem(row, object_id, column, f"row {row + 1} (id {object_id}): {cell}")


def check(table: ObjectTable, classes: Collection[str] | None = None, sizes_needed: bool = True) -> None:
    """Refuse a table with problems; parameters as `find_problems`.

    Raises
    ------
    UserError
        The first problems and how many more there are.
    """
    problems = find_problems(table, classes, sizes_needed, most=SHOWN_PROBLEMS)
    if problems.count:
        more = problems.count - len(problems.first)
        tail = f"; and {more:,} more" if more > 0 else ""
        raise UserError("This table cannot be saved: " + "; ".join(p.sentence for p in problems.first) + tail + ".")


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else quoted(value) if isinstance(value, str) else str(value)


def _numbers(rows: pd.DataFrame, name: str) -> np.ndarray:
    values = pd.to_numeric(rows[name], errors="coerce")
    bad = values.isna() & rows[name].notna()
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise UserError(f"Row {row + 1}, column {name}: {quoted(rows[name].iloc[row])} is not a number.")
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
