"""The matching rules against the published numbers and against plain definitions."""

import itertools
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from engine.errors import UserError
from engine.evaluation import METRICS, Settings, evaluate, find_metric
from engine.evaluation.kaggle import weighted_mean
from engine.evaluation.one_to_one import best_pairs

ROW = ["tp", "fp", "fn", "precision", "recall", "f1", "f_beta"]


def overall(evaluation: object) -> dict[str, float]:
    return evaluation.scores.set_index("class").loc["all", ROW].to_dict()  # type: ignore[attr-defined]


@pytest.fixture
def fourfold(table: Callable) -> tuple:
    """100 references far apart, 50 of them predicted four times each."""
    places = np.array([(20 * i + 10, 20 * j + 10, 10) for i, j in itertools.product(range(10), range(10))])
    offsets = np.array([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, 0, 1)])
    predictions = (places[:50, None, :] + offsets).reshape(-1, 3)
    shape = (20, 220, 220)
    return table(predictions, shape=shape), table(places, shape=shape)


@pytest.mark.parametrize(
    ("metric", "f1", "f4"),
    [
        ("kaggle", 0.333, 0.472),
        ("picket", 0.667, 0.515),
        ("deepfinder", 0.0, 0.0),
        ("one-to-one", 0.333, 0.472),
        ("shrec", 0.333, 0.472),
    ],
)
def test_what_each_rule_makes_of_duplicates(fourfold: tuple, metric: str, f1: float, f4: float) -> None:
    found = overall(evaluate(*fourfold, Settings(metric=metric, distance=50)))
    assert round(found["f1"], 3) == f1
    assert round(found["f_beta"], 3) == f4


def test_deepfinder_check_11(table: Callable) -> None:
    truths = table([(0, 0, 0), (20, 0, 0), (40, 0, 0), (60, 0, 0)], ["1", "1", "2", "2"], voxel_size=1)
    points = [(1, 0, 0), (20, 2, 0), (40, 0, 1), (40, 1, 0), (90, 0, 0)]
    picks = table(points, ["1", "2", "2", "2", "1"], voxel_size=1)
    settings = Settings(metric="deepfinder", distance=2)
    by_class = evaluate(picks, truths, settings).scores.set_index("class")
    assert by_class.loc["1", ["tp", "fp", "fn", "f1"]].tolist() == [1, 1, 1, 0.5]
    assert by_class.loc["2", ["tp", "fp", "fn", "f1"]].tolist() == [0, 3, 2, 0.0]
    blind = Settings(metric="deepfinder", distance=2, class_agnostic=True)
    assert [overall(evaluate(picks, truths, blind))[n] for n in ("tp", "fp", "fn")] == [2, 3, 2]

    fewer = table([points[i] for i in (0, 1, 2, 4)], ["1", "2", "2", "1"], voxel_size=1)
    by_class = evaluate(fewer, truths, settings).scores.set_index("class")
    assert by_class.loc["2", ["tp", "fp", "fn", "f1"]].tolist() == [1, 1, 1, 0.5]
    assert [overall(evaluate(fewer, truths, blind))[n] for n in ("tp", "fp", "fn")] == [3, 1, 1]


def test_deepfinder_lets_one_prediction_serve_several(table: Callable) -> None:
    found = overall(evaluate(table([(11, 10, 10)]), table([(10, 10, 10), (12, 10, 10)]), Settings("deepfinder", 20)))
    assert (found["tp"], found["fp"], found["fn"]) == (2, 0, 0)


def test_kaggle_takes_half_the_radius_of_each_class_and_weighs(table: Callable) -> None:
    truths = table([(10, 10, 10), (40, 10, 10), (70, 10, 10)], ["ribosome", "thyroglobulin", "beta-amylase"])
    # 7 voxels = 70 Å: within 150/2, beyond 130/2; the amylase, of weight 0, is missed
    picks = table([(17, 10, 10), (47, 10, 10)], ["ribosome", "thyroglobulin"])
    radii = (("ribosome", 150.0), ("thyroglobulin", 130.0), ("beta-amylase", 65.0))
    found = evaluate(picks, truths, Settings("kaggle", 100, radii=radii))
    assert found.scores.set_index("class")["tp"].to_dict() == {
        "all": 1, "ribosome": 1, "thyroglobulin": 0, "beta-amylase": 0
    }  # fmt: skip
    assert found.summary["weighted_f_beta"] == pytest.approx(1 / 3)  # weights 1, 2, 0
    assert weighted_mean({"ribosome": 1.0, "beta-amylase": 0.0, "thyroglobulin": 0.5}) == pytest.approx(2 / 3)


def test_kaggle_lets_one_prediction_find_two(table: Callable) -> None:
    found = overall(evaluate(table([(11, 10, 10)]), table([(10, 10, 10), (12, 10, 10)]), Settings("kaggle", 20)))
    assert (found["tp"], found["fp"], found["precision"]) == (2, -1, 2.0)


def test_shrec_counts_unique_objects_and_takes_the_first_hit_for_the_class(table: Callable) -> None:
    truths = table([(10, 10, 10), (40, 10, 10), (70, 10, 10)], ["a", "b", "b"])
    picks = table([(11, 10, 10), (10, 10, 10), (40, 11, 10), (80, 80, 40)], ["b", "a", "b", "a"])
    found = evaluate(picks, truths, Settings("shrec", 30))
    scores = found.scores.set_index("class")
    assert scores.loc["all", ["tp", "fp", "fn"]].tolist() == [2, 2, 1]
    assert scores.loc["a", ["tp", "fp", "fn"]].tolist() == [0, 0, 1]
    assert scores.loc["b", ["tp", "fp", "fn"]].tolist() == [1, 1, 1]  # the background pick counts in no class
    assert found.summary["macro_f1"] == pytest.approx(0.25)


def test_shrec_in_a_map_of_objects(table: Callable) -> None:
    instances = np.zeros((64, 96, 96), dtype=np.int32)
    instances[10, 10, 8:14] = 2  # the id of the second reference
    truths = table([(60, 60, 30), (10, 10, 10)])
    picks = table([(13.4, 10, 10), (60, 60, 30), (-5, 10, 10)])
    found = evaluate(picks, truths, Settings("shrec", 1), {"ts": instances})
    assert overall(found)["tp"] == 1 and found.matches["id"].tolist() == [2]
    with pytest.raises(UserError, match="no map of the objects"):
        evaluate(picks, truths, Settings("shrec", 1), {"other": instances})


def brute_force(costs: np.ndarray, reach: float) -> tuple[int, float]:
    """The most pairs and their least total distance, by trying all."""
    best = (0, 0.0)
    n, m = costs.shape
    for size in range(1, min(n, m) + 1):
        sums = [
            sum(costs[i, j] for i, j in zip(rows, columns, strict=True))
            for rows in itertools.combinations(range(n), size)
            for columns in itertools.permutations(range(m), size)
            if all(costs[i, j] <= reach for i, j in zip(rows, columns, strict=True))
        ]
        if sums:
            best = (size, min(sums))
    return best


@given(st.integers(0, 2**31), st.integers(1, 5), st.integers(1, 5), st.booleans())
@examples(max_examples=60, deadline=None)
def test_one_to_one_is_the_best_of_all_pairings(seed: int, n: int, m: int, sparse: bool) -> None:
    from engine.evaluation import one_to_one

    rng = np.random.default_rng(seed)
    costs = np.linalg.norm(rng.random((n, 1, 3)) - rng.random((1, m, 3)), axis=2)
    i, j = np.nonzero(costs <= 0.6)
    order = np.argsort(costs[i, j], kind="stable")
    i, j = i[order], j[order]
    with pytest.MonkeyPatch.context() as patch:
        if sparse:
            patch.setattr(one_to_one, "DENSE_CELLS", 0)
        chosen = best_pairs(i, j, costs[i, j])
    assert len(set(i[chosen])) == len(chosen) == len(set(j[chosen]))
    count, total = brute_force(costs, 0.6)
    assert len(chosen) == count
    assert costs[i[chosen], j[chosen]].sum() == pytest.approx(total, abs=1e-9)


def test_more_pairs_go_before_nearer_ones(table: Callable) -> None:
    # nearest first would pair the first two at 1 voxel and leave the others 11 voxels apart
    found = evaluate(table([(10, 10, 10), (21, 10, 10)]), table([(11, 10, 10), (1, 10, 10)]), Settings(distance=100))
    assert overall(found)["tp"] == 2
    assert sorted(found.matches["distance"].round(6)) == [90, 100]


def test_a_hundred_thousand_points_in_seconds(table: Callable) -> None:
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(0, 47 * 16, 16.0)] * 3, indexing="ij"), -1).reshape(-1, 3)[:100_000]
    near = grid + rng.normal(scale=4, size=grid.shape)  # the distance of 100 Å reaches into neighbouring objects
    shape = (760, 760, 760)
    began = time.perf_counter()
    found = evaluate(table(near, shape=shape), table(grid, shape=shape), Settings(distance=100, repeats=0))
    assert time.perf_counter() - began < 20
    assert overall(found)["tp"] > 80_000


@pytest.mark.parametrize("metric", METRICS)
@given(seed=st.integers(0, 2**31))
@examples(max_examples=15, deadline=None)
def test_counts_add_up_whatever_the_rule(metric: str, seed: int) -> None:
    from engine.evaluation.neighbours import find_neighbours

    rng = np.random.default_rng(seed)
    n, m = rng.integers(0, 30, 2)
    predicted, referred = rng.integers(0, 3, n), rng.integers(0, 3, m)
    near = find_neighbours(rng.random((n, 3)), rng.random((m, 3)), np.full(m, 0.3), predicted, referred, 3)
    outcome = METRICS[metric].judge(near)
    assert sum(c.tp + c.fn for c in outcome.by_class) == m
    assert outcome.overall.tp + outcome.overall.fn == m
    assert 0 <= outcome.overall.recall <= 1 or m == 0
    assert all((outcome.partner_of_reference[referred == k] >= 0).sum() <= c.tp for k, c in enumerate(outcome.by_class))
    if metric in ("one-to-one", "picket", "kaggle", "shrec"):
        assert outcome.overall.correct + outcome.overall.fp == n


def test_an_unknown_metric_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match="'magic': choose one of one-to-one, picket, kaggle, shrec, deepfinder"):
        find_metric("magic")
