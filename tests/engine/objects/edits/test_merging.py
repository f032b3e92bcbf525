"""Objects found twice: radii per class, against the plain definition; splitting."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry
from engine.objects.edits import merge, merging, remove_duplicates, split_by

GEOMETRY = {name: TomogramGeometry((40, 40, 40), (10.0, 10.0, 10.0)) for name in ("a", "b")}
RADII = {"big": 60.0, "small": 20.0, "middle": 40.0}


def table_of(rows: list[tuple], first_id: int = 1) -> ObjectTable:
    frame = pd.DataFrame(rows, columns=["tomogram", "class", "x", "score"])
    return ObjectTable(frame.assign(y=5.0, z=5.0, id=range(first_id, first_id + len(rows))), GEOMETRY)


def ids(table: ObjectTable) -> list[int]:
    return table.rows["id"].tolist()


def test_two_lists_by_hand() -> None:
    """Radius 60 Å = 6 voxels: 1 and 4 are one ribosome (3 voxels apart), the better score stays; 2 and 5 are two."""
    mine = table_of([("a", "big", 10, 0.5), ("a", "big", 30, 0.9), ("a", "small", 10, 0.9)])
    other = table_of([("a", "big", 13, 0.8), ("a", "big", 36, 0.95), ("b", "big", 10, 0.1)])
    merged = merge([mine, other], RADII)
    assert merged.rows[["tomogram", "class", "x"]].to_numpy().tolist() == [
        ["a", "big", 30.0], ["a", "small", 10.0], ["a", "big", 13.0], ["a", "big", 36.0], ["b", "big", 10.0],
    ]  # fmt: skip
    assert ids(merged) == [2, 3, 4, 5, 6]
    assert len(merge([mine, other], RADII, within_class=False)) == 5  # 10 and 13 are 30 Å apart, small reaches 20


def test_across_classes_the_smaller_radius_counts() -> None:
    table = table_of([("a", "big", 10, 0.9), ("a", "small", 11.9, 0.1), ("a", "small", 12.1, 0.2)])
    assert ids(remove_duplicates(table, RADII, within_class=False)) == [1, 3]
    assert ids(remove_duplicates(table, RADII)) == [1, 3]  # the two small ones are one, and the better stays
    assert ids(remove_duplicates(table, {}, default_radius=50, within_class=False)) == [1]


def test_radii_that_are_refused() -> None:
    table = table_of([("a", "big", 10, 0.9)])
    with pytest.raises(UserError, match="'big' has no radius"):
        remove_duplicates(table, {"small": 10})
    with pytest.raises(UserError, match="radius 0 Å of class 'big'"):
        remove_duplicates(table, {"big": 0})
    assert len(remove_duplicates(table_of([]), {})) == 0


@pytest.mark.parametrize("rounds", [0, 1, 30])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), within=st.booleans())
def test_duplicates_equal_the_plain_definition(seed: int, within: bool, rounds: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 60))
    classes = rng.choice(list(RADII), count)
    columns = {"x": rng.uniform(0, 15, count), "y": rng.uniform(0, 15, count), "z": rng.uniform(0, 5, count)}
    rows = pd.DataFrame({"tomogram": rng.choice(["a", "b"], count), "class": classes, **columns})
    table = ObjectTable(rows.assign(score=rng.choice([0.1, 0.2, 0.3, np.nan], count)), GEOMETRY)
    kept: list[int] = []
    centres, tomograms = table.coordinates_angstrom(), table.rows["tomogram"].tolist()
    for i in sorted(range(count), key=lambda i: -np.nan_to_num(table.rows["score"][i], nan=-1)):
        rivals = [j for j in kept if tomograms[j] == tomograms[i] and (not within or classes[j] == classes[i])]
        if all(np.linalg.norm(centres[i] - centres[j]) >= min(RADII[classes[i]], RADII[classes[j]]) for j in rivals):
            kept.append(i)
    before, merging.ROUNDS = merging.ROUNDS, rounds
    try:
        assert ids(remove_duplicates(table, RADII, within_class=within)) == [i + 1 for i in sorted(kept)]
    finally:
        merging.ROUNDS = before


def test_split() -> None:
    table = table_of([("a", "big", 1, 0.1), ("b", "small", 2, 0.2), ("a", "small", 3, 0.3)])
    by_class = split_by(table, "class")
    assert {name: ids(part) for name, part in by_class.items()} == {"big": [1], "small": [2, 3]}
    assert by_class["big"].tomograms == GEOMETRY
    by_tomogram = split_by(table, "tomogram")
    assert {name: ids(part) for name, part in by_tomogram.items()} == {"a": [1, 3], "b": [2]}
    assert list(by_tomogram["b"].tomograms) == ["b"]
    assert split_by(table_of([]), "class") == {}
