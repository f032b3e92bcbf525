"""Where objects lie: other voxel sizes, shifted origins; and which objects stay by where they lie.

Moving objects onto densities: `snapping`; to random places: `randomising`.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from engine.errors import UserError
from engine.objects.table import COORDINATES, ObjectTable, TomogramGeometry
from engine.volumes.binning import binned_coordinate
from engine.volumes.slabs import slabs

Unit = Literal["voxel", "angstrom"]
Corner = tuple[float | None, float | None, float | None]
Masks = Callable[[str], Any]
"""The name of a tomogram → its label map: anything that has a shape and slices as [z, y, x]."""
NEARLY_WHOLE = 1e-6
"""A voxel size read from a header is not exact: 26.96 / 13.48 must give half as many voxels, not one less."""


def scale(table: ObjectTable, factor: float, shape: tuple[int, int, int] | None = None) -> ObjectTable:
    """The same objects in voxels of another size.

    Binning by *b* maps voxel *i* to (*i* + 0.5)/*b* − 0.5 (`engine.volumes.binning`): the outer corner of the first
    voxel stays where it is, the centres of voxels do not. Sizes (voxels) are divided by *b*³. Orientations stay.

    Parameters
    ----------
    table
        The table before.
    factor
        Edge of the new voxels in old ones: 2 bins by 2, 0.5 unbins by 2.
    shape
        (z, y, x) of all tomograms afterwards, where it is known; None: the old shape divided by the factor, incomplete
        voxels at the far end left out, as `bin_volume` does it.

    Raises
    ------
    UserError
        A factor that is not above 0.
    """
    if not 0 < factor < np.inf:
        raise UserError(f"The factor {factor:g} must be above 0: 2 bins by 2, 0.5 unbins by 2.")
    factors = {name: np.full(3, float(factor)) for name in {*table.rows["tomogram"].unique(), *table.tomograms}}
    return _scaled(table, factors, shape)


def scale_to_voxel_size(
    table: ObjectTable, voxel_size: float, shape: tuple[int, int, int] | None = None
) -> ObjectTable:
    """The same objects in voxels of `voxel_size` Å in all directions; otherwise as `scale`.

    Raises
    ------
    UserError
        A voxel size that is not above 0, a tomogram whose voxel size is not known.
    """
    if not 0 < voxel_size < np.inf:
        raise UserError(f"The voxel size {voxel_size:g} Å must be above 0.")
    table.per_row("voxel_size")  # names the tomogram whose voxel size is not known
    factors = {name: voxel_size / np.array(geometry.voxel_size) for name, geometry in table.tomograms.items()}
    scaled = _scaled(table, factors, shape)
    exact = {
        name: TomogramGeometry(geometry.shape, (float(voxel_size),) * 3) for name, geometry in scaled.tomograms.items()
    }
    return ObjectTable(scaled.rows, exact)


def shift(table: ObjectTable, x: float, y: float, z: float, unit: Unit = "voxel") -> ObjectTable:
    """With x, y and z added to all positions: for lists counted from another origin. The tomograms stay as they are.

    Raises
    ------
    UserError
        A shift that is no number; with unit "angstrom", a tomogram whose voxel size is not known.
    """
    by = np.array([x, y, z], dtype=np.float64)
    if not np.isfinite(by).all():
        raise UserError(f"The shift x = {x:g}, y = {y:g}, z = {z:g} must be three numbers.")
    step = by / table.per_row("voxel_size")[:, ::-1] if unit == "angstrom" else np.broadcast_to(by, (len(table), 3))
    return with_positions(table, _positions(table) + step)


def remove_near_border(table: ObjectTable, margin: float, unit: Unit = "voxel") -> ObjectTable:
    """Without the objects whose centre is less than `margin` from the centre of an outermost voxel.

    Raises
    ------
    UserError
        A negative margin; a tomogram of unknown size.
    """
    if margin < 0:
        raise UserError(f"The margin {margin:g} must be 0 or more {'voxels' if unit == 'voxel' else 'Å'}.")
    centres = table.coordinates_zyx()
    voxels = margin / table.per_row("voxel_size") if unit == "angstrom" else float(margin)
    inside = ((centres >= voxels) & (centres <= table.per_row("shape") - 1 - voxels)).all(axis=1)
    return table.with_rows(table.rows[np.asarray(inside)])


def crop_to_box(
    table: ObjectTable,
    low: Corner = (None, None, None),
    high: Corner = (None, None, None),
    unit: Unit = "voxel",
    inside: bool = True,
    count_from_box: bool = False,
) -> ObjectTable:
    """Only the objects whose centre lies in a box, or only those outside.

    Parameters
    ----------
    table
        The table before.
    low, high
        x, y, z of two corners, both included; None is no limit on that side.
    unit
        Of the corners; Å are counted from the centre of the first voxel, as everywhere.
    inside
        False keeps the objects outside.
    count_from_box
        The box was cut out of the tomograms: positions are counted from its first voxel, and the shape of the
        tomograms becomes the box's. Needs whole voxels, and `inside`.

    Raises
    ------
    UserError
        A corner above the opposite one, broken voxels to be cut out, a tomogram whose size is needed and not known.
    """
    for axis, least, most in zip(COORDINATES, low, high, strict=True):
        if least is not None and most is not None and least > most:
            raise UserError(f"The box goes from {axis} = {least:g} to {axis} = {most:g}: the first must not be larger.")
    positions = _positions(table)
    if unit == "angstrom":
        positions = positions * table.per_row("voxel_size")[:, ::-1]
    bounds = [
        [otherwise if value is None else float(value) for value in corner]
        for corner, otherwise in ((low, -np.inf), (high, np.inf))
    ]
    passes = ((positions >= bounds[0]) & (positions <= bounds[1])).all(axis=1)
    kept = table.with_rows(table.rows[np.asarray(passes == inside)])
    return _counted_from_box(kept, low, high, unit, inside) if count_from_box else kept


def crop_to_mask(
    table: ObjectTable, masks: Masks, labels: Collection[int] | None = None, inside: bool = True
) -> ObjectTable:
    """Only the objects whose nearest voxel has one of these labels, or only the others.

    An object without a position, or outside of its tomogram, counts as outside the mask.

    Parameters
    ----------
    table
        The table before.
    masks
        The label map of each tomogram that has objects.
    labels
        None is every label above 0.
    inside
        False keeps the objects whose voxel has none of them.

    Raises
    ------
    UserError
        A label map of another shape than its tomogram.
    """
    found = np.zeros(len(table), dtype=bool)
    centres = table.coordinates_zyx()
    which, names = pd.factorize(table.rows["tomogram"])
    for number, name in enumerate(names):
        members = np.flatnonzero(which == number)
        mask = fitting_mask(table, masks, str(name))
        nearest = np.rint(np.nan_to_num(centres[members], nan=-9.0, posinf=-9.0, neginf=-9.0)).astype(np.int64)
        there = ((nearest >= 0) & (nearest < np.array(mask.shape))).all(axis=1)
        values = values_at(mask, nearest[there])
        found[members[there]] = values > 0 if labels is None else np.isin(values, list(labels))
    return table.with_rows(table.rows[found if inside else ~found])


def fitting_mask(table: ObjectTable, masks: Masks, tomogram: str) -> Any:
    """The label map of a tomogram. Raises UserError where its shape is not the tomogram's."""
    mask = masks(tomogram)
    geometry = table.tomograms.get(tomogram)
    if geometry is not None and tuple(mask.shape) != tuple(geometry.shape):
        sizes = ["×".join(str(n) for n in reversed(shape)) for shape in (mask.shape, geometry.shape)]
        raise UserError(
            f"The mask of {tomogram} has {sizes[0]} voxels and the tomogram {sizes[1]} (x, y, z): "
            "choose a mask of the same size, or scale the table to it."
        )
    return mask


def values_at(mask: Any, voxels: np.ndarray) -> np.ndarray:
    """Values of a mask at voxels [n, 3] (z, y, x), read slab by slab where there are any."""
    values = np.zeros(len(voxels), dtype=np.dtype(mask.dtype))
    order = np.argsort(voxels[:, 0], kind="stable")
    heights = voxels[order, 0]
    for slab in slabs(mask.shape, np.dtype(mask.dtype).itemsize):
        members = order[np.searchsorted(heights, slab.start) : np.searchsorted(heights, slab.stop)]
        if len(members):
            z, y, x = voxels[members].T
            values[members] = np.asarray(mask[slab])[z - slab.start, y, x]
    return values


def with_positions(table: ObjectTable, positions: np.ndarray) -> ObjectTable:
    """The table with other positions: [n, 3] voxels in the order x, y, z."""
    return table.with_rows(table.rows.assign(**dict(zip(COORDINATES, np.array(positions).T, strict=True))))


def _positions(table: ObjectTable) -> np.ndarray:
    return table.rows[list(COORDINATES)].to_numpy(dtype=np.float64)


def _scaled(table: ObjectTable, factors: dict[str, np.ndarray], shape: Sequence[int] | None) -> ObjectTable:
    """Scaled by factors z, y, x per tomogram."""
    which, names = pd.factorize(table.rows["tomogram"])
    per_name = np.array([factors[name] for name in names], dtype=np.float64).reshape(-1, 3)
    moved = binned_coordinate(_positions(table), per_name[which][:, ::-1])  # type: ignore[arg-type]
    volume = per_name.prod(axis=1)[which]
    sizes = table.rows["size"].to_numpy() / volume
    tomograms = {}
    for name, geometry in table.tomograms.items():
        if shape is not None:
            z, y, x = (int(n) for n in shape)
        else:
            lengths = np.floor(np.array(geometry.shape) / factors[name] + NEARLY_WHOLE)
            z, y, x = (max(1, int(n)) for n in lengths)
        dz, dy, dx = (float(v) for v in np.array(geometry.voxel_size) * factors[name])
        tomograms[name] = TomogramGeometry((z, y, x), (dz, dy, dx))
    return ObjectTable(with_positions(table, moved).rows.assign(size=sizes), tomograms)


def _counted_from_box(kept: ObjectTable, low: Corner, high: Corner, unit: Unit, inside: bool) -> ObjectTable:
    if not inside:
        raise UserError("Positions can be counted from the box only when the objects inside it are kept.")
    limits = [value for value in (*low, *high) if value is not None]
    if unit != "voxel" or any(value != int(value) for value in limits):
        raise UserError("A box that was cut out of a tomogram is given in whole voxels: 10 to 209, for instance.")
    kept.per_row("shape")  # names the tomogram whose size is not known
    tomograms = {}
    first = np.array([max(0, int(value or 0)) for value in low])
    for name, geometry in kept.tomograms.items():
        lengths = np.array(geometry.shape[::-1])
        last = np.array(
            [n - 1 if value is None else min(int(value), n - 1) for value, n in zip(high, lengths, strict=True)]
        )
        if (last < first).any():
            raise UserError(f"The box lies outside {name}, which has {'×'.join(map(str, lengths))} voxels (x, y, z).")
        x, y, z = (int(n) for n in last - first + 1)
        tomograms[name] = TomogramGeometry((z, y, x), geometry.voxel_size)
    return ObjectTable(with_positions(kept, _positions(kept) - first).rows, tomograms)
