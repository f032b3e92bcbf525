"""Bytes of an edited table are those that it has when all of it is formed anew."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.objects import ObjectTable, TomogramGeometry
from engine.objects.formats import csv_table
from engine.objects.review import set_verdict
from engine.project import table_text

GEOMETRY = {"a": TomogramGeometry((50, 50, 50), (10.0, 10.0, 10.0))}


def table_of(count: int) -> ObjectTable:
    numbers = np.arange(count, dtype=float)
    rows = pd.DataFrame(
        {"tomogram": "a", "class": "r", "x": numbers / 7, "y": numbers, "z": 1.0, "id": range(1, count + 1)}
    )
    return ObjectTable(rows, GEOMETRY)


@pytest.fixture(autouse=True)
def small_tables_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_text, "WORTH", 1)
    table_text._kept.clear()


def joined(before: ObjectTable, after: ObjectTable) -> bytes | None:
    """What is made of the lines of `before`; None where all is formed anew."""
    known = table_text._measured(before.rows, csv_table.as_bytes(before))
    assert known is not None
    formed = table_text._from_known(known, after)
    return None if formed is None else formed.content


def test_lines_of_deleted_changed_moved_and_new_rows() -> None:
    before = table_of(20)
    rows = before.rows.drop(index=[0, 5, 19])
    rows.loc[7, "x"] = 3.25
    rows.loc[8, "class"] = "other"
    rows = pd.concat([rows.iloc[10:], rows.iloc[:10], rows.iloc[:1].assign(id=99)])
    after = ObjectTable(rows, GEOMETRY)
    assert joined(before, after) == csv_table.as_bytes(after)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_row_of_edits(data: st.DataObject) -> None:
    table = table_of(30)
    table_text._kept.clear()
    for _ in range(4):
        rows = table.rows.copy()
        if data.draw(st.booleans()):
            rows = rows.drop(index=data.draw(st.sets(st.integers(0, len(rows) - 1), max_size=4)))
        for place in data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=3)):
            column = data.draw(st.sampled_from(["x", "score", "rot", "class"]))
            value = data.draw(
                st.sampled_from(
                    ["r", "a b", 'with "quotes"', "with, comma"]
                    if column == "class"
                    else [0.0, -0.0, np.nan, 1e-300, 1 / 3]
                )
            )
            rows.iloc[place, rows.columns.get_loc(column)] = value
        table = ObjectTable(rows, GEOMETRY)
        assert table_text.text_of(table, "t") == csv_table.as_bytes(table)


def test_zero_and_minus_zero_are_not_the_same_line() -> None:
    before = table_of(20)
    after = ObjectTable(before.rows.assign(z=np.where(before.rows["id"] == 3, 0.0, 1.0)), GEOMETRY)
    minus = ObjectTable(before.rows.assign(z=np.where(before.rows["id"] == 3, -0.0, 1.0)), GEOMETRY)
    assert joined(after, minus) == csv_table.as_bytes(minus) != csv_table.as_bytes(after)


def test_verdicts_are_joined_too() -> None:
    before = set_verdict(table_of(20), [1], "rejected")
    after = set_verdict(before, [2], "accepted")
    assert joined(before, after) == csv_table.as_bytes(after)


def test_what_cannot_be_joined_is_formed_anew() -> None:
    before = table_of(20)
    quoted = ObjectTable(before.rows.assign(**{"class": ["r"] * 19 + ["a,b"]}), GEOMETRY)
    assert joined(before, quoted) is None  # quoting one name quotes all
    assert joined(before, ObjectTable(before.rows.assign(note=1.5), GEOMETRY)) is None
    assert joined(before, ObjectTable(before.rows.assign(x=1.0), GEOMETRY)) is None
    for table in (before, quoted, before):
        assert table_text.text_of(table, "t") == csv_table.as_bytes(table)
