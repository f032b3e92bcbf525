"""Rounds of training: which models belong together, and what is said of each."""

import math

from engine.training.rounds import family, round_of


def test_a_family_is_all_that_comes_from_the_first():
    parents = {"a": None, "a_r2": "a", "a_r3": "a_r2", "a_r2-2": "a", "b": None, "b_r2": "gone", "b_r3": "b_r2"}
    for name in ("a", "a_r2", "a_r3", "a_r2-2"):
        assert family(parents, name) == ["a", "a_r2", "a_r2-2", "a_r3"]
    assert family(parents, "b") == ["b"] and family(parents, "b_r3") == ["b_r2", "b_r3"]


def test_models_that_name_each_other_end():
    assert sorted(family({"a": "b", "b": "a"}, "a")) == ["a", "b"] and family({"a": "a"}, "a") == ["a"]


def test_the_scores_are_those_of_the_weights_that_are_kept():
    rows = [
        {"epoch": 1, "val_macro_f1": 0.5, "object_macro_f1": 0.6, "best": 1},
        {"epoch": 2, "val_macro_f1": 0.7, "object_macro_f1": 0.8, "best": 1},
        {"epoch": 3, "val_macro_f1": 0.9, "object_macro_f1": 0.7, "best": 0},
    ]
    made_by = {"round": 3, "parent": "a_r2", "accepted": 12, "rejected": 0, "undecided": 4, "validation": ["ts3"]}
    found = round_of("a_r3", made_by, rows)
    assert (found.voxel_f1, found.object_f1, found.best_epoch, found.epochs) == (0.7, 0.8, 2, 3)
    assert (found.number, found.parent, found.accepted, found.rejected, found.undecided) == (3, "a_r2", 12, 0, 4)
    assert found.validation == ("ts3",)


def test_the_first_round_and_one_that_has_only_begun():
    found = round_of("a", {}, [])
    assert found.number == 1 and found.parent is None and found.accepted is None and found.best_epoch is None
    assert math.isnan(found.voxel_f1) and math.isnan(found.object_f1)
