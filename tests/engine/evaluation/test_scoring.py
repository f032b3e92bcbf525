"""The evaluation as a whole: what counts, what is listed, chance, curves, comparison, text."""

import json
import math
from collections.abc import Callable

import numpy as np
import pytest

from engine.errors import UserError
from engine.evaluation import (
    Counts,
    Settings,
    as_json,
    as_text,
    average_precision,
    best,
    compare,
    distance_curve,
    evaluate,
    f_score,
    precision_recall_curve,
    threshold_words,
)
from engine.objects import ObjectTable, TomogramGeometry, empty_table


def test_scores_from_counts() -> None:
    counts = Counts(tp=50, fp=150, fn=50, correct=50)
    assert (counts.precision, counts.recall) == (0.25, 0.5)
    assert counts.f_score() == pytest.approx(1 / 3)
    assert counts.f_score(4) == pytest.approx(0.472, abs=5e-4)
    nothing = Counts(0, 0, 5, 0)
    assert math.isnan(nothing.precision) and nothing.recall == 0 and nothing.f_score() == 0
    assert math.isnan(Counts(0, 0, 0, 0).f_score()) and f_score(math.nan, 1.0) == 0
    assert Counts(1, 2, 3, 1) + Counts(1, 1, 1, 1) == Counts(2, 3, 4, 2)


def test_classes_count_unless_told_otherwise(table: Callable) -> None:
    truths = table([(10, 10, 10), (40, 40, 30)], ["a", "b"])
    picks = table([(10, 10, 11), (40, 40, 31)], ["a", "a"])
    scores = evaluate(picks, truths).scores.set_index("class")
    assert scores.loc["all", ["tp", "fp", "fn"]].tolist() == [1, 1, 1]
    assert scores.loc["b", ["references", "predictions", "fn"]].tolist() == [1, 0, 1]
    blind = evaluate(picks, truths, Settings(class_agnostic=True))
    assert blind.scores["class"].tolist() == ["all"] and blind.scores["tp"].tolist() == [2]
    assert blind.class_recall["recall"].tolist() == [1, 1]


def test_tomograms_do_not_see_each_other_and_counts_are_pooled(table: Callable) -> None:
    truths = table([(10, 10, 10), (10, 10, 10), (50, 50, 30)], tomograms=["t1", "t2", "t2"])
    picks = table([(10, 10, 10), (50, 50, 30)], tomograms=["t2", "t1"])
    found = evaluate(picks, truths)
    assert found.scores.loc[0, ["tp", "fp", "fn"]].tolist() == [1, 1, 2]
    assert found.misses["tomogram"].tolist() == ["t1", "t2"]
    assert found.false_picks["tomogram"].tolist() == ["t1"]
    only = evaluate(picks, truths, Settings(tomograms=("t1",)))
    assert only.scores.loc[0, ["tp", "fp", "fn"]].tolist() == [0, 1, 1]


def test_an_empty_tomogram_that_was_looked_through_counts(table: Callable) -> None:
    truths = table([(10, 10, 10)])
    known = ObjectTable(truths.rows, {**truths.tomograms, "t2": truths.tomograms["ts"]})
    picks = table([(10, 10, 10), (5, 5, 5), (5, 5, 5)], tomograms=["ts", "t2", "t3"])
    found = evaluate(picks, known)
    assert found.scores.loc[0, ["tp", "fp"]].tolist() == [1, 1]
    assert "without references do not count (1, in t3" in found.notes[0]
    late = evaluate(table([(10, 10, 10)], tomograms="t2"), known).notes
    assert late == ["The predictions do not cover 1 of 2 tomograms (ts): their references count as missed."]


def test_every_match_miss_and_false_pick_is_listed(table: Callable) -> None:
    truths = table([(10, 10, 10), (40, 40, 30), (70, 70, 30)], ["a", "a", "b"])
    picks = table(
        [(10, 10, 12), (10, 10, 13), (71, 70, 30), (5, 90, 60)], ["a", "a", "a", "a"], scores=[0.9, 0.8, 0.7, 0.6]
    )
    found = evaluate(picks, truths)
    assert found.matches[["id", "prediction", "distance"]].to_numpy().tolist() == [[1, 1, 20]]
    assert found.misses[["id", "why"]].to_numpy().tolist() == [[2, "nothing near"], [3, "other class"]]
    assert found.misses.loc[1, ["distance", "nearest"]].tolist() == [10, 3]
    assert found.false_picks[["id", "why"]].to_numpy().tolist() == [
        [2, "duplicate"], [3, "other class"], [4, "nothing near"]
    ]  # fmt: skip
    assert found.false_picks["score"].tolist() == [0.8, 0.7, 0.6]


def test_classes_and_slices_can_be_restricted(table: Callable) -> None:
    truths = table([(10, 10, 10), (40, 40, 30), (70, 70, 30)], ["a", "b", "gold"])
    picks = table([(10, 10, 10), (40, 40, 30), (70, 70, 30)])
    found = evaluate(picks, truths, Settings(classes=("a", "b"), class_agnostic=True))
    assert found.scores.loc[0, ["tp", "fp", "fn"]].tolist() == [2, 1, 0]
    found = evaluate(picks, truths, Settings(lower_z=11, upper_z=30, class_agnostic=True))
    assert found.scores.loc[0, ["references", "fp"]].tolist() == [2, 1]
    found = evaluate(truths, truths, Settings(classes=("a",)))
    assert found.scores.loc[0, ["references", "predictions", "tp"]].tolist() == [1, 1, 1]


def test_voxel_sizes_that_differ_are_reconciled(table: Callable) -> None:
    truths = table([(21, 41, 31)], voxel_size=5)
    binned = table([((21 + 0.5) / 2 - 0.5, (41 + 0.5) / 2 - 0.5, (31 + 0.5) / 2 - 0.5)], voxel_size=10)
    assert evaluate(binned, truths, Settings(distance=0.01)).matches["distance"].tolist() == [0]


def test_chance_is_what_geometry_says(table: Callable) -> None:
    """One reference in the middle, 200 random points: P(found) = 1 − (1 − ball/volume)^200."""
    truths = table([(48, 48, 32)])
    rng = np.random.default_rng(1)
    picks = table(rng.random((200, 3)) * (96, 96, 64) - 0.5)
    row = evaluate(picks, truths, Settings(distance=60, repeats=400)).class_recall.iloc[0]
    ball = 4 / 3 * np.pi * 6**3 / (64 * 96 * 96)
    expected = 1 - (1 - ball) ** 200
    assert row["random_recall"] == pytest.approx(expected, abs=0.07)
    assert row["random_recall_std"] == pytest.approx(math.sqrt(expected * (1 - expected)), abs=0.05)


def test_chance_repeats_with_its_seed(table: Callable) -> None:
    rng = np.random.default_rng(1)
    truths, picks = (table(rng.random((80, 3)) * (96, 96, 64)) for _ in range(2))
    columns = ["random_f1", "random_f1_std"]
    first, again = (evaluate(picks, truths, Settings(distance=120)).scores[columns] for _ in range(2))
    other = evaluate(picks, truths, Settings(distance=120, seed=7)).scores[columns]
    assert first.equals(again) and not first.equals(other)
    assert 0 < first.loc[0, "random_f1_std"] < first.loc[0, "random_f1"]
    assert np.isnan(evaluate(picks, truths, Settings(repeats=0)).scores.loc[0, "random_f1"])


@pytest.mark.parametrize("metric", ["one-to-one", "picket", "kaggle", "shrec", "deepfinder"])
def test_the_curve_is_the_score_at_each_distance(table: Callable, metric: str) -> None:
    rng = np.random.default_rng(3)
    truths, picks = (table(rng.random((60, 3)) * (96, 96, 64)) for _ in range(2))
    settings = Settings(metric, 100, repeats=2)
    curve = distance_curve(picks, truths, settings, [40, 100, 160])
    for row in curve.to_dict("records"):
        plain = evaluate(picks, truths, Settings(metric, row["distance"], repeats=2)).scores.iloc[0]
        for name in ("precision", "recall", "f1"):
            assert row[name] == plain[name]
    assert len(distance_curve(picks, truths, settings)) == 24
    if metric != "deepfinder":
        assert curve["recall"].is_monotonic_increasing


def test_precision_recall_curve_over_scores(table: Callable) -> None:
    truths = table([(10, 10, 10), (40, 40, 30), (70, 70, 30)])
    points = [(10, 10, 10), (5, 90, 60), (40, 40, 30), (90, 5, 5)]
    curve = precision_recall_curve(table(points, scores=[0.9, 0.8, 0.7, math.nan]), truths, Settings())
    assert curve["threshold"].tolist() == [0.9, 0.8, 0.7]
    assert curve["predictions"].tolist() == [1, 2, 4]
    assert curve["precision"].tolist() == [1, 0.5, 0.5]
    assert curve["recall"].tolist() == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert average_precision(curve) == pytest.approx(1 / 3 + 1 / 6)
    assert precision_recall_curve(table(points), truths, Settings()).empty
    rng = np.random.default_rng(0)
    many = precision_recall_curve(table(rng.random((500, 3)) * 64, scores=rng.random(500)), truths, Settings())
    assert len(many) <= 60 and many["predictions"].iloc[-1] == 500


def test_many_runs_in_one_table(table: Callable) -> None:
    truths = table([(10, 10, 10), (40, 40, 30)])
    runs = {"good": truths, "poor": table([(10, 10, 18)]), "elsewhere": table([(1, 1, 1)], tomograms="t9")}
    rows = compare(runs, truths, Settings(repeats=2), [50, 100], ["one-to-one", "picket"])
    assert len(rows) == 12
    chosen = rows[rows["metric"] == "one-to-one"].set_index(["predictions", "distance"])
    assert chosen.loc[("poor", 50), "tp"] == 0 and chosen.loc[("poor", 100), "tp"] == 1
    assert "no tomogram in common" in chosen.loc[("elsewhere", 50), "problem"]
    assert rows.loc[best(rows), "predictions"] == "good"


def test_no_predictions_score_nothing(table: Callable) -> None:
    truths = table([(10, 10, 10)])
    for metric in ("one-to-one", "picket", "kaggle", "shrec", "deepfinder"):
        found = evaluate(empty_table(truths.tomograms), truths, Settings(metric))
        assert found.scores.loc[0, ["tp", "fp", "fn"]].tolist() == [0, 0, 1]
        assert len(found.misses) == 1 and np.isnan(found.misses.loc[0, "distance"])
        json.dumps(as_json(found, lists=True), allow_nan=False)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"distance": 0}, "distance = 0"),
        ({"distance": math.nan}, "distance = nan"),
        ({"metric": "none"}, "no metric 'none'"),
        ({"repeats": -1}, "repeats = -1"),
        ({"lower_z": 9, "upper_z": 3}, "exchange"),
        ({"radii": (("a", -1.0),)}, "radius of a"),
    ],
)
def test_settings_out_of_range_are_refused(given: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        Settings(**given)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"classes": ("b",)}, "no class 'b'"),
        ({"tomograms": ("t9",)}, "no tomogram 't9'"),
        ({"lower_z": 50}, "No reference is left"),
    ],
)
def test_what_is_not_there_is_named(table: Callable, given: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        evaluate(table([(1, 1, 1)]), table([(1, 1, 1)]), Settings(**given))


def test_other_tomograms_other_classes_and_lost_positions_are_said(table: Callable) -> None:
    truths = table([(10, 10, 10)], "ribosome")
    with pytest.raises(UserError, match="no tomogram in common"):
        evaluate(table([(1, 1, 1)], tomograms="other"), truths)
    with pytest.raises(UserError, match="Row 2 of the predictions has no position"):
        evaluate(table([(1, 1, 1), (math.nan, 1, 1)]), truths)
    with pytest.raises(UserError, match="pairs: give a smaller distance"):
        cloud = np.random.default_rng(0).random((8000, 3)) * 64
        evaluate(table(cloud), table(cloud), Settings(distance=1e6))
    assert "compare class-agnostic" in evaluate(table([(1, 1, 1)]), truths).notes[0]
    mixed = table([(10, 10, 10), (1, 1, 1), (2, 2, 2)])
    mixed.rows.loc[0, "class"] = "ribosome"
    assert evaluate(mixed, truths).notes[0].startswith("Only 1 of 3 predictions have a class of the references")
    mixed.rows.loc[1, "class"] = "ribosome"
    assert not evaluate(mixed, truths).notes
    with pytest.raises(UserError, match="size of tomogram 'ts' is not known"):
        evaluate(ObjectTable(truths.rows), ObjectTable(truths.rows))


def test_the_report_states_metric_and_threshold_beside_every_score(table: Callable) -> None:
    truths = table([(10, 10, 10), (40, 40, 30)], ["a", "b"])
    found = evaluate(table([(10, 10, 11)], "a"), truths, Settings("kaggle", 80, radii=(("a", 100.0),)))
    lines = as_text(found, threshold_words(found, (10.0,) * 3), lists=True).splitlines()
    rows = {line.split()[0]: line.split() for line in lines if line.startswith(("all ", "a ", "b "))}
    assert rows["a"][1:3] == ["kaggle", "50"] and rows["b"][1:3] == ["kaggle", "80"]
    assert rows["all"][1:4] == ["kaggle", "by", "class"]
    assert any(line.startswith("Missed: 1") for line in lines)
    picket = evaluate(table([(10, 10, 11)]), truths, Settings("picket", 125))
    assert threshold_words(picket, (10.0,) * 3) == "125 Å = 12 whole voxels"
    plain = as_json(found, lists=True)
    assert plain["misses"][0]["id"] == 2 and plain["scores"][0]["tp"] == 1
    assert as_json(found)["listed"] == {"misses": 1, "false_picks": 0, "matches": 1}
    assert "misses" not in as_json(found)


def test_geometry_comes_from_either_table(table: Callable) -> None:
    truths = table([(10, 10, 10)])
    bare = ObjectTable(truths.rows, {"ts": TomogramGeometry((64, 96, 96), (10.0, 10.0, 10.0))})
    assert evaluate(ObjectTable(truths.rows), bare).scores.loc[0, "tp"] == 1
