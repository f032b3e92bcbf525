"""Classes, thresholds and order."""

import numpy as np
import pandas as pd
import pytest

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, apply_changes
from engine.objects.edits import keep_classes, keep_tomograms, remove_classes, rename_classes, sort_by, threshold

GEOMETRY = {"a": TomogramGeometry((10, 10, 10), (10.0,) * 3), "empty": TomogramGeometry((1, 1, 1), (1.0,) * 3)}


@pytest.fixture
def table() -> ObjectTable:
    classes = ["gold", "ribosome", "gold", "ribosome", "12"]
    scores = [0.1, 0.2, 0.5, 0.9, np.nan]
    rows = pd.DataFrame({"tomogram": "a", "class": classes, "score": scores, "x": 1.0, "y": 1.0, "z": 1.0})
    return ObjectTable(rows.assign(size=[5, 4, 3, 2, 1], fom=[3, 1, 2, 5, 4], note=list("baeca")), GEOMETRY)


def ids(table: ObjectTable) -> list[int]:
    return table.rows["id"].tolist()


def test_classes(table: ObjectTable) -> None:
    assert ids(keep_classes(table, ["gold", "12"])) == [1, 3, 5]
    assert ids(remove_classes(table, ["gold"])) == [2, 4, 5]
    renamed = rename_classes(table, {"gold": "ribosome", "ribosome": " 80S "})
    assert renamed.rows["class"].tolist() == ["ribosome", "80S", "ribosome", "80S", "12"]  # all at once, not in turn
    assert renamed.rows["class"].dtype == table.rows["class"].dtype
    assert set(rename_classes(table, {"gold": "ribosome"}).rows["class"]) == {"ribosome", "12"}
    for work in (lambda: keep_classes(table, ["golf"]), lambda: rename_classes(table, {"golf": "x"})):
        with pytest.raises(UserError, match=r"no class 'golf' \(classes: 12, gold, ribosome\)"):
            work()
    with pytest.raises(UserError, match="new name of class 'gold' is empty"):
        rename_classes(table, {"gold": " "})


def test_tomograms(table: ObjectTable) -> None:
    assert len(keep_tomograms(table, ["a"])) == 5 and len(keep_tomograms(table, ["empty"])) == 0
    with pytest.raises(UserError, match="no tomogram 'b'"):
        keep_tomograms(table, ["b"])


def test_thresholds(table: ObjectTable) -> None:
    assert ids(threshold(table, "score", 0.2)) == [2, 3, 4]
    assert ids(threshold(table, "score", 0.2, 0.5)) == [2, 3]
    assert ids(threshold(table, "score")) == [1, 2, 3, 4, 5]
    # ribosomes from 0.5; no limit for the others, so that the one without a score stays
    assert ids(threshold(table, "score", lowest_by_class={"ribosome": 0.5})) == [1, 3, 4, 5]
    assert ids(threshold(table, "score", 0.2, lowest_by_class={"gold": 0.0}, highest_by_class={"ribosome": 0.3})) == [
        1, 2, 3,
    ]  # fmt: skip
    assert ids(threshold(table, "size", highest=3)) == [3, 4, 5] and ids(threshold(table, "fom", 4)) == [4, 5]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"column": "note", "lowest": 1}, "no column of numbers 'note': choose one of x, y, z"),
        ({"column": "score", "lowest": 0.5, "highest": 0.4}, "lowest score 0.5 is above the highest 0.4"),
        ({"column": "score", "lowest_by_class": {"golf": 1}}, "no class 'golf'"),
    ],
)
def test_thresholds_that_are_refused(table: ObjectTable, values: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        threshold(table, **values)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("column", ["score", "class", "note", "fom", "id", "x"])
def test_order_is_stable_with_unknown_ones_last(table: ObjectTable, column: str, descending: bool) -> None:
    rows = table.rows.assign(text=["v", None, "u", "v", "w"])
    got = sort_by(table.with_rows(rows), column, descending)
    expected = rows.sort_values(column, ascending=not descending, kind="stable", na_position="last")
    pd.testing.assert_frame_equal(got.rows, expected.reset_index(drop=True))


def test_order_of_a_column_with_gaps(table: ObjectTable) -> None:
    rows = table.rows.assign(text=["v", None, "u", "v", "w"])
    assert ids(sort_by(table.with_rows(rows), "text")) == [3, 1, 4, 5, 2]
    assert ids(sort_by(table.with_rows(rows), "text", descending=True)) == [5, 1, 4, 3, 2]
    with pytest.raises(UserError, match="no column 'colour'"):
        sort_by(table, "colour")


def test_cells_of_further_columns(table: ObjectTable) -> None:
    edited = apply_changes(table, {1: {"fom": "2.5", "note": "seen"}, 2: {"fom": 7, "note": None}})
    assert edited.rows["fom"].tolist()[:3] == [2.5, 7, 2] and edited.rows["note"].tolist()[0] == "seen"
    assert apply_changes(table, {1: {"fom": 8}}).rows["fom"].dtype == np.int64
    with pytest.raises(UserError, match="column fom: 'many' is not a number"):
        apply_changes(table, {1: {"fom": "many"}})


def test_cells_that_are_true_or_false(table: ObjectTable) -> None:
    rows = table.with_rows(table.rows.assign(good=True))
    assert apply_changes(rows, {1: {"good": "false"}, 2: {"good": True}}).rows["good"].tolist()[:2] == [False, True]
    with pytest.raises(UserError, match="column good: 'perhaps' is neither true nor false"):
        apply_changes(rows, {1: {"good": "perhaps"}})
