"""PickET S2 on an array: its parameters and the road from a label map to measured instances."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.errors import UserError
from engine.instances.masks import connected_components, particle_mask
from engine.instances.measures import Instances, centroids, check_sizes, filter_sizes, keep_only
from engine.instances.watersheds import watershed


@dataclass(frozen=True)
class S2Parameters:
    """What S2 can be told.

    Parameters
    ----------
    mode
        How a mask is divided into particles (`engine.instances.MODES`, PickET's words).
    particle_cluster
        The label that holds the particles.
    lower_z, upper_z
        First and last slice to pick in, 0-based, both included; None = the first, the last.
    min_distance
        Watershed only, voxels; see `watershed`.
    min_size, max_size
        Sizes to keep, voxels, both included; None = no limit.

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

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            known = ", ".join(MODES)
            raise UserError(f'There is no way "{self.mode}" to divide a mask into particles: choose from {known}.')
        check_sizes(self.min_size, self.max_size)


def find_instances(
    labels: np.ndarray,
    parameters: S2Parameters,
    progress: Callable[[float, str], None] | None = None,
) -> tuple[np.ndarray, Instances]:
    """Find the particles in a label map.

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
        int32 `[z, y, x]`, 0 = none; only the instances that were kept, with the numbers they had before the
        size filter.
    instances : Instances
        Their measures; empty when none has a size within the limits.

    Raises
    ------
    UserError
        No voxel of the particle cluster, slices outside the map, or a least distance that the volume is too
        small for.
    """
    report = progress or (lambda fraction, text: None)
    report(0.0, "Choosing the particles' voxels")
    mask = particle_mask(labels, parameters.particle_cluster, parameters.lower_z, parameters.upper_z)
    report(0.1, "Dividing them into particles")
    instance_map = MODES[parameters.mode](mask, parameters)
    report(0.8, "Measuring particles")
    found = centroids(instance_map)
    kept = filter_sizes(found, parameters.min_size, parameters.max_size)
    if len(kept) < len(found):
        instance_map = keep_only(instance_map, kept)
    report(1.0, f"Found {len(kept)} particles")
    return instance_map, kept


def _components(mask: np.ndarray, parameters: S2Parameters) -> np.ndarray:
    return connected_components(mask)


def _watershed(mask: np.ndarray, parameters: S2Parameters) -> np.ndarray:
    return watershed(mask, parameters.min_distance)


MODES: dict[str, Callable[[np.ndarray, S2Parameters], np.ndarray]] = {
    "connected_component_labeling": _components,
    "watershed_segmentation": _watershed,
}
"""Ways to divide a mask into numbered instances, by PickET's name."""
