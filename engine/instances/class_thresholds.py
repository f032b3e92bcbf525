"""The least score and size per class that suit a validation tomogram best, found by trying all that make a difference.

What counts as found is what `engine.evaluation` counts one to one: as many pairs of one candidate and one true object
within reach of each other as can be made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from engine.errors import UserError
from engine.instances.candidates import Candidates

ROUNDING = 1e-9
"""A distance counts as within reach up to this part of it, as in `engine.evaluation`."""


@dataclass(frozen=True, eq=False)
class Truth:
    """True objects of one volume: label of the class of each, int `[n]`, and centres z, y, x in voxels, `[n, 3]`."""

    labels: np.ndarray
    centres: np.ndarray


@dataclass(frozen=True)
class FittedThreshold:
    """The limits of one class.

    Parameters
    ----------
    score, size
        Candidates of at least so much are kept; None = no limit.
    f, precision, recall
        With these limits on the tomograms they were fitted on; NaN where nothing could be fitted.
    found, kept, truths
        Pairs, candidates kept, true objects.
    note
        Why there are no limits, or empty.
    """

    score: float | None
    size: int | None
    f: float
    precision: float
    recall: float
    found: int
    kept: int
    truths: int
    note: str = ""


def fit_thresholds(
    found: Sequence[Candidates], truths: Sequence[Truth], reach: Mapping[int, float], beta: float = 1.0
) -> dict[int, FittedThreshold]:
    """Fit limits on score and size per class for the highest F.

    Every pair of limits that makes a difference is tried. Of equally good ones the lowest size is taken, then the
    lowest score, so that a limit stands only where it helps. A limit that no candidate falls below is given as None.
    Where scores are not known, sizes alone are fitted.

    Parameters
    ----------
    found
        Candidates of each tomogram.
    truths
        Its true objects, in the same order and the same voxels.
    reach
        Label → how far a candidate may be from the true object it finds, voxels; these classes are fitted.
    beta
        Of F: 1 weighs precision and recall alike, 4 recall far more (the CZII challenge's).

    Returns
    -------
    dict
        Label → its limits. A class without true objects, without candidates, or with none in reach of a true object
        gets no limits and a note.

    Raises
    ------
    UserError
        Not one truth per tomogram, a reach or β that is not above 0, positions that are no numbers.
    """
    if len(found) != len(truths):
        raise UserError(
            f"There are candidates of {len(found)} tomograms and truth of {len(truths)}: give both of each."
        )
    if not 0 < beta < np.inf:
        raise UserError(f"β is {beta:g}: it must be above 0, for example 1 or 4.")
    for label, distance in reach.items():
        if not 0 < distance < np.inf:
            raise UserError(f"The reach of the class with label {label} is {distance:g} voxels: it must be above 0.")
    for truth in truths:
        if not np.isfinite(truth.centres).all():
            raise UserError("A true object has no position (x, y or z is empty): complete or delete it.")
    return {label: _fit(found, truths, label, float(distance), beta) for label, distance in sorted(reach.items())}


def _fit(
    found: Sequence[Candidates], truths: Sequence[Truth], label: int, reach: float, beta: float
) -> FittedThreshold:
    scores, sizes, one, other = [], [], [], []
    candidates = references = 0
    for part, truth in zip(found, truths, strict=True):
        mine, true = part.where(part.labels == label), truth.centres[truth.labels == label]
        near = _pairs(mine.centres, true, reach)
        one.append(near[0] + candidates)
        other.append(near[1] + references)
        scores.append(mine.scores)
        sizes.append(mine.sizes)
        candidates, references = candidates + len(mine), references + len(true)
    nan = float("nan")
    if not references:
        note = "The truth has no object of this class, so nothing could be fitted: all are kept."
        return FittedThreshold(None, None, nan, nan, nan, 0, candidates, 0, note)
    if not candidates:
        return FittedThreshold(None, None, 0.0, nan, 0.0, 0, 0, references, "Nothing was found of this class.")
    graph = _Graph(np.concatenate(one), np.concatenate(other), candidates, references)
    if not graph.useful.any():
        note = f"No candidate lies within {reach:.3g} voxels of a true object: all are kept."
        return FittedThreshold(None, None, 0.0, 0.0, 0.0, 0, candidates, references, note)
    score, size = np.concatenate(scores), np.concatenate(sizes)
    rank = np.where(np.isfinite(score), score, -np.inf)
    order = np.argsort(-rank, kind="stable")
    best = _Limits(-1.0, 0, 0, -np.inf, 0)
    # Between two sizes of useful candidates a higher limit drops only what is false, so the useful ones are tried.
    below = int(size.min()) - 1
    for least in sorted({int(size.min()), *size[graph.useful].tolist()}):
        tried = _best_score(graph, order[size[order] >= least], rank, references, beta, least)
        if tried.f > best.f:
            best, before = tried, below
        below = least
    for least in np.unique(size[(size > before) & (size < best.size)]).tolist():  # the lowest that is as good
        tried = _best_score(graph, order[size[order] >= least], rank, references, beta, least)
        if tried.f == best.f:
            best = tried
            break
    passed = size >= best.size
    return FittedThreshold(
        score=best.score if np.isfinite(best.score) and (rank[passed] < best.score).any() else None,
        size=best.size if (size < best.size).any() else None,
        f=best.f,
        precision=best.found / best.kept,
        recall=best.found / references,
        found=best.found,
        kept=best.kept,
        truths=references,
    )


@dataclass(frozen=True)
class _Limits:
    """F, pairs and candidates kept with a least score and size."""

    f: float
    found: int
    kept: int
    score: float
    size: int


def _best_score(graph: "_Graph", order: np.ndarray, rank: np.ndarray, truths: int, beta: float, size: int) -> _Limits:
    """The least score that gives candidates in descending order of score the highest F; the lowest of equals."""
    pairs = np.cumsum(graph.gains(order))
    number = np.arange(1, len(order) + 1)
    # Numerator and denominator are whole numbers for a whole β, so equal fractions are equal floats.
    f = (1 + beta**2) * pairs / (beta**2 * truths + number)
    last = np.append(rank[order][1:] != rank[order][:-1], True)  # of equal scores none is kept without the others
    ends = np.flatnonzero(last)
    at = int(ends[len(ends) - 1 - int(np.argmax(f[ends][::-1]))])
    return _Limits(float(f[at]), int(pairs[at]), int(number[at]), float(rank[order[at]]), size)


def _pairs(candidates: np.ndarray, truths: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Which candidates `[n, 3]` and true objects `[m, 3]` are within reach of each other."""
    if not len(candidates) or not len(truths):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    near = cKDTree(candidates).sparse_distance_matrix(cKDTree(truths), reach * (1 + ROUNDING), output_type="ndarray")
    return near["i"].astype(np.int64), near["j"].astype(np.int64)


class _Graph:
    """Which candidates may find which true objects, and how many pairs a set of candidates makes."""

    def __init__(self, one: np.ndarray, other: np.ndarray, candidates: int, truths: int) -> None:
        self.useful = np.zeros(candidates, bool)
        self.useful[one] = True
        nodes = candidates + truths
        linked = coo_array((np.ones(len(one), np.int8), (one, candidates + other)), shape=(nodes, nodes))
        _, group = connected_components(linked, directed=False)
        self._group = group[:candidates]
        # Where candidates compete for one true object, the first of them makes the pair; elsewhere it takes a search.
        reached = np.unique(other)
        truths_in_group = np.bincount(group[candidates + reached], minlength=int(group.max()) + 1)
        self._tangled = (truths_in_group[self._group] > 1) & self.useful
        order = np.argsort(one, kind="stable")
        starts = np.searchsorted(one[order], np.arange(candidates + 1))
        self._near = {
            i: other[order[starts[i] : starts[i + 1]]].tolist() for i in np.flatnonzero(self._tangled).tolist()
        }

    def gains(self, order: np.ndarray) -> np.ndarray:
        """1 for each candidate that makes one pair more possible when they come in this order, else 0."""
        gain = np.zeros(len(order), np.int64)
        simple = self.useful[order] & ~self._tangled[order]
        where = np.flatnonzero(simple)
        gain[where[np.unique(self._group[order[where]], return_index=True)[1]]] = 1
        search = _Search(self._near)
        for place in np.flatnonzero(self._tangled[order]).tolist():
            gain[place] = search.pair(int(order[place]))
        return gain


class _Search:
    """Pairs of candidates and true objects that grow by one candidate at a time (augmenting paths; Kuhn 1955)."""

    def __init__(self, near: Mapping[int, list[int]]) -> None:
        self._near = near
        self._candidate_of: dict[int, int] = {}
        self._truth_of: dict[int, int] = {}

    def pair(self, candidate: int) -> bool:
        """Pair a candidate, moving others to further true objects where needed; False where that is impossible."""
        came_from: dict[int, int] = {}  # true object → candidate that looked at it
        waiting = [candidate]
        while waiting:
            looking = waiting.pop()
            for truth in self._near[looking]:
                if truth in came_from:
                    continue
                came_from[truth] = looking
                if truth not in self._candidate_of:
                    self._move(truth, came_from)
                    return True
                waiting.append(self._candidate_of[truth])
        return False

    def _move(self, free: int, came_from: Mapping[int, int]) -> None:
        """Give each candidate on the path to a free true object its next one."""
        truth: int | None = free
        while truth is not None:
            candidate = came_from[truth]
            before = self._truth_of.get(candidate)
            self._candidate_of[truth], self._truth_of[candidate] = candidate, truth
            truth = before
