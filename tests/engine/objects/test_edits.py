"""Every edit gives a new table and leaves the old one as it was."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.objects import (
    ObjectTable,
    TomogramGeometry,
    add,
    apply_changes,
    concatenate,
    delete,
    empty_table,
    filter_by,
    keep,
    remove_close,
    remove_near_border,
    set_cell,
    table_from_centroids,
)

GEOMETRY = TomogramGeometry((40, 40, 40), (10.0, 10.0, 10.0))


def table_of(*centroids: tuple[float, float, float], **columns: object) -> ObjectTable:
    table = table_from_centroids("ts_1", GEOMETRY, np.array(centroids, dtype=float).reshape(-1, 3))
    return table.with_rows(table.rows.assign(**columns))


def ids(table: ObjectTable) -> list[int]:
    return table.rows["id"].tolist()


def test_delete_and_keep() -> None:
    table = table_of((1, 1, 1), (2, 2, 2), (3, 3, 3))
    assert ids(delete(table, [2, 99])) == [1, 3]
    assert ids(keep(table, {3, 1})) == [1, 3]
    assert ids(table) == [1, 2, 3]


def test_changed_cells() -> None:
    table = table_of((1, 1, 1), (2, 2, 2))
    edited = apply_changes(table, {2: {"x": "7.5", "class": " gold ", "score": None}, 1: {"z": 3}})
    assert edited.rows.loc[1, ["x", "class"]].tolist() == [7.5, "gold"]
    assert edited.rows.loc[0, "z"] == 3.0 and table.rows.loc[0, "z"] == 1.0
    assert set_cell(table, 1, "y", 9).rows.loc[0, "y"] == 9.0


@pytest.mark.parametrize(
    ("object_id", "column", "value", "words"),
    [
        (9, "x", 1, "no object with id 9"),
        (1, "x", "far", "Object 1, column x: 'far' is not a number"),
        (1, "colour", "red", "no such column"),
        (1, "id", 5, "ids cannot be changed"),
        (1, "class", " ", "must not be empty"),
        (1, "tomogram", "ts_9", "'ts_9' is no tomogram"),
    ],
)
def test_changes_that_are_refused(object_id: int, column: str, value: object, words: str) -> None:
    with pytest.raises(UserError, match=words):
        set_cell(table_of((1, 1, 1)), object_id, column, value)


def test_filters() -> None:
    table = table_of(*[(i, i, i) for i in range(4)], score=[0.1, 0.5, 0.9, np.nan], size=[10, 20, 30, 40])
    rows = table.rows.assign(**{"class": ["a", "b", "a", "c"]})
    table = table.with_rows(rows)
    assert ids(filter_by(table, score=(0.5, None))) == [2, 3]
    assert ids(filter_by(table, score=(None, 0.5), size=(20, 100))) == [2]
    assert ids(filter_by(table, classes=["a"])) == [1, 3]
    assert ids(filter_by(table, tomograms=["other"])) == []
    assert ids(filter_by(table)) == [1, 2, 3, 4]


def test_concatenate_keeps_first_ids_and_renumbers_the_rest() -> None:
    first, second = table_of((1, 1, 1), (2, 2, 2)), table_of((3, 3, 3), id=[2])
    joined = concatenate([first, second, table_of()])
    assert ids(joined) == [1, 2, 3]
    assert joined.rows["z"].tolist() == [1, 2, 3]
    other = ObjectTable(pd.DataFrame(), {"ts_1": TomogramGeometry((1, 1, 1), (10.0, 10.0, 10.0))})
    with pytest.raises(UserError, match="disagree on tomogram 'ts_1'"):
        concatenate([first, other])
    assert ids(concatenate([])) == [] and ids(concatenate([table_of(), table_of()])) == []


def test_border() -> None:
    table = table_of((5, 20, 20), (4.9, 20, 20), (20, 20, 34), (20, 20, 34.1))
    assert ids(remove_near_border(table, 5)) == [1, 3]
    with pytest.raises(UserError, match="-1"):
        remove_near_border(table, -1)


def test_close_ones_by_hand() -> None:
    """In a row 2 voxels apart: the middle one wins over both neighbours, the last is free again."""
    table = table_of((0, 0, 0), (0, 0, 2), (0, 0, 4), (0, 0, 6), score=[0.5, 0.9, 0.6, 0.1])
    assert ids(remove_close(table, 3)) == [2, 4]
    assert ids(remove_close(table, 2)) == [1, 2, 3, 4]  # exactly that far apart
    assert ids(remove_close(table, 30, "angstrom")) == [2, 4]
    assert ids(remove_close(table_of((0, 0, 0), (0, 0, 1), score=[np.nan, 0.1]), 2)) == [2]
    assert ids(remove_close(table_of((0, 0, 0), (0, 0, 1)), 2)) == [1]
    classes = table_of((0, 0, 0), (0, 0, 1)).rows.assign(**{"class": ["a", "b"]})
    assert ids(remove_close(table.with_rows(classes), 2, within_class=True)) == [1, 2]
    with pytest.raises(UserError, match="-2"):
        remove_close(table, -2)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 12))
def test_close_ones_equal_the_plain_definition(seed: int, distance: float) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 40))
    centres = rng.uniform(0, 20, (count, 3))
    scores = rng.choice([0.1, 0.2, 0.3, np.nan], count)
    tomograms = rng.choice(["a", "b"], count)
    table = table_of(*centres, score=scores, tomogram=tomograms)
    kept: list[int] = []
    for i in sorted(range(count), key=lambda i: -np.nan_to_num(scores[i], nan=-1)):
        near = [j for j in kept if tomograms[j] == tomograms[i]]
        if all(np.linalg.norm(centres[i] - centres[j]) >= distance for j in near):
            kept.append(i)
    assert ids(remove_close(table, distance)) == [i + 1 for i in sorted(kept)]


def test_added_objects_get_the_next_free_id() -> None:
    geometry = TomogramGeometry((10, 20, 30), (10.0, 10.0, 10.0))
    first = add(empty_table({"a": geometry}), "a", (1.0, 2.0, 3.0), "ribosome")
    second = add(delete(add(first, "a", (4.0, 5.0, 6.0), "ribosome"), [1]), "a", (7.0, 8.0, 9.0), "x")
    assert list(first.rows["id"]) == [1] and list(second.rows["id"]) == [2, 3]
    assert second.rows.iloc[1][["class", "x", "y", "z"]].tolist() == ["x", 7.0, 8.0, 9.0]
    assert second.tomograms == {"a": geometry}
