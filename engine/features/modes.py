"""What a neighbourhood is described by: the feature modes of S1, by name.

The exact forms of `engine.features.kmeans` correlate the volume instead of writing neighbourhoods out; the
plain definition is kept here, for centroids and for comparison.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FeatureMode:
    """One way to describe a neighbourhood by numbers.

    Parameters
    ----------
    name
        PickET's word for it.
    extract
        The plain definition: neighbourhoods `[n, N³]` in C order of (z, y, x) → features `[n, count(N)]`.
    count
        Number of features for neighbourhoods of size N.
    """

    name: str
    extract: Callable[[np.ndarray], np.ndarray]
    count: Callable[[int], int]


def _as_they_are(neighbourhoods: np.ndarray) -> np.ndarray:
    return neighbourhoods


INTENSITIES = FeatureMode("intensities", extract=_as_they_are, count=lambda size: size**3)

MODES: dict[str, FeatureMode] = {mode.name: mode for mode in (INTENSITIES,)}
