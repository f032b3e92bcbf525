"""From a label map to single objects, after PickET's second step (S2): mask → instances → centroids.

`find_instances` is the whole step on an array; the parts are public for use from a notebook. What a person would have
to guess is suggested by `suggest_particle_cluster`, `suggest_sizes` and `suggest_min_distance`. Which object
belongs to which tomogram, and its class, is added in `engine.objects`.
"""

from engine.instances.darkness import darkness
from engine.instances.dips import divide_at_dips
from engine.instances.masks import connected_components, particle_mask, slices_to_pick
from engine.instances.mean_shift import mean_shift
from engine.instances.measures import Instances, centroids, filter_sizes, keep_only
from engine.instances.picking import MODES, S2Parameters, find_instances, select_instances
from engine.instances.selection import filter_border, keep_apart
from engine.instances.sizes import SizeSuggestion, component_sizes, size_histogram, suggest_sizes
from engine.instances.suggested_picks import (
    ChosenSetting,
    SuggestedPicks,
    SuggestionParameters,
    WorkflowSuggestion,
    gold_limit,
    suggest_picks,
    suggest_workflow,
)
from engine.instances.suggestions import (
    ClusterFigures,
    ClusterSuggestion,
    DistanceSuggestion,
    suggest_min_distance,
    suggest_particle_cluster,
)
from engine.instances.watersheds import h_maxima_watershed, watershed

__all__ = [
    "MODES",
    "ChosenSetting",
    "ClusterFigures",
    "ClusterSuggestion",
    "DistanceSuggestion",
    "Instances",
    "S2Parameters",
    "SizeSuggestion",
    "SuggestedPicks",
    "SuggestionParameters",
    "WorkflowSuggestion",
    "centroids",
    "component_sizes",
    "connected_components",
    "darkness",
    "divide_at_dips",
    "filter_border",
    "filter_sizes",
    "find_instances",
    "gold_limit",
    "h_maxima_watershed",
    "keep_apart",
    "keep_only",
    "mean_shift",
    "particle_mask",
    "select_instances",
    "size_histogram",
    "slices_to_pick",
    "suggest_min_distance",
    "suggest_particle_cluster",
    "suggest_picks",
    "suggest_sizes",
    "suggest_workflow",
    "watershed",
]
