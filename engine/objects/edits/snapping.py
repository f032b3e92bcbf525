"""Objects moved to the darkest or brightest spot near them. Densities come from a function; no file is opened here."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from engine.errors import UserError
from engine.objects.edits.places import with_positions
from engine.objects.table import ObjectTable

Corner = tuple[int, int, int]
ReadBox = Callable[[str, Corner, Corner], np.ndarray]
"""(tomogram, first voxel, voxel after the last one; both z, y, x) → densities [z, y, x] of that box."""

TILE = 256
"""Objects in a cube of so many voxels are served by one reading: at most 64 MB of float32."""
GATHERED = 2_000_000
"""Densities looked at together."""
CROSS = np.array([[0, 0, 0], [-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1]])
LARGEST_BALL = 40_000
"""Voxels (a radius of 21): the work grows with its third power, and farther away lies another object."""


def snap_to_extremum(
    table: ObjectTable, read_box: ReadBox, radius: float, darkest: bool = True, between_voxels: bool = False
) -> ObjectTable:
    """With each object moved to the centre of the darkest voxel near it.

    Near are the voxels whose centres lie at most `radius` from the centre of the voxel that the object is in, as far as
    the tomogram goes; of equal ones the nearest is taken. Densities that are not numbers are passed over. An object
    without a position or outside of its tomogram stays as it is.

    Parameters
    ----------
    table
        The table before.
    read_box
        Gives densities.
    radius
        Å.
    darkest
        False looks for the brightest voxel.
    between_voxels
        Go on to the vertex of the parabola through the voxel and its two neighbours, along each axis on its own, at
        most half a voxel.

    Raises
    ------
    UserError
        A radius that is not above 0 or spans too many voxels; a tomogram whose geometry is not known.
    """
    if not 0 < radius < np.inf:
        raise UserError(f"The radius {radius:g} Å must be above 0.")
    voxel_sizes, shapes = table.per_row("voxel_size"), table.per_row("shape")
    centres = table.coordinates_zyx()
    moved = centres.copy()
    nearest = np.rint(np.nan_to_num(centres, nan=-9.0, posinf=-9.0, neginf=-9.0))
    there = ((nearest >= 0) & (nearest < shapes)).all(axis=1)
    which, names = pd.factorize(table.rows["tomogram"])
    for number, name in enumerate(names):
        members = np.flatnonzero((which == number) & there)
        if not len(members):
            continue
        ball = _ball(radius, voxel_sizes[members[0]])
        shape = np.array(table.tomograms[str(name)].shape)
        starts = nearest[members].astype(np.int64)
        for tile in _tiles(starts):
            moved[members[tile]] = _snapped(
                lambda low, high, name=str(name): read_box(name, low, high),  # type: ignore[misc]
                starts[tile], ball, shape, 1.0 if darkest else -1.0, between_voxels,
            )  # fmt: skip
    return with_positions(table, moved[:, ::-1])


def _ball(radius: float, voxel_size: np.ndarray) -> np.ndarray:
    """Steps [m, 3] to the voxels within `radius` Å, the nearest first."""
    # Rounding must not leave out a voxel that lies just as far: 30 Å are three voxels of 10 Å.
    reach = np.floor(radius / voxel_size + 1e-9).astype(int)
    if np.prod(2.0 * reach + 1) * np.pi / 6 > LARGEST_BALL:
        raise UserError(
            f"A radius of {radius:g} Å spans {2 * int(reach.max()) + 1} voxels of {voxel_size.min():g} Å: "
            "choose a smaller one, or use a binned tomogram."
        )
    steps = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    apart = np.linalg.norm(steps * voxel_size, axis=1)
    order = np.argsort(apart, kind="stable")
    return np.asarray(steps[order][apart[order] <= radius * (1 + 1e-9)])


def _tiles(voxels: np.ndarray) -> list[np.ndarray]:
    """Places of the voxels that lie in the same cube of `TILE`, in an order in which neighbours are near in memory."""
    order = np.lexsort(voxels.T[::-1])
    cubes = voxels[order] // TILE
    width = cubes.max(axis=0) + 1
    number = (cubes[:, 0] * width[1] + cubes[:, 1]) * width[2] + cubes[:, 2]
    by_cube = np.argsort(number, kind="stable")
    return np.split(order[by_cube], np.flatnonzero(np.diff(number[by_cube])) + 1)


def _snapped(
    read: Callable[[Corner, Corner], np.ndarray],
    starts: np.ndarray,
    ball: np.ndarray,
    shape: np.ndarray,
    sign: float,
    between_voxels: bool,
) -> np.ndarray:
    """Where objects in the voxels `starts` [n, 3] go; `sign` −1 looks for the brightest."""
    margin = ball.max(axis=0) + 1
    first = np.maximum(starts.min(axis=0) - margin, 0)
    last = np.minimum(starts.max(axis=0) + margin + 1, shape)
    box = read(_corner(first), _corner(last))
    found = starts.astype(np.float64)
    together = max(1, GATHERED // len(ball))
    for begin in range(0, len(starts), together):
        part = slice(begin, begin + together)
        near = _values(box, starts[part] - first, ball, sign)
        best = near.argmin(axis=1)  # the first of equal ones, and the ball begins with the nearest
        best[~np.isfinite(near[np.arange(len(near)), best])] = 0
        voxels = starts[part] + ball[best]
        found[part] = voxels
        if between_voxels:
            found[part] += _vertices(_values(box, voxels - first, CROSS, sign))
    return found


def _values(box: np.ndarray, places: np.ndarray, steps: np.ndarray, sign: float) -> np.ndarray:
    """Densities [n, m] at `places` [n, 3] plus `steps` [m, 3], times `sign`; +∞ outside the box and for no number."""
    # A box is often a view of a file on disk: counted along its memory, only the voxels asked for are touched.
    strides = np.array(box.strides) // box.itemsize
    if (strides <= 0).any() or (np.array(box.strides) % box.itemsize).any():
        box = np.ascontiguousarray(box)
        strides = np.array(box.strides) // box.itemsize
    reach = int((strides * (np.array(box.shape) - 1)).sum()) + 1
    memory = np.lib.stride_tricks.as_strided(box, shape=(reach,), strides=(box.itemsize,), writeable=False)
    where = (places @ strides)[:, None] + (steps @ strides)[None, :]
    low, high = places + steps.min(axis=0), places + steps.max(axis=0)
    edge = np.flatnonzero(((low < 0) | (high >= box.shape)).any(axis=1))
    near = places[edge, None, :] + steps[None, :, :]
    beyond = ((near < 0) | (near >= box.shape)).any(axis=2)
    where[edge] = np.where(beyond, 0, where[edge])
    values = np.take(memory, where).astype(np.float64 if box.itemsize > 4 else np.float32, copy=False)
    if sign != 1:
        values *= sign
    values[edge] = np.where(beyond, np.inf, values[edge])
    if np.isnan(values.min(initial=np.inf)):
        values[np.isnan(values)] = np.inf
    return values


def _vertices(values: np.ndarray) -> np.ndarray:
    """How far the lowest points of the parabolas lie from the voxels, [n, 3]; 0 where the voxel is not the lowest.

    `values` [n, 7] are those at the steps `CROSS`.
    """
    away = np.zeros((len(values), 3))
    here = values[:, 0].astype(np.float64)
    for axis in range(3):
        before, after = (values[:, 1 + 2 * axis + side].astype(np.float64) for side in (0, 1))
        lowest = np.isfinite(before) & np.isfinite(after) & (here <= before) & (here <= after)
        lowest &= before + after > 2 * here
        b, h, a = before[lowest], here[lowest], after[lowest]
        away[lowest, axis] = 0.5 * (b - a) / (b - 2 * h + a)
    return away


def _corner(voxel: np.ndarray) -> Corner:
    z, y, x = (int(n) for n in voxel)
    return z, y, x
