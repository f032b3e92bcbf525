"""One-to-one matching: each prediction finds at most one reference and each reference is found at most once.

Of all ways to pair them within the distance, one with the most pairs is taken, and of those the one with the least
total distance: the assignment problem, which Kuhn (Naval Research Logistics Quarterly 2, 1955) solved with what he
called the Hungarian method. SciPy solves it here, cluster by cluster, because objects far apart do not compete.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching

from engine.evaluation.counts import NOTHING, counts_by_class
from engine.evaluation.neighbours import Neighbours, Outcome

DENSE_CELLS = 10_000
"""Clusters up to this many possible pairs are solved as full matrices, larger ones as sparse graphs."""


def judge(neighbours: Neighbours) -> Outcome:
    """Match predictions and references of equal class one to one."""
    near = neighbours.same_class()
    chosen = best_pairs(near.prediction, near.reference, near.distance)
    of_prediction = np.full(len(near.predicted_class), -1, dtype=np.int64)
    of_reference = np.full(len(near.reference_class), -1, dtype=np.int64)
    of_prediction[near.prediction[chosen]] = near.reference[chosen]
    of_reference[near.reference[chosen]] = near.prediction[chosen]
    counts = counts_by_class(
        near.classes, near.predicted_class, near.reference_class, of_prediction >= 0, of_reference >= 0
    )
    return Outcome(of_prediction, of_reference, counts, sum(counts, NOTHING))


def best_pairs(prediction: np.ndarray, reference: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Choose pairs so that none share a member: as many as possible, then of least total distance.

    Where a cluster of objects within reach of each other has one object on either side, its nearest pair is the
    answer; the others are solved one by one. 100,000 objects whose spacing exceeds the distance take about a second;
    time grows with the square of the largest cluster (one of 20,000 takes some 40 s).

    Parameters
    ----------
    prediction, reference, distance
        The pairs that may be chosen [k], the nearest first.

    Returns
    -------
    ndarray
        Indices into the pairs.
    """
    if not len(distance):
        return np.zeros(0, dtype=np.int64)
    _, p = np.unique(prediction, return_inverse=True)
    _, r = np.unique(reference, return_inverse=True)
    predictions, references = int(p.max()) + 1, int(r.max()) + 1
    nodes = predictions + references
    graph = coo_array((np.ones(len(p), dtype=np.int8), (p, predictions + r)), shape=(nodes, nodes))
    number, cluster = connected_components(graph, directed=False)
    of_pair = cluster[p]
    sizes = np.stack(
        [np.bincount(cluster[:predictions], minlength=number), np.bincount(cluster[predictions:], minlength=number)]
    )
    star = sizes.min(axis=0) == 1
    # Pairs come nearest first, so the first of a star is its nearest.
    nearest = np.unique(of_pair, return_index=True)[1]
    chosen = [nearest[star]]
    order = np.argsort(of_pair, kind="stable")
    ends = np.cumsum(np.bincount(of_pair, minlength=number))
    for c in np.flatnonzero(~star):
        members = order[ends[c - 1] if c else 0 : ends[c]]
        chosen.append(members[_assign(p[members], r[members], distance[members])])
    return np.sort(np.concatenate(chosen))


def _assign(prediction: np.ndarray, reference: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """The best pairs of one cluster, as indices into its pairs."""
    rows, row = np.unique(prediction, return_inverse=True)
    columns, column = np.unique(reference, return_inverse=True)
    # All distances together are less than one more pair is worth.
    cost = distance / max(float(distance.max()), 1e-300)
    worth = min(len(rows), len(columns)) + 1.0
    if len(rows) * len(columns) <= DENSE_CELLS:
        index = np.full((len(rows), len(columns)), -1, dtype=np.int64)
        index[row, column] = np.arange(len(distance))
        matrix = np.zeros(index.shape)
        matrix[row, column] = cost - worth
        found = index[linear_sum_assignment(matrix)]
        return found[found >= 0]
    if len(rows) > len(columns):
        rows, row, columns, column = columns, column, rows, row
    # SciPy wants every row matched and no weight of zero: each row gets a column of its own that means "alone".
    n, m = len(rows), len(columns)
    alone = np.arange(n)
    weights = np.concatenate([cost + 1.0, np.full(n, worth + 1.0)])
    where = (np.concatenate([row, alone]), np.concatenate([column, m + alone]))
    matched, partner = min_weight_full_bipartite_matching(csr_array((weights, where), shape=(n, m + n)))
    paired = partner < m
    wanted = matched[paired] * m + partner[paired]
    return np.flatnonzero(np.isin(row * m + column, wanted))
