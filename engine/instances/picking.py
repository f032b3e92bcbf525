"""PickET S2 on an array: its parameters and the road from a label map to measured instances."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.errors import UserError
from engine.instances.masks import connected_components, particle_mask
from engine.instances.mean_shift import check_bandwidth, mean_shift
from engine.instances.measures import Instances, centroids, check_sizes, filter_sizes, keep_only
from engine.instances.selection import check_border, check_separation, filter_border, keep_apart
from engine.instances.watersheds import h_maxima_watershed, watershed


@dataclass(frozen=True)
class S2Parameters:
    """What S2 can be told. The first three modes do what PickET does; whatever goes beyond it is off by default.

    Parameters
    ----------
    mode
        How a mask is divided into particles (`engine.instances.MODES`): PickET's three words, and
        "h_maxima_segmentation", which is not PickET's.
    particle_cluster
        The label that holds the particles.
    lower_z, upper_z
        First and last slice to pick in, 0-based, both included; None = the first, the last.
    min_distance
        Watershed only, voxels; see `watershed`.
    min_size, max_size
        Sizes to keep, voxels, both included; None = no limit.
    bandwidth
        Mean shift only, radius of the ball in voxels, above 0; see `mean_shift`.
    h
        H-maxima only, voxels, above 0; see `h_maxima_watershed`.
    exclude_border
        Particles whose centroid lies closer than so many voxels to the first or last voxel along any axis of the
        volume are left out; 0 = none. See `filter_border`.
    min_separation
        Of particles whose centroids are closer than so many voxels only the largest is kept; None = all. See
        `keep_apart`.

    Raises
    ------
    UserError
        A value out of its range, or an unknown mode.
    """

    mode: str = "connected_component_labeling"
    particle_cluster: int = 1
    lower_z: int | None = None
    upper_z: int | None = None
    min_distance: int = 5
    min_size: int | None = None
    max_size: int | None = None
    bandwidth: float = 10.0
    h: float = 1.0
    exclude_border: int = 0
    min_separation: float | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            known = ", ".join(MODES)
            raise UserError(f'There is no way "{self.mode}" to divide a mask into particles: choose from {known}.')
        check_sizes(self.min_size, self.max_size)
        if self.mode == "mean_shift_clustering":
            check_bandwidth(self.bandwidth)
        check_border(self.exclude_border)
        check_separation(self.min_separation)


def find_instances(
    labels: np.ndarray,
    parameters: S2Parameters,
    progress: Callable[[float, str], None] | None = None,
) -> tuple[np.ndarray, Instances]:
    """Find the particles in a label map.

    They are chosen by size first, then by their distance from the faces, then by their distance from each other.

    Parameters
    ----------
    labels
        Label map `[z, y, x]`.
    parameters
        See `S2Parameters`.
    progress
        Called with (fraction, text).

    Returns
    -------
    instance_map : ndarray
        int32 `[z, y, x]`, 0 = none; only the instances that were kept, with the numbers they had before any was
        left out.
    instances : Instances
        Their measures; empty when none is left.

    Raises
    ------
    UserError
        No voxel of the particle cluster, slices outside the map, or a least distance or border that the volume is
        too small for.
    """
    report = progress or (lambda fraction, text: None)
    report(0.0, "Choosing the particles' voxels")
    mask = particle_mask(labels, parameters.particle_cluster, parameters.lower_z, parameters.upper_z)
    report(0.1, "Dividing them into particles")
    instance_map = MODES[parameters.mode](mask, parameters)
    report(0.8, "Measuring particles")
    found = centroids(instance_map)
    instance_map, kept = select_instances(instance_map, found, parameters)
    report(1.0, f"Found {len(kept)} particles")
    return instance_map, kept


def select_instances(
    instance_map: np.ndarray, found: Instances, parameters: S2Parameters
) -> tuple[np.ndarray, Instances]:
    """Leave out what the limits of the parameters exclude: by size, then near the faces, then too close together.

    Parameters
    ----------
    instance_map
        int32 `[z, y, x]`; it is not changed.
    found
        The measures of its instances.
    parameters
        See `S2Parameters`.

    Returns
    -------
    As `find_instances`.
    """
    kept = filter_sizes(found, parameters.min_size, parameters.max_size)
    if parameters.exclude_border:
        kept = filter_border(kept, instance_map.shape, parameters.exclude_border)
    if parameters.min_separation is not None:
        kept = keep_apart(kept, parameters.min_separation)
    return (instance_map if len(kept) == len(found) else keep_only(instance_map, kept)), kept


def _components(mask: np.ndarray, parameters: S2Parameters) -> np.ndarray:
    return connected_components(mask)


def _watershed(mask: np.ndarray, parameters: S2Parameters) -> np.ndarray:
    return watershed(mask, parameters.min_distance)


def _mean_shift(mask: np.ndarray, parameters: S2Parameters) -> np.ndarray:
    return mean_shift(mask, parameters.bandwidth)[0]


def _h_maxima(mask: np.ndarray, parameters: S2Parameters) -> np.ndarray:
    return h_maxima_watershed(mask, parameters.h)


MODES: dict[str, Callable[[np.ndarray, S2Parameters], np.ndarray]] = {
    "connected_component_labeling": _components,
    "watershed_segmentation": _watershed,
    "mean_shift_clustering": _mean_shift,
    "h_maxima_segmentation": _h_maxima,
}
"""Ways to divide a mask into numbered instances: PickET's three by its names, then our own."""
