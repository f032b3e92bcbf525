"""Voxels gathered around the densest places: mean shift with a flat kernel (PickET's S2, DeepFinder's clustering).

What scikit-learn's `MeanShift(bandwidth, bin_seeding=True, cluster_all=True)` finds on the coordinates of a mask's
voxels, without its search tree: on a grid the voxels inside a ball are a few runs of whole rows, whose number and sum
of x are differences of running sums. All seeds climb at once. Distances are rounded as in a direct sum of squares, so
that voxels exactly on a ball's surface are the same ones.
"""

import numpy as np
from scipy.spatial import cKDTree

from engine.errors import UserError

_STEPS = 300
_AT_ONCE = 1 << 16
"""Rows looked at together: temporary arrays of half a megabyte."""
_POINTS = 1 << 18
"""Points whose nearest centres are sought together."""


def mean_shift(mask: np.ndarray, bandwidth: float) -> tuple[np.ndarray, np.ndarray]:
    """Gather the voxels of a mask around the places where most of them lie within `bandwidth`.

    From the middle of each occupied cell of a grid of that spacing a ball moves to the mean of its voxels until it
    moves by less than a thousandth of its radius (at most 300 times). Balls are taken by the number of their voxels,
    then by z, y, x, both descending, and leave out others whose centre is no farther than the radius. Each voxel goes
    to the nearest centre that is left. No cluster is lost: where PickET numbers from 0, the densest is 1 here.

    Parameters
    ----------
    mask
        bool `[z, y, x]`.
    bandwidth
        Radius of the ball, voxels.

    Returns
    -------
    labels : ndarray
        int32 `[z, y, x]`: 0 outside, clusters numbered from 1, the densest first.
    centres : ndarray
        float64 `[n, 3]`: where the ball of each cluster came to rest, z, y, x in voxels.

    Raises
    ------
    UserError
        The bandwidth is not above 0.
    """
    check_bandwidth(bandwidth)
    labels = np.zeros(mask.shape, np.int32)
    points = np.argwhere(mask)
    if not len(points):
        return labels, np.empty((0, 3))
    bandwidth = float(bandwidth)
    centres, counts = _climb(mask, _seeds(points, bandwidth), bandwidth)
    order = np.lexsort((*centres.T[::-1], counts))[::-1]
    centres = _far_apart(centres[order], bandwidth)
    labels[mask] = _nearest(points, centres) + 1
    return labels, centres


def check_bandwidth(bandwidth: float) -> None:
    """Raise a `UserError` for a bandwidth that makes no sense."""
    if not 0 < bandwidth < np.inf:
        raise UserError(f"The bandwidth is {bandwidth:g} voxels: it must be above 0, for example a particle's radius.")


def _seeds(points: np.ndarray, bandwidth: float) -> np.ndarray:
    """Middles of the occupied grid cells, float64 `[n, 3]`, in the order in which the points first meet them."""
    # Halves go to the even cell and products are rounded to 32 bits, both as in scikit-learn.
    axes = [np.round(np.arange(n) / bandwidth).astype(np.int64) for n in points.max(0) + 1]
    sides = [int(axis[-1]) + 1 for axis in axes]
    cells = np.ravel_multi_index(tuple(axis[c] for axis, c in zip(axes, points.T, strict=True)), sides)
    occupied, first = np.unique(cells, return_index=True)
    if len(occupied) == len(points):
        return points.astype(np.float64)
    cell = np.stack(np.unravel_index(occupied[np.argsort(first)], sides), axis=1)
    return (cell.astype(np.float32) * np.float32(bandwidth)).astype(np.float64)


def _climb(mask: np.ndarray, seeds: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Where balls that start at the seeds come to rest, float64 `[n, 3]`, and their voxels there, int64 `[n]`.

    Balls that meet are one from then on; the same place is returned once.
    """
    rows = _RowSums(mask, radius)
    places, orders = seeds, np.arange(len(seeds))
    rested, rested_counts, rested_orders = [], [], []
    for step in range(_STEPS + 1):
        means, counts = rows.means(places)
        moved = np.sqrt(np.square(means - places).sum(1))
        done = (moved <= 1e-3 * radius) | (step == _STEPS)
        kept = done & (counts > 0)
        rested.append(means[kept])
        rested_counts.append(counts[kept])
        rested_orders.append(orders[kept])
        going = ~done & (counts > 0)
        places, orders = _last_of_equals(means[going], orders[going])
        if not len(places):
            break
    centres, counts = np.concatenate(rested), np.concatenate(rested_counts)
    # One place reached with two different numbers of voxels: the later seed's counts, as in scikit-learn.
    order = np.argsort(np.concatenate(rested_orders))
    centres, kept = _last_of_equals(centres[order], np.arange(len(order)))
    return centres, counts[order][kept]


def _last_of_equals(places: np.ndarray, orders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every different place once, with the highest of its orders."""
    order = np.lexsort((orders, *places.T))
    places, orders = places[order], orders[order]
    last = np.ones(len(places), bool)
    last[:-1] = (places[1:] != places[:-1]).any(1)
    return places[last], orders[last]


class _RowSums:
    """Running sums along the rows of a mask, from which the mean of the voxels in any ball follows."""

    def __init__(self, mask: np.ndarray, radius: float) -> None:
        self.radius = radius
        self.shape = mask.shape
        # Number of voxels in the upper 32 bits, sum of their x in the lower ones: one look-up gives both.
        sums = np.zeros((mask.shape[0] + 1, mask.shape[1], mask.shape[2] + 1), np.int64)
        worth = np.arange(mask.shape[2]) + (1 << 32)
        for plane, sum_ in zip(mask, sums[:-1], strict=True):
            np.cumsum(plane * worth, axis=1, out=sum_[:, 1:])
        self.sums = sums.reshape(-1)
        self.empty = mask.shape[0] * mask.shape[1]  # a row of nothing, for those outside
        # Rows that a ball can reach, relative to the voxel below its centre. A seed lies at most half a volume outside.
        reach_z, reach_y = (
            np.arange(max(-int(radius) - 1, -2 * n - 2), min(int(radius), n) + 2) for n in mask.shape[:2]
        )
        nearest_z, nearest_y = (np.maximum(0, np.maximum(reach - 1, -reach)) for reach in (reach_z, reach_y))
        near = np.argwhere(nearest_z[:, None] ** 2 + nearest_y**2 <= radius**2)
        self.offsets = np.stack([reach_z[near[:, 0]], reach_y[near[:, 1]]])

    def means(self, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean of the voxels no farther than the radius from each centre, `[n, 3]`, and how many, `[n]`."""
        means, counts = np.empty_like(centres), np.empty(len(centres), np.int64)
        at_once = max(1, _AT_ONCE // self.offsets.shape[1])
        for start in range(0, len(centres), at_once):
            part = slice(start, start + at_once)
            means[part], counts[part] = self._means(centres[part])
        return means, counts

    def _means(self, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        whole = np.floor(centres)
        part = centres - whole
        below = whole.astype(np.int64)
        z, y = (below[:, axis, None] + self.offsets[axis] for axis in (0, 1))
        beside = np.square(self.offsets[0] - part[:, 0, None]) + np.square(self.offsets[1] - part[:, 1, None])
        square = self.radius**2
        x = part[:, 2, None]
        half = np.sqrt(np.maximum(square - beside, 0))
        # Ends a little too far out, then taken back where the sum of squares says that they are.
        first, last = np.ceil(x - half - 1e-6), np.floor(x + half + 1e-6)
        first += np.square(first - x) + beside > square
        last -= np.square(last - x) + beside > square
        inside = (z >= 0) & (z < self.shape[0]) & (y >= 0) & (y < self.shape[1])
        width = self.shape[2]
        row = np.where(inside, z * self.shape[1] + y, self.empty) * (width + 1)
        start = np.clip(first.astype(np.int64) + below[:, 2, None], 0, width)
        stop = np.clip(last.astype(np.int64) + (below[:, 2, None] + 1), start, width)
        both = self.sums[row + stop] - self.sums[row + start]
        count = both >> 32
        total = count.sum(1)
        sums = np.stack([(z * count).sum(1), (y * count).sum(1), (both & 0xFFFFFFFF).sum(1)], axis=1)
        return sums / np.maximum(total, 1)[:, None], total


def _far_apart(centres: np.ndarray, radius: float) -> np.ndarray:
    """The centres, in their order, without those no farther than `radius` from an earlier one that stays."""
    from sklearn.neighbors import NearestNeighbors  # here, because it takes a second that few commands need

    tree = NearestNeighbors(radius=radius).fit(centres)
    kept = np.ones(len(centres), bool)
    at_once = 4096
    for start in range(0, len(centres), at_once):
        near = tree.radius_neighbors(centres[start : start + at_once], return_distance=False)
        for number, others in enumerate(near, start):
            if kept[number]:
                kept[others] = False
                kept[number] = True
    return centres[kept]


def _nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Index of the centre nearest to each point; between equally near ones scikit-learn's search decides."""
    from sklearn.neighbors import NearestNeighbors

    found = np.zeros(len(points), np.int32)
    if len(centres) == 1:
        return found
    tree, search = cKDTree(centres), NearestNeighbors(n_neighbors=1).fit(centres)
    for start in range(0, len(points), _POINTS):
        part = slice(start, start + _POINTS)
        distances, nearest = tree.query(points[part], k=2)
        found[part] = nearest[:, 0]
        tied = start + np.flatnonzero(distances[:, 1] - distances[:, 0] <= 1e-9 * (1 + distances[:, 0]))
        if len(tied):
            found[tied] = search.kneighbors(points[tied], return_distance=False)[:, 0]
    return found
