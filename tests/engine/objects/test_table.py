"""Columns and types of the object table, and what makes a row wrong."""

import time

import numpy as np
import pandas as pd
import pytest

from engine.errors import UserError
from engine.objects import (
    COLUMNS,
    ObjectTable,
    TomogramGeometry,
    check,
    empty_table,
    find_problems,
    table_from_centroids,
    validate,
)

GEOMETRY = TomogramGeometry((10, 20, 30), (4.0, 5.0, 6.0))


def test_from_centroids() -> None:
    centroids = np.array([[1.5, 2.0, 3.0], [4.0, 5.0, 6.25]])
    table = table_from_centroids("ts_1", GEOMETRY, centroids, sizes=[7, 8], class_name="ribosome")
    assert tuple(table.rows.columns) == COLUMNS
    assert table.rows.iloc[1][["x", "y", "z", "size", "id"]].tolist() == [6.25, 5.0, 4.0, 8.0, 2]
    assert table.rows[["rot", "tilt", "psi", "score"]].isna().all(axis=None)
    assert set(table.rows["class"]) == {"ribosome"}
    np.testing.assert_array_equal(table.coordinates_zyx(), centroids)
    np.testing.assert_array_equal(table.coordinates_angstrom()[1], [6.25 * 6, 5.0 * 5, 4.0 * 4])
    assert validate(table) == []
    check(table)


def test_types_are_the_same_however_rows_come() -> None:
    empty = empty_table({"ts_1": GEOMETRY})
    given = pd.DataFrame({"note": ["a"], "z": ["1"], "x": [2], "y": [3.5], "tomogram": ["ts_1"], "class": [None]})
    table = ObjectTable(given, {"ts_1": GEOMETRY})
    assert list(table.rows.columns) == [*COLUMNS, "note"]
    assert (table.rows.dtypes[list(COLUMNS)] == empty.rows.dtypes[list(COLUMNS)]).all()
    assert table.rows["id"].tolist() == [1] and table.rows["class"].tolist() == [""]
    assert len(empty) == 0 and validate(empty) == []
    assert "note" in given and len(given.columns) == 6  # what was given is not changed


def test_missing_ids_are_numbered_on() -> None:
    big = 2**53 + 1
    rows = pd.DataFrame({"id": pd.array([7, None, 3, None], dtype="Int64")})
    assert ObjectTable(rows).rows["id"].tolist() == [7, 8, 3, 9]
    assert ObjectTable(pd.DataFrame({"id": [big]})).rows["id"].tolist() == [big]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [("x", "here", "column x: 'here' is not a number"), ("id", 1.5, "column id: 1.5 is not a whole number")],
)
def test_values_of_the_wrong_kind(column: str, value: object, words: str) -> None:
    with pytest.raises(UserError, match=words):
        ObjectTable(pd.DataFrame({column: [value]}))


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("x", 29.6, "row 2 (id 2): x = 29.6 is outside the tomogram (0 … 29)"),
        ("y", -0.6, "row 2 (id 2): y = -0.6 is outside the tomogram (0 … 19)"),
        ("z", 10.0, "row 2 (id 2): z = 10 is outside the tomogram (0 … 9)"),
        ("z", np.nan, "row 2 (id 2): z = nan is not a number"),
        ("z", np.inf, "row 2 (id 2): z = inf is not a number"),
        ("id", 1, "row 2 (id 1): id = 1 is used twice"),
        ("tomogram", "ts_2", "row 2 (id 2): tomogram = 'ts_2' is no tomogram of this table"),
        ("class", "", "row 2 (id 2): class = '' is empty: give it a class"),
        ("tilt", 30.0, "row 2 (id 2): rot is missing while other angles are known"),
    ],
)
def test_problems_name_row_and_column(column: str, value: object, words: str) -> None:
    table = table_from_centroids("ts_1", GEOMETRY, np.full((3, 3), 5.0))
    rows = table.rows.copy()
    rows.loc[1, column] = value
    broken = table.with_rows(rows)
    assert validate(broken) == [words]
    with pytest.raises(UserError, match="cannot be saved: row 2"):
        check(broken)


def test_faces_of_the_outermost_voxels_are_inside() -> None:
    assert validate(table_from_centroids("t", GEOMETRY, np.array([[-0.5, -0.5, -0.5], [9.5, 19.5, 29.5]]))) == []


def test_many_problems_are_summed_up() -> None:
    table = table_from_centroids("ts_1", GEOMETRY, np.full((10, 3), np.nan))
    with pytest.raises(UserError, match="and 27 more"):
        check(table)


def test_classes_that_are_not_known() -> None:
    table = table_from_centroids("ts_1", GEOMETRY, np.full((2, 3), 5.0), class_name="gold")
    assert validate(table, classes=["gold", "ribosome"]) == []
    said = "row 1 (id 1): class = 'gold' is no known class (80S, ribosome)"
    assert validate(table, classes=["ribosome", "80S"])[0] == said
    assert "(there are none)" in validate(table, classes=[])[0]
    with pytest.raises(UserError, match="no known class"):
        check(table, classes=["80S"])


def test_problems_are_counted_beyond_those_described() -> None:
    rows = pd.DataFrame({"x": np.nan, "y": 99.0, "z": np.arange(5000) % 10, "tomogram": "ts_1", "class": "a"})
    problems = find_problems(ObjectTable(rows, {"ts_1": GEOMETRY}))
    assert problems.count == 10_000 and len(problems.first) == 1000
    assert [(p.row, p.id, p.column) for p in problems.first[:3]] == [(0, 1, "x"), (0, 1, "y"), (1, 2, "x")]
    assert problems.first[-1].sentence == "row 500 (id 500): y = 99 is outside the tomogram (0 … 19)"
    with pytest.raises(UserError, match="and 9,997 more"):
        check(ObjectTable(rows, {"ts_1": GEOMETRY}))


def test_sizes_may_be_unknown_where_none_are_needed() -> None:
    table = ObjectTable(table_from_centroids("ts_1", GEOMETRY, np.full((2, 3), 500.0)).rows)
    assert len(validate(table)) == 2 and find_problems(table, sizes_needed=False).count == 0
    check(table, sizes_needed=False)


def test_what_was_given_is_never_changed_through_a_table() -> None:
    """Columns are shared where they are right already, so that a million rows are a table at once."""
    given = table_from_centroids("ts_1", GEOMETRY, np.full((3, 3), 5.0)).rows
    table = ObjectTable(given, {"ts_1": GEOMETRY})
    table.coordinates_zyx()[:] = 7.0
    given.loc[0, "x"] = 9.0
    given["class"] = "other"
    assert table.rows["x"].tolist() == [5, 5, 5] and set(table.rows["class"]) == {"particle"}


def test_geometry_per_row() -> None:
    other = TomogramGeometry((1, 2, 3), (1.0, 2.0, 3.0))
    table = ObjectTable(pd.DataFrame({"tomogram": ["b", "a", "b"]}), {"a": GEOMETRY, "b": other})
    assert table.per_row("shape").tolist() == [[1, 2, 3], [10, 20, 30], [1, 2, 3]]
    assert table.per_row("voxel_size").tolist()[1] == [4, 5, 6]
    assert empty_table().per_row("shape").shape == (0, 3)
    with pytest.raises(UserError, match="tomogram 'c' is not known"):
        ObjectTable(pd.DataFrame({"tomogram": ["a", "c"]}), {"a": GEOMETRY}).per_row("shape")


def test_a_million_rows_without_a_pause() -> None:
    """Measured 0.12 s; one Python step per row takes 6 s, so that the limit holds on a busy machine too."""
    count = 1_000_000
    rows = pd.DataFrame({"tomogram": ["ts_1", "ts_2"] * (count // 2), "class": "a", "x": 5.0, "y": 5.0, "z": np.nan})
    table = ObjectTable(rows, {"ts_1": GEOMETRY, "ts_2": GEOMETRY})
    began = time.process_time()
    assert find_problems(table).count == count
    table.per_row("shape")
    table.with_rows(table.rows[::2])
    assert time.process_time() - began < 2
