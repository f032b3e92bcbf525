"""Touching particles divided at their necks: a watershed of the distance to the background.

Two ways to choose where basins start: peaks of the distance a least distance apart (PickET S2: distance transform,
peaks, markers and flooding as in SciPy and scikit-image), and peaks that rise a least height above their surroundings.
Everything before the flooding works on squared distances in 16 bits, which order voxels as the distances do. The
flooding is one call on the box around all particles: in scikit-image, equally high markers start in an order that hangs
on all other markers, so no part of a mask can be flooded alone with the same result.
"""

import numpy as np
from skimage.segmentation import watershed as flood

from engine.errors import UserError
from engine.instances.basins import merge_shallow_basins
from engine.instances.distances import squared_distance
from engine.instances.masks import connected_components


def watershed(mask: np.ndarray, min_distance: int) -> np.ndarray:
    """Divide a mask into basins around the points farthest from the background.

    Peaks of the distance are the maxima of their box of 2 · min_distance + 1 voxels. Those closer than
    min_distance to a face of the volume are dropped; of two closer than min_distance to each other (along
    every axis) the higher stays. A group of touching voxels without a peak vanishes, so everything thin near
    a face does. Voxel for voxel what scikit-image makes of SciPy's distance (PickET S2).

    Parameters
    ----------
    mask
        bool `[z, y, x]`.
    min_distance
        In voxels, at least 1.

    Returns
    -------
    ndarray
        int32 `[z, y, x]`: 0 outside, basins numbered from 1 in raster order of their peaks.

    Raises
    ------
    UserError
        min_distance is below 1 or so large that no voxel is far enough from all faces.
    """
    if min_distance < 1:
        raise UserError(f"The least distance is {min_distance} voxels: it must be at least 1.")
    if min(mask.shape) <= 2 * min_distance:
        shape = " × ".join(str(n) for n in mask.shape)
        raise UserError(
            f"With a least distance of {min_distance} voxels every axis must be longer than {2 * min_distance} voxels, "
            f"this volume has {shape} (z, y, x): choose a smaller distance."
        )
    depth = squared_distance(mask)
    return _flooded(depth, connected_components(peaks(depth, min_distance)), mask)


def h_maxima_watershed(mask: np.ndarray, h: float) -> np.ndarray:
    """Divide a mask at necks whose radius is more than `h` voxels below that of the parts on both sides.

    Basins start at the h-maxima of the distance to the background: peaks from which every way to a higher (or
    equally high) one descends by more than h. Nothing is left out near a face and every group of touching voxels has a
    basin, whatever its size. Method: flooding from all maxima, then lower basins are merged over their highest pass
    until each is higher than h (the dynamics of Grimaud 1992; h-maxima as in Soille, Morphological Image
    Analysis, 2003). Not part of PickET.

    Parameters
    ----------
    mask
        bool `[z, y, x]`.
    h
        In voxels, above 0: 0.5 divides at slight waists, 2 only at narrow necks.

    Returns
    -------
    ndarray
        int32 `[z, y, x]`: 0 outside, basins numbered from 1 in raster order of their first maxima.

    Raises
    ------
    UserError
        h is not above 0.
    """
    if not 0 < h < np.inf:
        raise UserError(f"The least height of a peak is {h:g} voxels: it must be above 0, for example 1.")
    depth = squared_distance(mask)
    # Voxels on a shoulder count as maxima here; they have no height and are merged with the rest.
    tops = mask.copy()
    for axis in range(3):
        tops &= depth == _maximum_along(depth, 1, axis)
    return merge_shallow_basins(_flooded(depth, connected_components(tops), mask), depth, h)


def peaks(depth: np.ndarray, min_distance: int) -> np.ndarray:
    """Highest voxels at least min_distance apart, by the rule of `watershed` (scikit-image's `peak_local_max`).

    Parameters
    ----------
    depth
        Squared distances `[z, y, x]`, any ascending function of them will do.
    min_distance
        In voxels, at least 1.

    Returns
    -------
    ndarray
        bool `[z, y, x]`.
    """
    top = depth == _running_maximum(depth, min_distance)
    top &= depth > depth.min()
    inner = np.zeros_like(top)
    inside = (slice(min_distance, -min_distance),) * 3
    inner[inside] = top[inside]
    if min_distance == 1:
        return inner
    # Two candidates closer than min_distance are each the maximum of the other's box, hence equally high: of
    # equals the first in raster order stays.
    taken = np.zeros_like(top)
    found = np.zeros_like(top)
    reach = min_distance - 1
    for z, y, x in np.argwhere(inner).tolist():
        if not taken[z, y, x]:
            found[z, y, x] = True
            taken[z : z + min_distance, y - reach : y + min_distance, x - reach : x + min_distance] = True
    return found


def _flooded(depth: np.ndarray, markers: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Basins of the markers, int32 `[z, y, x]`."""
    result = np.zeros(mask.shape, np.int32)
    box = _box_around(mask)
    # Upside down without a sign, so that what is handed over stays as small as it is.
    upside_down = depth[box].max(initial=0) - depth[box]
    result[box] = flood(upside_down, markers[box], mask=mask[box])
    return result


def _box_around(mask: np.ndarray) -> tuple[slice, ...]:
    """The smallest box with all voxels of a mask."""
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        hit = np.flatnonzero(mask.any(axis=others))
        box.append(slice(int(hit[0]), int(hit[-1]) + 1) if len(hit) else slice(0, 0))
    return tuple(box)


def _running_maximum(values: np.ndarray, reach: int) -> np.ndarray:
    """Maximum of the box of 2 · reach + 1 voxels around each voxel, cut off at the faces; of numbers ≥ 0."""
    for axis in range(3):
        values = _maximum_along(values, reach, axis)
    return values


def _maximum_along(values: np.ndarray, reach: int, axis: int) -> np.ndarray:
    """Maximum of the 2 · reach + 1 voxels around each along one axis; of numbers ≥ 0."""
    values = np.pad(np.moveaxis(values, axis, 0), [(reach, reach), (0, 0), (0, 0)])
    span = 1
    while 2 * span <= 2 * reach + 1:  # windows of 1, 2, 4 … voxels
        values = np.maximum(values[:-span], values[span:])
        span *= 2
    rest = 2 * reach + 1 - span
    if rest:
        values = np.maximum(values[:-rest], values[rest:])
    return np.moveaxis(values, 0, axis)
