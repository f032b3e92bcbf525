"""How neighbourhoods are parted in two clusters: the clustering methods of S1, by name."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.features.decisions import Decision, LinearDecision
from engine.features.mixture import fit_mixture
from engine.features.progress import Progress
from engine.features.rows import Rows


@dataclass(frozen=True)
class Clusterer:
    """One way to part neighbourhoods in two.

    Parameters
    ----------
    name
        PickET's word for it.
    refine
        (neighbourhoods, the clusters of k-means, progress) → decision. Every method begins with k-means.
    """

    name: str
    refine: Callable[[Rows, LinearDecision, Progress], Decision]


def _as_it_is(rows: Rows, start: LinearDecision, progress: Progress) -> LinearDecision:
    return start


METHODS: dict[str, Clusterer] = {
    method.name: method for method in (Clusterer("kmeans", _as_it_is), Clusterer("gmm", fit_mixture))
}
