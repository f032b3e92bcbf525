"""The two first centres of k-means, drawn as scikit-learn draws them (k-means++), without keeping a neighbourhood.

Method: D. Arthur and S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007, in the
greedy form of scikit-learn (BSD): two candidates for the second centre, the one that leaves the smaller sum
of squared distances is taken. The same seed takes the same neighbourhoods as
`sklearn.cluster.KMeans(n_clusters=2, random_state=seed)` on the matrix of all.
"""

from collections.abc import Iterator

import numpy as np
import torch

from engine.features.rows import Rows

CANDIDATES = 2


def first_centres(rows: Rows, seed: int) -> tuple[torch.Tensor, float]:
    """Draw two neighbourhoods to start from.

    Parameters
    ----------
    rows
        The neighbourhoods that are fitted.
    seed
        Of NumPy's RandomState.

    Returns
    -------
    centres : Tensor
        float64 `[2, width]`.
    variance : float
        Sum of the variances of all columns.
    """
    random = np.random.RandomState(seed)
    first = rows.one(_uniform_index(rows.count, random.random_sample()))
    distances = np.empty(rows.count)  # float64: the draw below walks along their running sum

    def to_first(start: int, columns: torch.Tensor) -> tuple[torch.Tensor, float]:
        squared = (columns - first[:, None]).square_().sum(0)
        distances[start : start + len(squared)] = squared.cpu().numpy()
        return columns.sum(1), float(columns.square().sum())

    total, squares = torch.zeros_like(first), 0.0
    for of_chunk, chunk_squares in rows.each(to_first):
        total += of_chunk
        squares += chunk_squares
    marks = random.uniform(size=CANDIDATES) * distances.sum()
    others = torch.stack([rows.one(_reaching(distances, mark)) for mark in marks])

    def left_with_others(start: int, columns: torch.Tensor) -> np.ndarray:
        nearest = distances[start : start + columns.shape[1]]
        to_others = [(columns - other[:, None]).square_().sum(0).cpu().numpy() for other in others]
        return np.array([np.minimum(found, nearest).sum() for found in to_others])

    left = sum(rows.each(left_with_others), start=np.zeros(CANDIDATES))
    variance = squares / rows.count - float((total / rows.count).square().sum())
    return torch.stack([first, others[int(np.argmin(left))]]), variance


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
