import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from engine.errors import UserError
from engine.evaluation import Settings, evaluate
from engine.instances import Candidates, Truth, fit_thresholds
from engine.objects import ObjectTable, TomogramGeometry


def along_x(places, sizes, scores, label=1):
    centres = np.zeros((len(places), 3))
    centres[:, 2] = places
    count = len(places)
    return Candidates(np.full(count, label), centres, np.array(sizes, int), np.array(scores, float))


def truth_along_x(places, label=1):
    centres = np.zeros((len(places), 3))
    centres[:, 2] = places
    return Truth(np.full(len(places), label), centres)


def plain_f(found, truth, kept, reach, beta):
    """F of a set of candidates, pairs made by the assignment problem."""
    near = np.linalg.norm(found.centres[kept][:, None] - truth.centres[None], axis=2) <= reach
    pairs = int(near[linear_sum_assignment(~near)].sum()) if near.size else 0
    return (1 + beta**2) * pairs / (beta**2 * len(truth.labels) + int(kept.sum()))


def by_trying_all(found, truth, reach, beta):
    """Highest F over every pair of limits that candidates have; of equals the lowest size, then the lowest score."""
    best = None
    for size, score in product(sorted(set(found.sizes)), sorted(set(found.scores))):
        kept = (found.sizes >= size) & (found.scores >= score)
        if kept.any():
            f = plain_f(found, truth, kept, reach, beta)
            if best is None or f > best[0]:
                best = (f, size, score, kept)
    return best


def test_a_small_one_by_hand():
    # True at 0, 10, 20; the false candidate at 50 scores higher than the one at 20, and is small.
    found = along_x([0.5, 10, 20, 50, 60], [90, 80, 85, 9, 70], [0.9, 0.8, 0.5, 0.6, 0.2])
    truth = truth_along_x([0, 10, 20])
    fitted = fit_thresholds([found], [truth], {1: 2.0})[1]
    assert (fitted.score, fitted.size) == (0.5, 70)
    assert (fitted.f, fitted.precision, fitted.recall) == (1.0, 1.0, 1.0)
    assert (fitted.found, fitted.kept, fitted.truths) == (3, 3, 3)
    assert fitted.note == ""


def test_recall_counts_more_with_beta_4():
    found = along_x([0, 50, 60, 70, 80, 10], [9] * 6, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    truth = truth_along_x([0, 10])
    assert fit_thresholds([found], [truth], {1: 2.0}, beta=1)[1].score == 0.9
    four = fit_thresholds([found], [truth], {1: 2.0}, beta=4)[1]
    assert four.score is None, "all six are worth the second true one"
    assert four.f == pytest.approx(17 * 2 / (16 * 2 + 6))


def test_of_equals_the_lower_limit():
    # Either of the two false ones may stay: dropping one costs a true one, so F is the same with and without.
    found = along_x([0, 50, 10], [5, 5, 5], [0.9, 0.5, 0.3])
    truth = truth_along_x([0, 10, 90, 95])
    high, low = 2 * 1 / (1 + 4), 2 * 2 / (3 + 4)
    assert low > high
    assert fit_thresholds([found], [truth], {1: 1.0})[1].score is None
    found = along_x([0, 50, 60, 10], [5] * 4, [0.9, 0.5, 0.4, 0.3])
    truth = truth_along_x([0, 10])  # 2/3 with one kept, 4/6 with all four
    fitted = fit_thresholds([found], [truth], {1: 1.0})[1]
    assert fitted.score is None
    assert fitted.f == pytest.approx(2 / 3)


def test_a_limit_that_helps_nobody_is_none():
    found = along_x([0, 10], [5, 900], [0.9, 0.2])
    fitted = fit_thresholds([found], [truth_along_x([0, 10])], {1: 1.0})[1]
    assert (fitted.score, fitted.size) == (None, None)


def test_without_scores_sizes_are_fitted():
    found = along_x([0, 10, 50], [80, 90, 4], [np.nan] * 3)
    fitted = fit_thresholds([found], [truth_along_x([0, 10])], {1: 1.0})[1]
    assert (fitted.score, fitted.size, fitted.f) == (None, 80, 1.0)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 14), st.integers(1, 9), st.sampled_from([1.0, 2.0, 4.0]))
def test_equal_to_trying_all(seed, count, truths, beta):
    random = np.random.default_rng(seed)
    # Few places, sizes and scores: many candidates compete for the same true objects, and many limits are equal.
    found = Candidates(
        np.ones(count, int),
        random.integers(0, 6, (count, 3)).astype(float),
        random.integers(1, 6, count),
        random.integers(0, 5, count) / 4,
    )
    truth = Truth(np.ones(truths, int), random.integers(0, 6, (truths, 3)).astype(float))
    fitted = fit_thresholds([found], [truth], {1: 2.0}, beta)[1]
    f, size, _, kept = by_trying_all(found, truth, 2.0, beta)
    assert fitted.f == pytest.approx(f, abs=1e-12)
    if f == 0:
        assert "No candidate lies within" in fitted.note
        return
    mine = (found.sizes >= (fitted.size or 0)) & (found.scores >= (fitted.score or 0))
    assert mine.tolist() == kept.tolist()
    assert fitted.size == (size if (found.sizes < size).any() else None)
    lowest = found.scores[kept].min()  # several limits between two candidates keep the same ones
    assert fitted.score == (lowest if (found.scores[found.sizes >= size] < lowest).any() else None)
    assert fitted.kept == kept.sum()


def test_counts_are_those_of_the_evaluation():
    random = np.random.default_rng(11)
    geometry = {"ts": TomogramGeometry((40, 40, 40), (1.0, 1.0, 1.0))}
    truth = random.uniform(5, 35, (60, 3))
    places = np.concatenate([truth[:50] + random.normal(size=(50, 3)), random.uniform(5, 35, (80, 3))])
    found = Candidates(np.full(130, 4), places, random.integers(5, 90, 130), random.random(130))
    fitted = fit_thresholds([found], [Truth(np.full(60, 4), truth)], {4: 3.0})[4]
    kept = (found.sizes >= (fitted.size or 0)) & (found.scores >= (fitted.score or 0))

    def table(points):
        z, y, x = points.T
        return ObjectTable(pd.DataFrame({"tomogram": "ts", "class": "a", "x": x, "y": y, "z": z}), geometry)

    scores = evaluate(table(places[kept]), table(truth), Settings(distance=3.0, repeats=0)).scores
    row = scores[scores["class"] == "a"].iloc[0]
    assert (fitted.found, fitted.kept) == (row["tp"], row["predictions"])
    assert fitted.f == pytest.approx(row["f1"])
    assert fitted.f > 0.5


def test_tomograms_count_together_and_classes_alone():
    one, other = along_x([0, 50], [5, 5], [0.9, 0.1]), along_x([0, 60], [5, 5], [0.4, 0.3], label=2)
    truths = [truth_along_x([0]), truth_along_x([0], label=2)]
    fitted = fit_thresholds([one, other], truths, {1: 1.0, 2: 1.0})
    assert fitted[1].score == 0.9
    assert fitted[2].score == 0.4
    swapped = fit_thresholds([one, other], truths[::-1], {1: 1.0, 2: 1.0})
    assert "No candidate lies within 1 voxels" in swapped[1].note, "a true object of another tomogram is not near"


def test_a_class_that_cannot_be_fitted_keeps_all_and_says_why():
    found = along_x([0, 50], [5, 5], [0.9, 0.1])
    fitted = fit_thresholds([found], [truth_along_x([0], label=2)], {1: 1.0, 2: 1.0, 3: 1.0})
    assert "truth has no object of this class" in fitted[1].note
    assert (fitted[1].score, fitted[1].size) == (None, None)
    assert math.isnan(fitted[1].f)
    assert fitted[2].note == "Nothing was found of this class."
    assert fitted[2].recall == 0.0
    assert fitted[3].truths == 0


def test_many_candidates_take_moments():
    random = np.random.default_rng(3)
    truth = random.uniform(0, 300, (800, 3))
    places = np.concatenate([truth + random.normal(size=truth.shape), random.uniform(0, 300, (9000, 3))])
    scores = np.concatenate([random.beta(5, 2, 800), random.beta(2, 5, 9000)])
    found = Candidates(np.ones(9800, int), places, random.integers(1, 500, 9800), scores)
    fitted = fit_thresholds([found], [Truth(np.ones(800, int), truth)], {1: 4.0})[1]
    assert fitted.f > 0.6


def test_bad_input():
    found, truth = along_x([0], [5], [0.9]), truth_along_x([0])
    with pytest.raises(UserError, match="1 tomograms and truth of 0"):
        fit_thresholds([found], [], {1: 1.0})
    with pytest.raises(UserError, match="reach of the class with label 1 is 0"):
        fit_thresholds([found], [truth], {1: 0.0})
    with pytest.raises(UserError, match="β is -1"):
        fit_thresholds([found], [truth], {1: 1.0}, beta=-1)
    with pytest.raises(UserError, match="has no position"):
        fit_thresholds([found], [truth_along_x([np.nan])], {1: 1.0})
