"""k-means on a sample small enough to be written out: scikit-learn's own, which then takes a fraction of a second."""

import torch
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from engine.features.neighbourhoods import Neighbourhoods

LARGEST_BYTES = 256 * 2**20
"""Of the sample's matrix: with N = 5 about 268,000 neighbourhoods."""


def fits_in_memory(boxes: Neighbourhoods, count: int) -> bool:
    """Whether `count` neighbourhoods may be written out."""
    return count * boxes.n_values * 8 <= LARGEST_BYTES


def sample_centres(boxes: Neighbourhoods, included: torch.Tensor, seed: int) -> tuple[torch.Tensor, int]:
    """Centres of the two clusters of a sample, and the iterations they took.

    Parameters
    ----------
    boxes
        The neighbourhoods.
    included
        bool `[z, y, x]`: the sample.
    seed
        Of the draw of the first centres.

    Returns
    -------
    centres : Tensor
        float64 `[2, N³]`, relative to `boxes.centre`.
    iterations : int
        Of Lloyd's algorithm.
    """
    rows = boxes.take(torch.nonzero(included.reshape(-1)).reshape(-1)).cpu().numpy()
    # One thread: with several, sums are added in no fixed order, and the same seed would not give the same bytes.
    with threadpool_limits(1):
        fitted = KMeans(n_clusters=2, random_state=seed, n_init=1).fit(rows)
    return torch.from_numpy(fitted.cluster_centers_).to(boxes.volume.device), int(fitted.n_iter_)
