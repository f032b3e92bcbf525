"""k-means with two clusters of neighbourhoods, in the exact form that writes none of them out.

With c₀, c₁ the two centres, x is nearer to c₁ when w·x + β > 0 for w = c₁ − c₀ and β = −½(|c₁|² − |c₀|²): one
correlation of the volume with an N³ kernel. The next centres are the clusters' mean neighbourhoods: N³
shifted masked sums, of which only the change since the last iteration is computed. Seeds, tolerance, stopping
rule and tie (the first centre wins) are scikit-learn's, so labels and iterations are those of
`KMeans(n_clusters=2, random_state=seed)` on all neighbourhoods.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from engine.errors import UserError
from engine.features.neighbourhoods import FLOAT, Neighbourhoods
from engine.features.progress import Progress, silent
from engine.features.sampled import fits_in_memory, sample_centres
from engine.features.seeding import first_centres

MAX_ITERATIONS = 300
TOLERANCE = 1e-4


@dataclass(frozen=True)
class LinearDecision:
    """Two clusters of neighbourhoods parted by a plane.

    Parameters
    ----------
    means
        Mean neighbourhood of each cluster, float64 `[2, N³]`, in the volume's own values.
    iterations
        How many it took.
    """

    means: np.ndarray
    iterations: int

    def labels(self, boxes: Neighbourhoods, start: int, stop: int) -> torch.Tensor:
        """Cluster of each neighbourhood of planes [start, stop): bool `[stop - start, y, x]`, True = cluster 1."""
        centres = torch.from_numpy(self.means).to(boxes.volume.device) - boxes.centre
        return _nearer_to_second(boxes, start, stop, centres)


def fit_kmeans(
    boxes: Neighbourhoods, included: torch.Tensor | None, seed: int, progress: Progress = silent
) -> LinearDecision:
    """Part neighbourhoods in two clusters.

    Parameters
    ----------
    boxes
        The neighbourhoods.
    included
        bool `[z, y, x]`, which of them are fitted; None = all.
    seed
        Of the draw of the first centres.
    progress
        Called with a fraction of this fit and a text.

    Raises
    ------
    UserError
        All neighbourhoods are the same.
    """
    progress(0.0, "k-means: choosing the first centres")
    if included is not None and fits_in_memory(boxes, int(included.sum())):
        centres, iteration = sample_centres(boxes, included, seed)
        _refuse_equal(centres)
        return LinearDecision((centres + boxes.centre).cpu().numpy(), iteration)
    centres, squares = first_centres(boxes, included, seed)
    _refuse_equal(centres)
    count, total = _whole(boxes, included)
    tolerance = TOLERANCE * (squares / count - float((total / count).square().sum())) / boxes.n_values

    second = torch.zeros(boxes.shape, dtype=torch.bool, device=boxes.volume.device)
    second_sum, second_count = torch.zeros_like(total), 0
    iteration = 0
    for iteration in range(1, MAX_ITERATIONS + 1):
        changed = 0
        assign = partial(_assign, boxes, included, second, centres)
        for moved, gained, gained_sum in boxes.each_slab(assign):
            changed += moved
            second_count += gained
            second_sum += gained_sum
        old = centres
        centres = torch.stack([(total - second_sum) / (count - second_count), second_sum / second_count])
        share = 100 * changed / count
        progress(1 - 0.8**iteration, f"k-means: iteration {iteration}, {share:.2g} % of the neighbourhoods moved")
        if changed == 0 or float((centres - old).square().sum()) <= tolerance:
            break
    return LinearDecision((centres + boxes.centre).cpu().numpy(), iteration)


def _refuse_equal(centres: torch.Tensor) -> None:
    if torch.equal(centres[0], centres[1]):
        raise UserError(
            "All neighbourhoods that the clusters are fitted on are the same: there is nothing to separate. "
            "Choose other slice limits or another region."
        )


def _assign(
    boxes: Neighbourhoods,
    included: torch.Tensor | None,
    second: torch.Tensor,
    centres: torch.Tensor,
    start: int,
    stop: int,
) -> tuple[int, int, torch.Tensor]:
    """Bring `second` (which neighbourhoods are nearer to the second centre) up to date for some planes.

    Returns
    -------
    How many changed cluster, by how many the second cluster grew, and what its sum of neighbourhoods gained.
    """
    nearer = _nearer_to_second(boxes, start, stop, centres)
    if included is not None:
        nearer &= included[start:stop]
    change = nearer.to(torch.int8) - second[start:stop].to(torch.int8)
    second[start:stop] = nearer
    return int(torch.count_nonzero(change)), int(change.sum()), boxes.weighted_sum(start, stop, change)


def _nearer_to_second(boxes: Neighbourhoods, start: int, stop: int, centres: torch.Tensor) -> torch.Tensor:
    kernel = (centres[1] - centres[0]).view(1, *[boxes.size] * 3)
    norms = centres.square().sum(1)
    return boxes.correlate(start, stop, kernel)[0] > 0.5 * (norms[1] - norms[0])


def _whole(boxes: Neighbourhoods, included: torch.Tensor | None) -> tuple[int, torch.Tensor]:
    """Number and sum of the fitted neighbourhoods."""

    def of_slab(start: int, stop: int) -> tuple[int, torch.Tensor]:
        if included is None:
            shape = (stop - start, *boxes.shape[1:])
            weights = torch.ones(shape, dtype=torch.int8, device=boxes.volume.device)
        else:
            weights = included[start:stop].to(torch.int8)
        return int(weights.sum()), boxes.weighted_sum(start, stop, weights)

    count, total = 0, torch.zeros(boxes.n_values, dtype=FLOAT, device=boxes.volume.device)
    for n, slab_sum in boxes.each_slab(of_slab):
        count += n
        total += slab_sum
    return count, total
