"""Touching particles divided at their necks: a watershed of the distance to the background.

Method: PickET S2 (distance transform, peaks, markers, flooding as in SciPy and scikit-image). To
spare memory the distance is taken slab by slab, and each group of touching voxels is flooded alone, in its own
box. Voxels equally far from two equally high peaks may so fall to the other one than in a single flooding of
the whole, where the order of equals hangs on how many other peaks there are; nothing else differs.
"""

import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.segmentation import watershed as flood

from engine.errors import UserError
from engine.instances.masks import connected_components


def watershed(mask: np.ndarray, min_distance: int) -> np.ndarray:
    """Divide a mask into basins around the points farthest from the background.

    Peaks of the distance are the maxima of their box of 2 · min_distance + 1 voxels. Those closer than
    min_distance to a face of the volume are dropped; of two closer than min_distance to each other (along
    every axis) the higher stays. A group of touching voxels without a peak vanishes, so everything thin near
    a face does.

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
    distance = distance_to_background(mask)
    markers = _markers(distance, min_distance)
    groups = connected_components(mask)

    peaks = np.argwhere(markers)
    group_of_peak = groups[tuple(peaks.T)]
    marker_of_peak = markers[tuple(peaks.T)]
    fewest = np.full(int(groups.max()) + 1, np.iinfo(np.int32).max, np.int32)
    most = np.zeros_like(fewest)
    np.minimum.at(fewest, group_of_peak, marker_of_peak)
    np.maximum.at(most, group_of_peak, marker_of_peak)
    boxes = ndimage.find_objects(groups)

    # Flooding never leaves a group: with one marker the whole group is its basin, with none it vanishes.
    result = np.where(fewest == most, most, 0)[groups]
    for group in np.flatnonzero(fewest < most):
        box = boxes[group - 1]
        inside = groups[box] == group
        basins = flood(-distance[box], markers[box] * inside, mask=inside)
        result[box][inside] = basins[inside]
    return result


def distance_to_background(mask: np.ndarray, halo: int = 32, planes: int = 64) -> np.ndarray:
    """Euclidean distance of each voxel of a mask to the nearest voxel outside it, in voxels.

    The faces of the volume do not count as outside. SciPy's transform needs 20 bytes per voxel beside its
    result, so it is applied to slabs; a distance found in a slab is right when it is no longer than the way
    to the slab's cut faces.

    Parameters
    ----------
    mask
        bool `[z, y, x]`.
    halo
        Slices seen on both sides of a slab at first; doubled where that does not suffice.
    planes
        Slices of a slab.

    Returns
    -------
    ndarray
        float32 `[z, y, x]`, 0 outside the mask.
    """
    depth = mask.shape[0]
    distance = np.empty(mask.shape, np.float32)
    for start in range(0, depth, planes):
        stop, reach = min(start + planes, depth), halo
        while True:
            low, high = max(0, start - reach), min(depth, stop + reach)
            slab = mask[low:high]
            whole = low == 0 and high == depth
            if whole or not slab.all():
                found = ndimage.distance_transform_edt(slab)[start - low : stop - low]
                if whole or found.max() <= reach:
                    break
            reach *= 2
        distance[start:stop] = found
    return distance


def _markers(distance: np.ndarray, min_distance: int) -> np.ndarray:
    """Peaks of the distance as int32 `[z, y, x]`, numbered in raster order; peaks that touch are one."""
    peaks = np.zeros(distance.shape, bool)
    peaks[tuple(peak_local_max(distance, min_distance=min_distance).T)] = True
    return connected_components(peaks)
