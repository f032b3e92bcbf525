"""Verdicts, classes and orders for looking through particles."""

import numpy as np
import pandas as pd
import pytest

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, filter_by
from engine.objects.review import (
    left_out_sentence,
    of_verdicts,
    set_class,
    set_verdict,
    sorted_ids,
    to_write,
    verdicts,
)

SIZES = {"ts_2": TomogramGeometry((10, 10, 10), (10.0, 10.0, 10.0))}


def table(**columns: list) -> ObjectTable:
    count = len(next(iter(columns.values())))
    rows = {"tomogram": ["ts_2"] * count, "class": ["ball"] * count, "id": list(range(1, count + 1)), **columns}
    return ObjectTable(pd.DataFrame({**{axis: [1.0] * count for axis in "xyz"}, **rows}), SIZES)


def test_a_verdict_is_a_further_column_that_keeps_the_rest() -> None:
    before = table(score=[0.1, 0.2, 0.3], note=["a", "b", "c"])
    assert verdicts(before).tolist() == ["", "", ""]
    after = set_verdict(set_verdict(before, [1, 3, 99], "accepted"), [3], "rejected")
    assert verdicts(after).tolist() == ["accepted", "", "rejected"]
    assert "verdict" not in before.rows  # never changed in place
    assert after.rows["note"].tolist() == ["a", "b", "c"] and after.rows["score"].tolist() == [0.1, 0.2, 0.3]
    assert verdicts(set_verdict(after, [1, 3], "")).tolist() == ["", "", ""]


def test_what_a_file_may_hold_instead_of_a_verdict_counts_as_none() -> None:
    assert verdicts(table(verdict=["accepted", np.nan, "maybe", None])).tolist() == ["accepted", "", "", ""]


def test_a_class_is_given_to_many_at_once() -> None:
    after = set_class(table(score=[1.0, 2.0, 3.0]), [2, 3, 99], " cube ")
    assert after.rows["class"].tolist() == ["ball", "cube", "cube"]


@pytest.mark.parametrize(
    ("by", "descending", "wanted"),
    [
        ("id", False, [1, 2, 3, 4, 5]),
        ("id", True, [5, 4, 3, 2, 1]),
        ("score", False, [3, 1, 5, 2, 4]),  # 1 and 5 are equal: the order of the table; 4 is unknown: last
        ("score", True, [2, 1, 5, 3, 4]),
        ("size", False, [2, 1, 3, 4, 5]),
        ("size", True, [1, 2, 3, 4, 5]),
        ("tomogram", False, [2, 4, 1, 3, 5]),  # ts_2, ts_2, ts_10, ts_10, TS_11
        ("class", False, [3, 1, 2, 4, 5]),  # a, b, b, b, no name
        ("class", True, [1, 2, 4, 3, 5]),
        ("verdict", False, [2, 1, 4, 5, 3]),
        ("verdict", True, [3, 1, 4, 5, 2]),
    ],
)
def test_orders(by: str, descending: bool, wanted: list[int]) -> None:
    rows = table(
        score=[0.5, 0.9, 0.1, np.nan, 0.5],
        size=[20.0, 10.0, np.nan, np.nan, np.nan],
        tomogram=["ts_10", "ts_2", "ts_10", "ts_2", "TS_11"],
        verdict=["", "accepted", "rejected", "", ""],
        **{"class": ["b", "b", "a", "b", ""]},
    )
    assert sorted_ids(rows, by, descending) == wanted


def test_orders_of_nothing() -> None:
    for by in ("id", "tomogram", "score", "verdict"):
        assert sorted_ids(table(x=[]), by) == []


def test_refused() -> None:
    with pytest.raises(UserError, match="'good' is no verdict"):
        set_verdict(table(x=[1.0]), [1], "good")
    with pytest.raises(UserError, match="needs a name"):
        set_class(table(x=[1.0]), [1], "  ")
    with pytest.raises(UserError, match="cannot be sorted by 'rot'"):
        sorted_ids(table(x=[1.0]), "rot")


def test_objects_by_verdict() -> None:
    judged = table(verdict=["accepted", "", "rejected", "maybe"])

    def ids(found: ObjectTable) -> list[int]:
        return found.rows["id"].tolist()

    assert ids(of_verdicts(judged, ["accepted", "undecided"])) == [1, 2, 4]
    assert ids(of_verdicts(judged, ["rejected"], keep=False)) == [1, 2, 4]
    assert ids(filter_by(judged, verdicts=["rejected"])) == [3]
    assert [ids(to_write(judged, which)) for which in ("all", "not rejected", "accepted")] == [
        [1, 2, 3, 4],
        [1, 2, 4],
        [1],
    ]
    assert left_out_sentence(judged, "not rejected") == "1 of 4 objects is left out: rejected in the gallery."
    assert left_out_sentence(judged, "accepted").startswith("3 of 4 objects are left out: not accepted")
    assert left_out_sentence(table(score=[1.0]), "not rejected") == ""
    with pytest.raises(UserError, match="'perhaps' is no verdict"):
        of_verdicts(judged, ["perhaps"])
