"""Objects at random places: what chance alone would find, to compare a list with."""

import zlib
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from engine.errors import UserError
from engine.objects.edits.places import Masks, fitting_mask, values_at, with_positions
from engine.objects.orientations import relion_from_rotation
from engine.objects.table import ANGLES, ObjectTable
from engine.volumes.slabs import slabs

ROUNDS = 5
"""So often voxels are drawn anywhere and those outside the mask dropped, which reads little, before all are counted."""


def randomise(
    table: ObjectTable,
    seed: int,
    masks: Masks | None = None,
    labels: list[int] | None = None,
    orientations: bool = False,
) -> ObjectTable:
    """The same objects, as many of each class in each tomogram, at new places drawn uniformly.

    Class, score, size, id and all further columns stay. A tomogram's places depend on the seed and its name only, so
    other tomograms in the table change nothing.

    Parameters
    ----------
    table
        The table before.
    seed
        The same seed gives the same places.
    masks
        The label map of each tomogram; objects are placed in its voxels, anywhere within a voxel. None: anywhere
        between the outer faces of the tomogram.
    labels
        Which labels of the mask; None is every label above 0.
    orientations
        Draw new orientations too, uniformly over all rotations; otherwise they stay.

    Raises
    ------
    UserError
        A tomogram of unknown size, a mask of another shape, or one without a voxel.
    """
    table.per_row("shape")  # names the tomogram whose size is not known
    positions = np.empty((len(table), 3))
    angles = table.rows[list(ANGLES)].to_numpy(dtype=np.float64, copy=True)
    which, names = pd.factorize(table.rows["tomogram"])
    for number, name in enumerate(names):
        members = np.flatnonzero(which == number)
        generator = np.random.default_rng([seed, zlib.crc32(str(name).encode())])
        if masks is None:
            corners = generator.random((len(members), 3)) * table.tomograms[str(name)].shape
        else:
            mask = fitting_mask(table, masks, str(name))
            corners = _in_mask(mask, labels, len(members), generator, str(name))
        positions[members] = corners[:, ::-1] - 0.5
        if orientations:
            angles[members] = relion_from_rotation(Rotation.random(len(members), rng=generator))
    turned = table.with_rows(table.rows.assign(**dict(zip(ANGLES, angles.T, strict=True)))) if orientations else table
    return with_positions(turned, positions)


def _in_mask(
    mask: Any, labels: list[int] | None, count: int, generator: np.random.Generator, tomogram: str
) -> np.ndarray:
    """[count, 3] places z, y, x, counted from the outer corner of the first voxel."""
    voxels = np.empty((count, 3), dtype=np.int64)
    missing = count
    for _ in range(ROUNDS):
        if not missing:
            break
        tried = generator.integers(0, mask.shape, (2 * missing, 3))
        values = values_at(mask, tried)
        good = tried[values > 0 if labels is None else np.isin(values, labels)][:missing]
        voxels[count - missing : count - missing + len(good)] = good
        missing -= len(good)
    if missing:
        voxels[count - missing :] = _among_all(mask, labels, missing, generator, tomogram)
    return voxels + generator.random((count, 3))


def _among_all(
    mask: Any, labels: list[int] | None, count: int, generator: np.random.Generator, tomogram: str
) -> np.ndarray:
    """[count, 3] voxels of a mask that covers little of its tomogram, which is read slab by slab."""
    parts = list(slabs(mask.shape, np.dtype(mask.dtype).itemsize))
    totals = np.cumsum([int(np.count_nonzero(_chosen(mask, part, labels))) for part in parts])
    if not totals[-1]:
        what = "no voxel above 0" if labels is None else f"no voxel of label {', '.join(map(str, labels))}"
        raise UserError(f"The mask of {tomogram} has {what}: there is no place for its objects.")
    drawn = generator.integers(0, totals[-1], count)
    voxels = np.empty((count, 3), dtype=np.int64)
    part_of = np.searchsorted(totals, drawn, side="right")
    for number in np.unique(part_of):
        members = np.flatnonzero(part_of == number)
        chosen = _chosen(mask, parts[number], labels)
        before = totals[number - 1] if number else 0
        flat = np.flatnonzero(chosen)[drawn[members] - before]
        voxels[members] = np.stack(np.unravel_index(flat, chosen.shape), axis=1)
        voxels[members, 0] += parts[number].start
    return voxels


def _chosen(mask: Any, part: slice, labels: list[int] | None) -> np.ndarray:
    values = np.asarray(mask[part])
    return values > 0 if labels is None else np.isin(values, labels)
