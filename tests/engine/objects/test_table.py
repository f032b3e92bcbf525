"""Columns and types of the object table, and what makes a row wrong."""

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
