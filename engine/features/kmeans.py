"""k-means with two clusters of neighbourhoods, in forms that keep no neighbourhood written out.

With c₀, c₁ the two centres, x is nearer to c₁ when (c₁ − c₀)·x > ½(|c₁|² − |c₀|²). For features that are dot
products with filters W this is one correlation of the volume, with the kernel Wᵀ(c₁ − c₀), and the next
centres are W times the clusters' mean neighbourhoods, of which only the change since the last iteration is
computed. Seeds, tolerance, stopping rule and tie are those of scikit-learn's
`KMeans(n_clusters=2, random_state=seed)` on all features, so labels and iterations are too.
"""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from engine.errors import UserError
from engine.features.decisions import LinearDecision
from engine.features.modes import LinearFeatures
from engine.features.neighbourhoods import FLOAT
from engine.features.progress import Progress, silent
from engine.features.rows import KeptRows, Rows, VolumeRows
from engine.features.seeding import first_centres

MAX_ITERATIONS = 300
TOLERANCE = 1e-4

Change = tuple[int, int, torch.Tensor]
"""How many neighbourhoods changed cluster, by how many the second grew, and what its sum of columns gained."""


def fit_kmeans(rows: Rows, seed: int, progress: Progress = silent) -> LinearDecision:
    """Part neighbourhoods in two clusters.

    Parameters
    ----------
    rows
        The neighbourhoods.
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
    if isinstance(rows, KeptRows):
        return _of_sample(rows, seed)
    centres, variance = first_centres(rows, seed)
    _refuse_equal(centres)
    # scikit-learn takes the mean over the features of the plain definition, of which a column may stand for two.
    tolerance = TOLERANCE * variance / rows.features.n_features
    reassign = _reassignment(rows)
    total = torch.zeros_like(centres[0])
    for of_chunk in rows.each(lambda _, columns: columns.sum(1)):
        total += of_chunk
    second_sum, second_count, iteration = torch.zeros_like(total), 0, 0
    for iteration in range(1, MAX_ITERATIONS + 1):
        changed = 0
        for moved, gained, gained_sum in reassign(LinearDecision.between(centres)):
            changed += moved
            second_count += gained
            second_sum += gained_sum
        old = centres
        centres = torch.stack([(total - second_sum) / (rows.count - second_count), second_sum / second_count])
        share = 100 * changed / rows.count
        progress(1 - 0.8**iteration, f"k-means: iteration {iteration}, {share:.2g} % of the neighbourhoods moved")
        if changed == 0 or float((centres - old).square().sum()) <= tolerance:
            break
    return LinearDecision.between(centres, iteration)


def _of_sample(rows: KeptRows, seed: int) -> LinearDecision:
    """scikit-learn's own, on the matrix that is there anyway."""
    tolerance = TOLERANCE * rows.features.width / rows.features.n_features
    # One thread: with several, sums are added in no fixed order, and the same seed would not give the same bytes.
    with threadpool_limits(1):
        matrix = rows.matrix.cpu().numpy()
        if (matrix == matrix[0]).all():
            _refuse()
        fitted = KMeans(n_clusters=2, random_state=seed, n_init=1, tol=tolerance).fit(matrix)
    return LinearDecision.between(torch.from_numpy(fitted.cluster_centers_).to(rows.device), int(fitted.n_iter_))


def _refuse_equal(centres: torch.Tensor) -> None:
    if torch.equal(centres[0], centres[1]):
        _refuse()


def _refuse() -> None:
    raise UserError(
        "All neighbourhoods that the clusters are fitted on are the same: there is nothing to separate. "
        "Choose other slice limits or another region."
    )


def _reassignment(rows: Rows) -> Callable[[LinearDecision], Iterator[Change]]:
    """What brings the clusters up to date for new centres; it remembers who belongs to the second."""
    if isinstance(rows, VolumeRows) and isinstance(rows.features, LinearFeatures):
        second = torch.zeros(rows.boxes.shape, dtype=torch.bool, device=rows.device)
        return partial(_by_correlation, rows, rows.features, second)
    return partial(_by_columns, rows, torch.zeros(rows.count, dtype=torch.bool, device=rows.device))


def _by_correlation(
    rows: VolumeRows, features: LinearFeatures, second: torch.Tensor, decision: LinearDecision
) -> Iterator[Change]:
    boxes = rows.boxes
    kernel = features.to_values(decision.direction).reshape(1, *[boxes.size] * 3)

    def of_slab(start: int, stop: int) -> Change:
        nearer = boxes.correlate(start, stop, kernel)[0] > decision.threshold
        if rows.included is not None:
            nearer &= rows.included[start:stop]
        change = nearer.to(torch.int8) - second[start:stop].to(torch.int8)
        second[start:stop] = nearer
        gained = features.columns(boxes.weighted_sum(start, stop, change)[:, None])[:, 0]
        return int(torch.count_nonzero(change)), int(change.sum()), gained

    return boxes.each_slab(of_slab)


def _by_columns(rows: Rows, second: torch.Tensor, decision: LinearDecision) -> Iterator[Change]:
    def of_chunk(start: int, columns: torch.Tensor) -> Change:
        place = slice(start, start + columns.shape[1])
        nearer = decision.scores(columns) > 0
        change = nearer.to(torch.int8) - second[place].to(torch.int8)
        second[place] = nearer
        return int(torch.count_nonzero(change)), int(change.sum()), columns @ change.to(FLOAT)

    return rows.each(of_chunk)
