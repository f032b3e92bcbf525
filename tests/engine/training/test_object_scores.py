"""Objects of whole tomograms, matched one to one."""

import numpy as np
import pytest

from engine.instances import Candidates, Truth
from engine.training.object_scores import score_objects

TRUTH = Truth(np.array([1, 1, 2]), np.array([(10, 10, 10), (10, 30, 10), (20, 20, 20)], float))


def found(*rows):
    """Candidates of (label, centre, score)."""
    return Candidates(
        np.array([r[0] for r in rows], int),
        np.array([r[1] for r in rows], float).reshape(-1, 3),
        np.full(len(rows), 50),
        np.array([r[2] for r in rows], float),
    )


def scores(candidates, truths=(TRUTH,)):
    return score_objects(None, lambda network, number: candidates[number], truths, {1: 4.0, 2: 4.0}, {1: "a", 2: "b"})


def test_each_class_takes_the_limit_that_suits_it_and_duplicates_are_false():
    made = scores(
        [found((1, (10, 10, 11), 0.9), (1, (10, 11, 10), 0.8), (1, (10, 30, 11), 0.7), (1, (35, 35, 35), 0.2))]
    )
    first = made.by_class["a"]
    assert (first.found, first.kept, first.truths) == (2, 3, 2)
    assert first.f == pytest.approx(0.8) and first.score == pytest.approx(0.7)
    assert made.by_class["b"].f == 0 and made.macro_f1 == pytest.approx(0.4)
    row = made.as_row()
    assert row["object_f1:a"] == pytest.approx(0.8) and row["object_recall:a"] == 1 and np.isnan(row["object_score:b"])
    assert row["object_macro_f1"] == pytest.approx(0.4)


def test_tomograms_are_pooled_and_classes_without_truth_are_not_in_the_mean():
    only = Truth(np.array([1]), np.array([(5.0, 5, 5)]))
    made = scores([found((1, (5, 5, 5), 0.9)), found((1, (9, 9, 9), 0.95))], (only, only))
    assert made.by_class["a"].f == pytest.approx(2 / 4) and made.macro_f1 == pytest.approx(0.5)


def test_nothing_found_is_0():
    assert scores([found()]).macro_f1 == 0.0
