"""Check 10 of PickET's evaluation, and its random points."""

from collections.abc import Callable

import numpy as np
import pytest

from engine.evaluation import Settings, evaluate
from engine.evaluation.picket import (
    assess,
    normalised_recall,
    random_points,
    relative_recall,
    whole_voxels,
)

TRUTHS = [(10, 10, 10), (22, 10, 10), (40, 40, 10), (30, 30, 30)]  # x, y, z of (z, y, x) in the check
PICKS = [(11, 10, 10), (10, 12, 10), (16, 10, 10), (50, 50, 50), (42, 30, 30)]


@pytest.mark.parametrize(
    ("distance", "voxel", "expected"), [(125, 10, 12), (25, 10, 2), (100, 7.84, 13), (125, 13.48, 9)]
)
def test_distances_become_whole_voxels(distance: float, voxel: float, expected: int) -> None:
    assert whole_voxels(distance, (voxel, 1.0, voxel)) == expected


@pytest.mark.parametrize(("reach", "precision", "recall", "f1"), [(6, 0.6, 0.5, 0.545455), (12, 0.8, 0.75, 0.774194)])
@pytest.mark.parametrize("voxel", [10.0, 7.84])
def test_check_10(table: Callable, reach: int, precision: float, recall: float, f1: float, voxel: float) -> None:
    settings = Settings("picket", reach * voxel)
    found = evaluate(table(PICKS, voxel_size=voxel), table(TRUTHS, voxel_size=voxel), settings)
    row = found.scores.iloc[0]
    assert (row["precision"], row["recall"]) == (precision, recall)
    assert row["f1"] == pytest.approx(f1, abs=5e-7)
    assert found.settings.class_agnostic
    one = found.picket.iloc[0]
    assert (one["reach"], one["precision"], one["recall"]) == (reach, precision, recall)
    assert found.summary["mean_f1"] == pytest.approx(f1, abs=5e-7)


def test_relative_recall() -> None:
    assert relative_recall(0.9, 0.25) == pytest.approx(0.818182, abs=5e-7)
    assert relative_recall(0.9, 1.0) == 0


def test_random_points_are_pickets() -> None:
    assert random_points((24, 32, 40), 3).tolist() == [[8, 30, 29], [14, 4, 6], [1, 27, 24]]
    many = random_points((24, 32, 40), 5000)
    assert many.min() == 0 and many.max(axis=0).tolist() == [23, 31, 39]


def test_nothing_is_scored_without_truths_or_predictions() -> None:
    point = np.array([[1.0, 1.0, 1.0]])
    assert np.isnan(assess(np.zeros((0, 3)), point, 3, (9, 9, 9))["precision"])
    assert np.isnan(assess(point, np.zeros((0, 3)), 3, (9, 9, 9))["gtr_f1"])
    assert assess(point, point, 3, (9, 9, 9))["f1"] == 1


def test_recall_of_each_type_over_tomograms(table: Callable) -> None:
    truths = table(
        [(10, 10, 10), (50, 50, 30), (10, 10, 10), (50, 50, 30), (70, 20, 20)],
        ["a", "b", "a", "b", "b"],
        ["t1", "t1", "t2", "t2", "t2"],
    )
    picks = table([(10, 10, 11), (50, 50, 30), (50, 50, 31)], "particle", ["t1", "t1", "t2"])
    found = evaluate(picks, truths, Settings("picket", 50)).class_recall.set_index("class")
    assert found["references"].tolist() == [2, 3] and found["found"].tolist() == [1, 2]
    assert found.loc["a", ["recall", "mean_recall", "std_recall"]].tolist() == [0.5, 0.5, 0.5]
    assert found.loc["b", ["mean_recall", "std_recall"]].tolist() == [0.75, 0.25]


def test_normalised_recall_is_the_mean_of_ratios() -> None:
    assert normalised_recall(np.array([0.5, 0.9]), np.array([0.25, 0.3])) == pytest.approx(2.5)
