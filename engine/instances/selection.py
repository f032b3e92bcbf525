"""Choosing among measured instances by where they lie: away from the faces of the volume, and apart from each other."""

import numpy as np
from scipy.spatial import cKDTree

from engine.errors import UserError
from engine.instances.measures import Instances


def filter_border(instances: Instances, shape: tuple[int, ...], exclude_border: int) -> Instances:
    """Leave out the instances whose centroid lies near a face of the volume.

    Parameters
    ----------
    instances
        Any.
    shape
        Of the volume that they were measured in, (z, y, x).
    exclude_border
        Voxels. An instance stays when its centroid is at least so many voxels from the centres of the first and
        the last voxel along every axis: exclude_border ≤ centroid ≤ size − 1 − exclude_border. 0 keeps all.

    Returns
    -------
    Instances

    Raises
    ------
    UserError
        A negative width, or one that leaves nothing of the volume.
    """
    check_border(exclude_border)
    if 2 * exclude_border > min(shape) - 1:
        sizes = " × ".join(str(n) for n in shape)
        raise UserError(
            f"A border of {exclude_border} voxels leaves nothing of a volume of {sizes} voxels (z, y, x): "
            "choose a narrower one."
        )
    last = np.array(shape) - 1
    inside = (instances.centroids >= exclude_border) & (instances.centroids <= last - exclude_border)
    return instances.where(np.all(inside, axis=1))


def keep_apart(instances: Instances, min_separation: float) -> Instances:
    """Of instances whose centroids are closer than `min_separation` keep only the largest.

    From the largest down (of equal sizes the lower label first), each instance that stays removes all others
    whose centroid is closer to its own; exactly as far stays.

    Parameters
    ----------
    instances
        Any.
    min_separation
        Voxels, Euclidean; 0 keeps all.

    Returns
    -------
    Instances
        By ascending label, as given.

    Raises
    ------
    UserError
        A negative distance.
    """
    check_separation(min_separation)
    kept = np.ones(len(instances), bool)
    if len(instances) < 2 or min_separation == 0:
        return instances
    order = np.lexsort((instances.labels, -instances.sizes))
    places = instances.centroids[order]
    # Two at a time, the larger first: when a pair's turn comes, all that could remove its first has been seen.
    pairs = cKDTree(places).query_pairs(min_separation, output_type="ndarray")
    pairs = pairs[np.linalg.norm(places[pairs[:, 0]] - places[pairs[:, 1]], axis=1) < min_separation]
    for larger, smaller in pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].tolist():
        if kept[order[larger]]:
            kept[order[smaller]] = False
    return instances.where(kept)


def check_border(exclude_border: int) -> None:
    """Raise a `UserError` for a border that makes no sense."""
    if exclude_border < 0:
        raise UserError(f"The border to leave out is {exclude_border} voxels wide: it must not be negative.")


def check_separation(min_separation: float | None) -> None:
    """Raise a `UserError` for a least separation that makes no sense."""
    if min_separation is not None and not 0 <= min_separation < np.inf:
        raise UserError(f"The least separation is {min_separation:g} voxels: it must be 0 or more.")
