"""From a label map to single objects, after PickET's second step (S2): mask → instances → centroids.

`find_instances` is the whole step on an array; the parts are public for use from a notebook. Which object
belongs to which tomogram, and its class, is added in `engine.objects`.
"""

from engine.instances.masks import connected_components, particle_mask, slices_to_pick
from engine.instances.measures import Instances, centroids, filter_sizes, keep_only
from engine.instances.picking import MODES, S2Parameters, find_instances
from engine.instances.watersheds import watershed

__all__ = [
    "MODES",
    "Instances",
    "S2Parameters",
    "centroids",
    "connected_components",
    "filter_sizes",
    "find_instances",
    "keep_only",
    "particle_mask",
    "slices_to_pick",
    "watershed",
]
