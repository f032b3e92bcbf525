"""How neighbourhoods are parted in two clusters: the clustering methods of S1, by name.

A method gets neighbourhoods that are not written out and gives a decision that can label any of them, in
slabs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from engine.features.kmeans import fit_kmeans
from engine.features.neighbourhoods import Neighbourhoods
from engine.features.progress import Progress


class Decision(Protocol):
    """What a fit ends in."""

    @property
    def means(self) -> np.ndarray:
        """Mean neighbourhood of each cluster, float64 `[2, N³]`."""

    @property
    def iterations(self) -> int:
        """How many the fit took."""

    def labels(self, boxes: Neighbourhoods, start: int, stop: int) -> torch.Tensor:
        """Cluster of each neighbourhood of planes [start, stop): bool `[stop - start, y, x]`."""


@dataclass(frozen=True)
class Clusterer:
    """One way to part neighbourhoods in two.

    Parameters
    ----------
    name
        PickET's word for it.
    fit
        (neighbourhoods, which of them are fitted or None for all, seed, progress) → decision.
    """

    name: str
    fit: Callable[[Neighbourhoods, torch.Tensor | None, int, Progress], Decision]


KMEANS = Clusterer("kmeans", fit_kmeans)

METHODS: dict[str, Clusterer] = {method.name: method for method in (KMEANS,)}
