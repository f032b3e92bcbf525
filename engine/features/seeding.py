"""The two first centres of k-means, drawn as scikit-learn draws them (k-means++), without writing out a neighbourhood.

Method: D. Arthur and S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007, in the
greedy form of scikit-learn (BSD): two candidates for the second centre, the one that leaves the smaller sum
of squared distances is taken. The same seed takes the same neighbourhoods as
`sklearn.cluster.KMeans(n_clusters=2, random_state=seed)` on the matrix of all.
"""

from collections.abc import Iterator

import numpy as np
import torch

from engine.features.neighbourhoods import FLOAT, Neighbourhoods

CANDIDATES = 2


def first_centres(boxes: Neighbourhoods, included: torch.Tensor | None, seed: int) -> tuple[torch.Tensor, float]:
    """Draw two neighbourhoods to start from.

    Parameters
    ----------
    boxes
        The neighbourhoods.
    included
        bool `[z, y, x]`, which of them are fitted; None = all.
    seed
        Of NumPy's RandomState.

    Returns
    -------
    centres : Tensor
        float64 `[2, N³]`.
    squares : float
        Sum of the squares of all values of all fitted neighbourhoods.
    """
    random = np.random.RandomState(seed)
    count = boxes.count if included is None else int(included.sum())
    first = _uniform_index(count, random.random_sample())
    if included is not None:
        first = _nth_included(included, first)
    centre = boxes.take(torch.tensor([first], device=boxes.volume.device))

    distances = np.empty(boxes.shape)  # float64: the draw below walks along their running sum

    def to_first(start: int, stop: int) -> float:
        norms, inside = boxes.squares(start, stop), _weights(included, start, stop)
        slab = _squared_distances(boxes, start, stop, norms, centre)[0] * inside
        distances[start:stop] = slab.cpu().numpy()
        return float((norms * inside).sum())

    squares = sum(boxes.each_slab(to_first))
    marks = random.uniform(size=CANDIDATES) * distances.sum()
    candidates = [_reaching(distances.reshape(-1), mark) for mark in marks]
    others = boxes.take(torch.tensor(candidates, device=boxes.volume.device))

    def left_with_others(start: int, stop: int) -> np.ndarray:
        norms, inside = boxes.squares(start, stop), _weights(included, start, stop)
        nearest = torch.from_numpy(distances[start:stop]).to(norms.device)
        to_others = _squared_distances(boxes, start, stop, norms, others)
        return (torch.minimum(to_others, nearest) * inside).sum((1, 2, 3)).cpu().numpy()

    left = sum(boxes.each_slab(left_with_others), start=np.zeros(CANDIDATES))
    return torch.cat([centre, others[[int(np.argmin(left))]]]), squares


def _weights(included: torch.Tensor | None, start: int, stop: int) -> torch.Tensor | float:
    return 1.0 if included is None else included[start:stop].to(FLOAT)


def _squared_distances(
    boxes: Neighbourhoods, start: int, stop: int, norms: torch.Tensor, centres: torch.Tensor
) -> torch.Tensor:
    """|x − c|² = |x|² − 2 x·c + |c|², `[centres, z, y, x]`, rounding below zero cut off."""
    kernels = centres.view(-1, *[boxes.size] * 3)
    products = boxes.correlate(start, stop, kernels)
    return (norms - 2 * products + centres.square().sum(1).view(-1, 1, 1, 1)).clamp_(min=0)


def _uniform_index(count: int, draw: float, chunk: int = 1 << 20) -> int:
    """What `RandomState.choice(count, p=[1/count, …])` makes of its draw: the running sum of p decides.

    The running sum of `count` rounded terms strays from i/count by more than one index for large counts, so
    it is formed here as NumPy forms it, in pieces.
    """

    def running_sums() -> Iterator[np.ndarray]:
        carried = 0.0
        for start in range(0, count, chunk):
            terms = np.full(min(chunk, count - start), 1.0 / count)
            terms[0] += carried
            sums = np.cumsum(terms)
            carried = float(sums[-1])
            yield sums

    total = 0.0
    for sums in running_sums():
        total = float(sums[-1])
    below = 0
    for sums in running_sums():
        below += int(np.searchsorted(sums / total, draw, side="right"))
        if sums[-1] / total > draw:
            break
    return below


def _nth_included(included: torch.Tensor, n: int) -> int:
    """Raster number of the n-th (from 0) neighbourhood that is included."""
    per_plane = included.sum((1, 2)).cpu().numpy()
    ends = np.cumsum(per_plane)
    plane = int(np.searchsorted(ends, n, side="right"))
    within = torch.nonzero(included[plane].reshape(-1)).reshape(-1)
    return plane * included[plane].numel() + int(within[n - int(ends[plane] - per_plane[plane])])


def _reaching(values: np.ndarray, mark: float, chunk: int = 1 << 20) -> int:
    """First index at which the running sum of `values` reaches `mark`."""
    carried = 0.0
    for start in range(0, values.size, chunk):
        sums = values[start : start + chunk].copy()
        sums[0] += carried
        sums = np.cumsum(sums)
        carried = float(sums[-1])
        if carried >= mark:
            return start + int(np.searchsorted(sums, mark))
    return values.size - 1
