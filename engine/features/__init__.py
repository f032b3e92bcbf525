"""Unsupervised voxel segmentation after PickET's first step (S1): neighbourhoods → features → two clusters.

`segment` is the whole step on an array; `blur` and `normalise` are what is done to a tomogram before it. What
turns the label map into objects lives in `engine.instances`.
"""

from engine.features.clustering import METHODS
from engine.features.modes import MODES
from engine.features.preparation import blur, normalise
from engine.features.segmentation import S1Parameters, S1Result, segment, slices_to_fit

__all__ = ["METHODS", "MODES", "S1Parameters", "S1Result", "blur", "normalise", "segment", "slices_to_fit"]
