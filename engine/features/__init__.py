"""Unsupervised voxel segmentation after PickET's first step (S1): neighbourhoods → features → two clusters.

`segment` is the whole step on an array; `blur` and `normalise` are what is done to a tomogram before it. What
turns the label map into objects lives in `engine.instances`.
"""

from engine.features.clustering import METHODS
from engine.features.lamella import LamellaSuggestion, suggest_lamella
from engine.features.models import POOLED, Model, fit_each, fit_pooled, pooled_windows
from engine.features.modes import MODES
from engine.features.parameters import S1Parameters, check_room, slices_to_fit
from engine.features.preparation import RADIUS, approximate_range, blur, normalise
from engine.features.prepared import Prepared, prepare, running_on
from engine.features.segmentation import S1Result, label, segment, segment_each, segment_prepared

__all__ = [
    "METHODS",
    "MODES",
    "POOLED",
    "RADIUS",
    "LamellaSuggestion",
    "Model",
    "Prepared",
    "S1Parameters",
    "S1Result",
    "approximate_range",
    "blur",
    "check_room",
    "fit_each",
    "fit_pooled",
    "label",
    "normalise",
    "pooled_windows",
    "prepare",
    "running_on",
    "segment",
    "segment_each",
    "segment_prepared",
    "slices_to_fit",
    "suggest_lamella",
]
