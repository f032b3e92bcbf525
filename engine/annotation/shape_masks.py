"""Shapes as targets: which voxels about an object belong to it, from a mask of its class and its orientation.

The mask is interpolated (trilinear) at the places where the voxels about an object lie in it. Between the corners of a
small box a trilinear function has neither its smallest nor its largest value, so a table of small boxes says for most
places, without interpolating there, whether they are inside or outside. The others are interpolated in single
precision, and those for which this does not decide are given to SciPy. The result is that of giving it all. How it is
written into a label map is in `pasting`.
"""

import numpy as np
from scipy import ndimage

from engine.errors import UserError

HALF = 0.5
OUT, IN, MIXED, STEP = 0, 1, 2, 3
MARGIN = 1e-3
"""What is not so far from one half is decided in double precision: far more than single precision is wrong by."""

TABLE_EDGE = 128
FINEST = 3
"""A table has about so many small boxes along each axis, but not more than so many for each voxel."""

PLACES_AT_ONCE = 64 * 1024
"""So many places are looked at in one go: their coordinates fit into the fast memory of a processor."""

LARGEST_EDGE = 256
"""Voxels; masks are cut about one particle, so a larger one is a mistake such as a whole tomogram."""

HALF_DIAGONAL = float(np.sqrt(0.75))
"""The centre of an object lies at most so far from its nearest voxel."""


class MaskStamp:
    """The voxels of an object whose class has a mask.

    Parameters
    ----------
    mask
        [z, y, x] of 0 and 1; values between are allowed, a voxel belongs to the shape from 0.5 on. The particle's
        centre is the voxel N // 2 of each axis.
    scale
        Voxels of the tomogram for each voxel of the mask.
    compat
        DeepFinder's rules instead: the mask is turned about N / 2 (between voxels where N is odd), nothing is
        interpolated beyond its outermost voxels, and a turned voxel belongs to the shape where its rounded value is 1
        (half counts as 1 in a mask of whole numbers and as 0 in one of fractions). The scale is 1.

    Attributes
    ----------
    offsets
        [k, 3] whole voxels z, y, x from the voxel of an object: all that can belong to it.
    always
        So many of them, the first ones, belong to every object.

    Raises
    ------
    UserError
        Not three axes, too large, empty, values beyond 0 … 1; with compat, not a cube.
    """

    offsets: np.ndarray
    always: int

    def __init__(self, mask: np.ndarray, *, scale: float = 1.0, compat: bool = False) -> None:
        _check(mask, scale, compat)
        self._compat = compat
        self._scale = 1.0 if compat else float(scale)
        # Beyond its outermost voxels a mask is 0; unlike DeepFinder's it goes there without a step.
        self._mask = mask if compat else np.pad(mask.astype(np.float32), 1)
        middle = np.array(mask.shape) // 2
        self._pivot = np.array(mask.shape) / 2 if compat else middle + 1.0
        self._lag = middle - self._pivot if compat else np.zeros(3)
        self._middle = middle
        self._find_table()
        self._find_offsets()

    def chosen(self, fractions: np.ndarray, matrices: np.ndarray | None) -> np.ndarray:
        """Which of the offsets after the first `always` belong to each object.

        Parameters
        ----------
        fractions
            [n, 3] centre less its voxel, z, y, x, each at most one half; not used with compat.
        matrices
            [n, 3, 3] that take z, y, x in the tomogram to z, y, x in the mask: the inverse of the orientation. None:
            the objects are not turned, which only DeepFinder does.

        Returns
        -------
        ndarray
            bool [n, k - always].
        """
        if matrices is None:
            z, y, x = (self.offsets[self.always :] + self._middle).T
            return np.broadcast_to(self._mask[z, y, x] == 1, (len(fractions), len(z)))
        count = len(self.offsets) - self.always
        found = np.empty((len(matrices), count), dtype=bool)
        portion = max(1, PLACES_AT_ONCE // max(count, 1))
        matrices = matrices / self._scale
        for start in range(0, len(matrices), portion):
            these = slice(start, start + portion)
            self._look(fractions[these], matrices[these], found[these])
        return found

    def _look(self, fractions: np.ndarray, matrices: np.ndarray, found: np.ndarray) -> None:
        """`chosen` for a few objects, into `found`."""
        shift = np.broadcast_to(self._pivot[:, None], (len(matrices), 3, 1))
        if not self._compat:
            shift = shift - matrices @ fractions[:, :, None]
        affine = np.concatenate([matrices, shift - self._begins], axis=2) * self._fine
        places = affine.astype(np.float32).reshape(-1, 4) @ self._points
        boxes = places.astype(np.int32).reshape(len(matrices), 3, -1)  # all above 0, so this rounds down
        index = boxes[:, 0]
        for axis in (1, 2):
            index *= np.int32(self._table.shape[axis])
            index += boxes[:, axis]
        codes = self._table.reshape(-1).take(index)
        np.equal(codes, IN, out=found)
        which, point = np.nonzero(codes >= MIXED)
        places = places.reshape(len(matrices), 3, -1)
        values = self._roughly([places[:, axis][which, point] for axis in range(3)])
        inside = values > HALF
        doubtful = np.flatnonzero((np.abs(values - HALF) < MARGIN) | (codes[which, point] == STEP))
        inside[doubtful] = self._interpolated(fractions, matrices, which[doubtful], point[doubtful])
        found[which, point] = inside

    def _roughly(self, places: list[np.ndarray]) -> np.ndarray:
        """The mask at places, z, y, x in small boxes of the table, in single precision: float32 [m]."""
        rests, index = [], np.zeros(len(places[0]), dtype=np.intp)
        for axis, place in enumerate(places):
            place = place / np.float32(self._fine)
            cell = place.astype(np.int32)
            rests.append(place - cell.astype(np.float32))
            index *= self._field.shape[axis]
            index += cell
        flat = self._field.reshape(-1)
        values = []
        for y in (0, self._field.shape[2]):
            for z in (0, self._field.shape[1] * self._field.shape[2]):
                value, end = flat.take(index + (z + y)), flat.take(index + (z + y + 1))
                values.append(value + (end - value) * rests[2])
        along_z = [values[n] + (values[n + 1] - values[n]) * rests[0] for n in (0, 2)]
        return np.asarray(along_z[0] + (along_z[1] - along_z[0]) * rests[1])

    def _interpolated(
        self, fractions: np.ndarray, matrices: np.ndarray, which: np.ndarray, point: np.ndarray
    ) -> np.ndarray:
        """Whether single places, offset `point` of object `which` each, belong to the shape: bool [m]."""
        away = [self._shell[axis][point] for axis in range(3)]
        if not self._compat:
            away = [away[axis] - fractions[:, axis][which] for axis in range(3)]
        places = np.empty((3, len(point)))
        for axis in range(3):
            # Products added one by one: the last digits of a matrix product depend on the machine.
            place = np.multiply(matrices[:, axis, 0][which], away[0], out=places[axis])
            place += matrices[:, axis, 1][which] * away[1]
            place += matrices[:, axis, 2][which] * away[2]
            place += self._pivot[axis]
        values = ndimage.map_coordinates(self._mask, places, order=1, prefilter=False)
        return np.asarray(np.round(values) == 1 if self._compat else values >= HALF)

    def _find_table(self) -> None:
        """The table of small boxes, large enough for every place that is looked up, and what to add to find them."""
        first, last = _filled(self._mask)
        field = self._mask[tuple(slice(a, b) for a, b in zip(first, last, strict=True))].astype(np.float32)
        self._fine = int(np.clip(TABLE_EDGE // max(field.shape), 1, FINEST))
        codes = np.pad(_codes(field, self._fine), 1, constant_values=OUT)
        if self._compat:
            _mark_steps(codes)
        pivot = self._pivot - first + 1 / self._fine
        self._nearest, self._farthest = _reach(codes, pivot, self._fine)
        # One box more than the farthest place, for what float32 is wrong by; and whole voxels.
        reach = self._farthest + 2 * HALF_DIAGONAL / self._scale + 1 / self._fine
        before = np.maximum(np.ceil(reach - pivot + 1 / self._fine), 1).astype(int)
        after = np.maximum(np.ceil(reach + pivot) - np.array(field.shape), 0).astype(int) + 2
        self._begins = (first - before)[:, None]
        self._field = np.pad(field, np.stack([before, after], axis=1).tolist())
        self._table = np.zeros((np.array(self._field.shape) - 1) * self._fine, dtype=np.uint8)
        begin = before * self._fine - 1
        self._table[tuple(slice(a, a + n) for a, n in zip(begin, codes.shape, strict=True))] = codes

    def _find_offsets(self) -> None:
        """The voxels about an object that can belong to it, those first that always do."""
        slack = 0.0 if self._compat else HALF_DIAGONAL / self._scale
        nearest, farthest = self._nearest - slack, self._farthest + slack
        if self._compat:
            axes = [np.arange(n) - n // 2 for n in self._mask.shape]
        else:
            edge = int(np.ceil(farthest * self._scale))
            axes = [np.arange(-edge, edge + 1)] * 3
        offsets = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        away = np.sqrt(((offsets + self._lag) ** 2).sum(axis=1)) / self._scale
        inner = np.flatnonzero(away < nearest)
        shell = np.flatnonzero((away >= nearest) & (away <= farthest))
        self.always = len(inner)
        self.offsets = offsets[np.concatenate([inner, shell])]
        self._shell = np.ascontiguousarray((offsets[shell] + self._lag).T)
        self._points = np.concatenate([self._shell, np.ones((1, len(shell)))]).astype(np.float32)


def _filled(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The box, from inclusive to exclusive, of voxels above 0 and one around it where the mask has one."""
    ranges = []
    for axis, length in enumerate(mask.shape):
        others = tuple(a for a in range(3) if a != axis)
        there = np.flatnonzero((mask > 0).any(axis=others))
        ranges.append((max(there[0] - 1, 0), min(there[-1] + 2, length)))
    first, last = np.array(ranges).T
    return first, last


def _codes(field: np.ndarray, fine: int) -> np.ndarray:
    """IN, OUT or MIXED for the small boxes of a field: `fine` per voxel and axis, the first beginning at voxel 0."""
    for axis in range(3):
        count = field.shape[axis] - 1
        at = np.arange(count * fine + 1) / fine
        below = np.minimum(at.astype(int), count - 1)
        weight = (at - below).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        field = np.take(field, below, axis) * (1 - weight) + np.take(field, below + 1, axis) * weight
    low, high = field, field
    for axis in range(3):
        begin = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        end = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        low, high = np.minimum(low[begin], low[end]), np.maximum(high[begin], high[end])
    codes = np.full(low.shape, MIXED, dtype=np.uint8)
    codes[low >= HALF + MARGIN] = IN
    codes[high <= HALF - MARGIN] = OUT
    return codes


def _mark_steps(codes: np.ndarray) -> None:
    """Where values end abruptly at the outermost voxels of the mask, SciPy shall decide on both sides of that plane.

    `codes` has one small box around the mask, which is changed.
    """
    for axis in range(3):
        for outer, inner in ((0, 1), (-1, -2)):
            end, begin = (tuple(at if a == axis else slice(None) for a in range(3)) for at in (outer, inner))
            there = codes[begin] != OUT
            codes[end][there] = STEP
            codes[begin][there] = STEP


def _reach(codes: np.ndarray, pivot: np.ndarray, fine: int) -> tuple[float, float]:
    """Nearer to the pivot than the first distance all is inside; beyond the second one all is outside; mask voxels."""
    begins = [np.arange(n) / fine for n in codes.shape]
    near, far = (
        [bound(b - p, p - b - 1 / fine) for b, p in zip(begins, pivot, strict=True)] for bound in (_gap, _span)
    )
    # Around the boxes all is outside.
    within = all(0 <= p <= n / fine for p, n in zip(pivot, codes.shape, strict=True))
    nearest = np.sqrt(_sum_of_squares(near)[codes != IN].min()) if within else 0.0
    farthest = np.sqrt(_sum_of_squares(far)[codes != OUT].max())
    return float(nearest) - MARGIN, float(farthest) + MARGIN


def _gap(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    return np.maximum(np.maximum(after, before), 0)


def _span(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    return np.maximum(-after, -before)


def _sum_of_squares(axes: list[np.ndarray]) -> np.ndarray:
    z, y, x = (a**2 for a in axes)
    return np.asarray(z[:, None, None] + y[:, None] + x, dtype=np.float32)


def _check(mask: np.ndarray, scale: float, compat: bool) -> None:
    sizes = "×".join(str(n) for n in mask.shape)
    if mask.ndim != 3 or max(mask.shape) * max(scale, 1.0) > LARGEST_EDGE:
        raise UserError(
            f"A mask of {sizes} voxels (z, y, x) is not possible: give a volume cut about one particle, at most "
            f"{LARGEST_EDGE} voxels of the tomogram along each axis."
        )
    if not mask.size or (compat and min(mask.shape) < 2):
        raise UserError(f"A mask of {sizes} voxels (z, y, x) is too small: give it at least 2 along each axis.")
    if compat and len(set(mask.shape)) > 1:
        raise UserError(f"A mask of {sizes} voxels (z, y, x) is no cube, which DeepFinder's shapes must be: pad it.")
    low, high = float(np.min(mask)), float(np.max(mask))
    if not (np.isfinite(low) and np.isfinite(high)) or low < 0 or high > 1:
        raise UserError(
            f"The mask holds values from {low:g} to {high:g}: give one of 0 (not the particle) and 1 (the particle)."
        )
    if high < (1.0 if compat else HALF):
        raise UserError(f"The mask is empty: its largest value is {high:g}, and 1 is the particle.")
