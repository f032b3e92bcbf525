"""Two tabs edit one table: joined where they touch different objects, both kept where they do not."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.objects import ObjectTable, TomogramGeometry, add, apply_changes, delete
from engine.project.merging import SameObjectChanged, edit_merging, merge, save_merging
from engine.project.tables import TableConflict, TableStore

GEOMETRY = TomogramGeometry((20, 40, 50), (10.0, 10.0, 10.0))


def table(count: int = 4, **columns: list) -> ObjectTable:
    numbers = np.arange(1, count + 1)
    rows = {"tomogram": "ts", "class": "a", "x": numbers * 1.0, "y": 2.0, "z": 3.0, "id": numbers, **columns}
    return ObjectTable(pd.DataFrame(rows), {"ts": GEOMETRY})


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    made = TableStore(tmp_path)
    made.create("t", table(), {})
    return made


def x_by_id(found: ObjectTable) -> dict[int, float]:
    return dict(zip(found.rows["id"].tolist(), found.rows["x"].tolist(), strict=True))


def test_edits_of_different_objects_are_joined(store: TableStore) -> None:
    before, version = store.read_version("t")
    theirs = save_merging(store, "t", apply_changes(before, {1: {"x": 11.0}}), version)
    assert theirs.others == 0 and theirs.sentence is None
    mine = save_merging(store, "t", delete(apply_changes(before, {2: {"x": 22.0}}), [3]), version)
    assert mine.others == 1
    assert mine.sentence == "1 object changed elsewhere meanwhile: those changes and yours are both in the table."
    assert x_by_id(store.read("t")) == {1: 11.0, 2: 22.0, 4: 4.0}
    assert store.version("t") == mine.version and store.names() == ["t"]
    # Undo takes back what was saved last, and only that.
    store.undo("t", mine.version)
    assert x_by_id(store.read("t")) == {1: 11.0, 2: 2.0, 3: 3.0, 4: 4.0}


def test_new_objects_of_both_are_kept_with_ids_of_their_own(store: TableStore) -> None:
    before, version = store.read_version("t")
    save_merging(store, "t", add(before, "ts", (30.0, 1.0, 1.0), "a"), version)
    mine = save_merging(store, "t", add(add(before, "ts", (40.0, 1.0, 1.0), "b"), "ts", (41.0, 1.0, 1.0), "b"), version)
    assert mine.renumbered == {5: 7}
    assert x_by_id(store.read("t")) == {1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0, 5: 30.0, 7: 40.0, 6: 41.0}
    assert store.read("t").rows["class"].tolist() == ["a"] * 5 + ["b"] * 2


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        (lambda t: apply_changes(t, {2: {"x": 20.0}}), lambda t: apply_changes(t, {2: {"x": 21.0}})),
        (lambda t: apply_changes(t, {2: {"class": "b"}}), lambda t: apply_changes(t, {2: {"x": 21.0}})),
        (lambda t: delete(t, [2]), lambda t: apply_changes(t, {2: {"x": 21.0}})),
        (lambda t: apply_changes(t, {2: {"x": 21.0}}), lambda t: delete(t, [2])),
    ],
)
def test_the_same_object_changed_by_both_keeps_both(store: TableStore, theirs, mine) -> None:  # type: ignore[no-untyped-def]
    before, version = store.read_version("t")
    theirs_saved = save_merging(store, "t", theirs(before), version)
    with pytest.raises(TableConflict) as conflict:
        save_merging(store, "t", mine(before), version)
    assert conflict.value.kept_as == "t-edited"
    assert x_by_id(store.read("t-edited")) == x_by_id(mine(before))
    assert store.version("t") == theirs_saved.version


def test_the_same_change_by_both_is_no_conflict(store: TableStore) -> None:
    before, version = store.read_version("t")
    save_merging(store, "t", delete(apply_changes(before, {2: {"x": 20.0}}), [3]), version)
    save_merging(store, "t", add(delete(apply_changes(before, {2: {"x": 20.0}}), [3]), "ts", (9, 9, 9), "a"), version)
    assert x_by_id(store.read("t")) == {1: 1.0, 2: 20.0, 4: 4.0, 5: 9.0}


def test_columns_that_only_one_has_are_kept(store: TableStore) -> None:
    before, version = store.read_version("t")
    verdicts = before.with_rows(before.rows.assign(verdict=["", "accepted", "", ""]))
    save_merging(store, "t", verdicts, version)
    save_merging(store, "t", apply_changes(before, {1: {"x": 7.0}}), version)
    rows = store.read("t").rows.set_index("id")
    assert rows["verdict"].fillna("").to_dict() == {1: "", 2: "accepted", 3: "", 4: ""} and rows["x"][1] == 7.0
    third = store.read("t")
    noted = third.with_rows(third.rows.assign(note=["", "", "look", ""]))
    store.save("t", apply_changes(third, {1: {"x": 8.0}}), store.version("t"))
    joined, _, _ = merge(third, noted, store.read("t"))
    assert joined.rows.set_index("id")["note"].fillna("").to_dict() == {1: "", 2: "", 3: "look", 4: ""}
    # The object that got its verdict is changed, so moving it in the older version is a conflict.
    with pytest.raises(TableConflict):
        save_merging(store, "t", apply_changes(before, {2: {"x": 7.0}}), version)


def test_a_version_that_is_not_kept_is_a_conflict(store: TableStore) -> None:
    before, _ = store.read_version("t")
    with pytest.raises(TableConflict):
        save_merging(store, "t", apply_changes(before, {1: {"x": 7.0}}), "0123456789abcdef")
    assert store.names() == ["t", "t-edited"]


def test_versions_are_found_in_the_history(store: TableStore) -> None:
    before, version = store.read_version("t")
    second = store.save("t", apply_changes(before, {1: {"x": 7.0}}), version)
    third = store.save("t", delete(store.read("t"), [1]), second)
    for wanted, xs in ((version, {1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0}), (second, {1: 7.0, 2: 2.0, 3: 3.0, 4: 4.0})):
        found = store.at_version("t", wanted)
        assert found is not None and x_by_id(found) == xs and found.tomograms == {"ts": GEOMETRY}
    present = store.at_version("t", third)
    assert present is not None and len(present) == 3
    assert store.at_version("t", "nothing") is None


def test_an_object_in_a_new_tomogram_brings_its_size(store: TableStore) -> None:
    before, version = store.read_version("t")
    save_merging(store, "t", apply_changes(before, {1: {"x": 7.0}}), version)
    other = TomogramGeometry((5, 6, 7), (4.0, 4.0, 4.0))
    wider = ObjectTable(before.rows, {**before.tomograms, "ts2": other})
    save_merging(store, "t", add(wider, "ts2", (1, 2, 3), "a"), version)
    assert store.read("t").tomograms == {"ts": GEOMETRY, "ts2": other}


def test_many_hands_at_once_lose_nothing(store: TableStore) -> None:
    problems: list[Exception] = []

    def one_more(hand: int, step: int) -> Callable[[ObjectTable], ObjectTable]:
        return lambda t: add(t, "ts", (hand, step, 1.0), f"hand{hand}")

    def work(hand: int) -> None:
        try:
            for step in range(4):
                edit_merging(store, "t", one_more(hand, step))
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(hand,)) for hand in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems and store.names() == ["t"]
    rows = store.read("t").rows
    assert len(rows) == 4 + 16 and rows["id"].is_unique
    assert rows["class"].value_counts()[[f"hand{i}" for i in range(4)]].tolist() == [4] * 4


# Object 6 stays: when the last one goes, its number is given to the next new one.
EDIT = st.dictionaries(st.integers(1, 5), st.one_of(st.none(), st.integers(0, 3)), max_size=4)


@settings(max_examples=150, deadline=None)
@given(mine=EDIT, theirs=EDIT, new_mine=st.integers(0, 2), new_theirs=st.integers(0, 2))
def test_against_the_plain_definition(
    mine: dict[int, int | None], theirs: dict[int, int | None], new_mine: int, new_theirs: int
) -> None:
    """None deletes, a number moves to that x; x is the id before, so a move to the same place is no change."""
    before = table(6)

    def edited(changes: dict[int, int | None], new: int, y: float) -> ObjectTable:
        moved = apply_changes(before, {i: {"x": float(x)} for i, x in changes.items() if x is not None})
        kept = delete(moved, [i for i, x in changes.items() if x is None])
        for number in range(new):
            kept = add(kept, "ts", (number, y, 0.0), "new")
        return kept

    def real(changes: dict[int, int | None]) -> dict[int, int | None]:
        return {i: x for i, x in changes.items() if x != i}

    a, b = edited(mine, new_mine, 11.0), edited(theirs, new_theirs, 12.0)
    mine, theirs = real(mine), real(theirs)
    if any(mine[i] != theirs[i] for i in mine.keys() & theirs.keys()):
        with pytest.raises(SameObjectChanged):
            merge(before, a, b)
        return
    joined, others, renumbered = merge(before, a, b)
    changes = {**mine, **theirs}
    expected = {i: changes.get(i, i) for i in range(1, 7)}
    old = joined.rows[joined.rows["class"] == "a"]
    assert dict(zip(old["id"], old["x"], strict=True)) == {i: x for i, x in expected.items() if x is not None}
    new = joined.rows[joined.rows["class"] == "new"]
    assert sorted(new["y"]) == [11.0] * new_mine + [12.0] * new_theirs
    assert joined.rows["id"].is_unique and others == len(theirs) + new_theirs
    assert set(renumbered.values()) <= set(new["id"])
