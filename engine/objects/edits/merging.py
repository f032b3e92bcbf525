"""Several tables into one, one into several, and objects found twice."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from engine.errors import UserError
from engine.objects.table import ObjectTable, TomogramGeometry

ROUNDS = 30
"""So often all points are looked at together before the rest is decided one by one; a few are nearly always enough."""


def concatenate(tables: Sequence[ObjectTable]) -> ObjectTable:
    """One table of all objects; an id that is used already gets the next free number.

    Raises
    ------
    UserError
        Two tables say different sizes of one tomogram.
    """
    tomograms: dict[str, TomogramGeometry] = {}
    for table in tables:
        for name, geometry in table.tomograms.items():
            if tomograms.setdefault(name, geometry) != geometry:
                raise UserError(
                    f"The tables disagree on tomogram {name!r}: shape {tomograms[name].shape} at "
                    f"{tomograms[name].voxel_size} Å and {geometry.shape} at {geometry.voxel_size} Å (z, y, x); "
                    "scale one of them first."
                )
    filled = [table.rows for table in tables if len(table)]
    if not filled:
        return ObjectTable(pd.DataFrame(), tomograms)
    rows = pd.concat(filled, ignore_index=True)
    again = rows["id"].duplicated(keep="first").to_numpy()
    ids = rows["id"].to_numpy(dtype=np.int64, copy=True)
    ids[again] = ids.max() + 1 + np.arange(int(again.sum()))
    rows["id"] = ids
    return ObjectTable(rows, tomograms)


def merge(
    tables: Sequence[ObjectTable],
    radii: Mapping[str, float],
    default_radius: float | None = None,
    within_class: bool = True,
) -> ObjectTable:
    """One table of all objects in which each is there once; see `concatenate` and `remove_duplicates`."""
    return remove_duplicates(concatenate(tables), radii, default_radius, within_class)


def remove_duplicates(
    table: ObjectTable,
    radii: Mapping[str, float],
    default_radius: float | None = None,
    within_class: bool = True,
) -> ObjectTable:
    """Of objects closer than the radius of their class keep the one with the better score.

    The rule of `remove_close` with a distance per class.

    Parameters
    ----------
    table
        The table before.
    radii
        Class → Å.
    default_radius
        Å, of classes that `radii` does not name.
    within_class
        Compare only objects of the same class; otherwise two of different classes are the same object when they are
        closer than the smaller of their radii.

    Raises
    ------
    UserError
        A class without a radius, a radius that is not above 0, a tomogram whose voxel size is not known.
    """
    which, names = pd.factorize(table.rows["class"])
    by_class = []
    for name in names:
        radius = radii.get(name, default_radius)
        if radius is None:
            raise UserError(f"Class {name!r} has no radius: give one in Å, for this class or for all.")
        if not 0 < radius < math.inf:
            raise UserError(f"The radius {radius:g} Å of class {name!r} must be above 0.")
        by_class.append(float(radius))
    distances = np.array(by_class, dtype=np.float64)[which]
    return _without_close(table, table.coordinates_angstrom(), distances, within_class)


def remove_close(
    table: ObjectTable,
    distance: float,
    unit: Literal["voxel", "angstrom"] = "voxel",
    within_class: bool = False,
) -> ObjectTable:
    """Of objects closer than `distance` to each other keep the one with the better score.

    Objects are visited from the highest score down (unknown scores last, equal ones in table order); each one
    kept removes all closer ones that come after it. Objects of different tomograms never touch.

    Parameters
    ----------
    table
        The table before.
    distance
        Centre to centre; objects exactly that far apart both stay.
    unit
        "voxel" of each tomogram, or "angstrom".
    within_class
        Compare only objects of the same class.

    Raises
    ------
    UserError
        A negative distance.
    """
    if distance < 0:
        raise UserError(f"The distance {distance:g} must be 0 or more.")
    centres = table.coordinates_angstrom() if unit == "angstrom" else table.coordinates_zyx()
    return _without_close(table, centres, np.full(len(table), float(distance)), within_class)


def split_by(table: ObjectTable, column: Literal["class", "tomogram"]) -> dict[str, ObjectTable]:
    """One table per class or per tomogram, by name in the order of first appearance; ids stay.

    The parts of a split by tomogram know their own tomogram only; those of one by class know all.
    """
    which, names = pd.factorize(table.rows[column])
    order = np.argsort(which, kind="stable")
    ends = np.cumsum(np.bincount(which, minlength=len(names)))
    parts: dict[str, ObjectTable] = {}
    if not len(names):
        return parts
    for name, members in zip(names, np.split(order, ends[:-1]), strict=True):
        own = {name: table.tomograms[name]} if name in table.tomograms else {}
        parts[str(name)] = ObjectTable(table.rows.take(members), own if column == "tomogram" else table.tomograms)
    return parts


def _without_close(table: ObjectTable, centres: np.ndarray, distances: np.ndarray, within_class: bool) -> ObjectTable:
    rows = table.rows
    scores = np.nan_to_num(rows["score"].to_numpy(), nan=-math.inf)
    kept = np.ones(len(rows), dtype=bool)
    groups = ["tomogram", "class"] if within_class else ["tomogram"]
    for members in _groups(rows, groups):
        members = members[np.isfinite(centres[members]).all(axis=1)]
        members = members[np.argsort(-scores[members], kind="stable")]
        pairs = _close_pairs(centres[members], distances[members])
        kept[members] = _kept_in_order(pairs, len(members))
    return table.with_rows(rows[kept])


def _groups(rows: pd.DataFrame, columns: Sequence[str]) -> Iterable[np.ndarray]:
    """Places of the rows that agree in these columns."""
    which = np.zeros(len(rows), dtype=np.int64)
    for column in columns:
        codes, names = pd.factorize(rows[column])
        which = which * max(len(names), 1) + codes
    order = np.argsort(which, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(which[order])) + 1) if len(rows) else []


def _close_pairs(centres: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Pairs [m, 2] of points closer to each other than the smaller of their distances, the earlier one first."""
    found = [np.empty((0, 2), dtype=np.int64)]
    for distance in np.unique(distances[distances > 0]):
        # Pairs whose smaller distance is this one: each has at least one such point, and no point of a smaller one.
        exact, reaching = np.flatnonzero(distances == distance), np.flatnonzero(distances >= distance)
        tree = _tree(centres[exact])
        pairs = exact[tree.query_pairs(distance, output_type="ndarray")].reshape(-1, 2)
        if len(reaching) > len(exact):
            larger = np.flatnonzero(distances > distance)
            near = tree.sparse_distance_matrix(_tree(centres[larger]), distance, output_type="coo_matrix")
            pairs = np.concatenate([pairs, np.stack([exact[near.row], larger[near.col]], axis=1)])
        apart = np.linalg.norm(centres[pairs[:, 0]] - centres[pairs[:, 1]], axis=1)
        found.append(pairs[apart < distance])
    return np.sort(np.concatenate(found), axis=1)


def _tree(centres: np.ndarray) -> cKDTree:
    # Sought in once only: a tree that is built quickly serves better than one that answers quickly.
    return cKDTree(centres, balanced_tree=False, compact_nodes=False)


def _kept_in_order(pairs: np.ndarray, count: int) -> np.ndarray:
    """Which of `count` points stay when each one that stays removes the later ones that it makes a pair with."""
    kept = np.ones(count, dtype=bool)
    for _ in range(ROUNDS):
        if not len(pairs):
            return kept
        first, later = pairs.T
        doubtful = np.zeros(count, dtype=bool)
        doubtful[later] = True
        gone = np.zeros(count, dtype=bool)
        gone[later[~doubtful[first]]] = True  # a point that no earlier one can remove stays, and removes its own
        kept &= ~gone
        pairs = pairs[~(gone[first] | gone[later])]
    for one, other in pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].tolist():
        if kept[one]:
            kept[other] = False
    return kept
