"""From a label map or score maps to single objects.

After PickET's second step (S2), mask → instances → centroids: `find_instances` is the whole step on an array; the parts
are public for use from a notebook. What a person would have to guess is suggested by `suggest_particle_cluster`,
`suggest_sizes` and `suggest_min_distance`. Which object belongs to which tomogram, and its class, is added in
`engine.objects`.

With classes, after DeepFinder's cluster step: `find_objects` is the one way in to mean shift, components and score
peaks, `passing` applies limits to what they found, `fit_thresholds` finds limits. (`engine.instances.score_peaks` is
not imported here, because torch takes a second.)
"""

from engine.instances.candidates import Candidates, ClassSetting, count_by_class, passing
from engine.instances.class_components import class_components
from engine.instances.class_thresholds import FittedThreshold, Truth, fit_thresholds
from engine.instances.darkness import darkness
from engine.instances.deepfinder_clusters import class_clusters, deepfinder_clusters
from engine.instances.dips import divide_at_dips
from engine.instances.finding import METHODS, Found, find_objects
from engine.instances.masks import connected_components, particle_mask, slices_to_pick
from engine.instances.mean_shift import mean_shift
from engine.instances.measures import Instances, centroids, filter_sizes, keep_only
from engine.instances.picking import MODES, S2Parameters, find_instances, select_instances
from engine.instances.score_maps import LabelScores, ScoreMaps
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
    "METHODS",
    "MODES",
    "Candidates",
    "ChosenSetting",
    "ClassSetting",
    "ClusterFigures",
    "ClusterSuggestion",
    "DistanceSuggestion",
    "FittedThreshold",
    "Found",
    "Instances",
    "LabelScores",
    "S2Parameters",
    "ScoreMaps",
    "SizeSuggestion",
    "SuggestedPicks",
    "SuggestionParameters",
    "Truth",
    "WorkflowSuggestion",
    "centroids",
    "class_clusters",
    "class_components",
    "component_sizes",
    "connected_components",
    "count_by_class",
    "darkness",
    "deepfinder_clusters",
    "divide_at_dips",
    "filter_border",
    "filter_sizes",
    "find_instances",
    "find_objects",
    "fit_thresholds",
    "gold_limit",
    "h_maxima_watershed",
    "keep_apart",
    "keep_only",
    "mean_shift",
    "particle_mask",
    "passing",
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
