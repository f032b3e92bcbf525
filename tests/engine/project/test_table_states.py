"""States of a table, kept compressed and numbered."""

import gzip

import pandas as pd

from engine.project.table_states import KEPT_STATES, TableStates


def test_states_come_back_as_they_were(tmp_path):
    states = TableStates(tmp_path / "t")
    for content in (b"one\n", b"two\n" * 1000):
        states.set_position(states.add(content, "made_by: test\n"))
    assert states.history().states == (1, 2)
    assert states.content(1) == b"one\n"
    assert states.description(1) == "made_by: test\n"
    assert states.content(2) == b"two\n" * 1000
    assert (tmp_path / "t" / "2.csv.zst").stat().st_size < 200


def test_an_edit_after_undo_begins_a_new_future(tmp_path):
    states = TableStates(tmp_path / "t")
    for content in (b"1", b"2", b"3"):
        states.set_position(states.add(content, "made_by: test\n"))
    states.set_position(1)
    assert states.history().can_redo and not states.history().can_undo
    states.set_position(states.add(b"other", ""))
    assert states.history().states == (1, 2)
    assert states.content(2) == b"other"


def test_states_of_earlier_versions_are_read(tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "1.csv.gz").write_bytes(gzip.compress(b"old"))
    (tmp_path / "t" / "position").write_text("1")
    states = TableStates(tmp_path / "t")
    assert states.content(1) == b"old"
    states.set_position(states.add(b"new", ""))
    assert states.history().states == (1, 2) and states.history().can_undo


def test_what_another_program_wrote_is_kept(tmp_path):
    states, table = TableStates(tmp_path / "t"), tmp_path / "t.csv"
    states.set_position(states.add(b"mine", ""))
    table.write_bytes(b"mine")
    states.remember_changes_from_outside(table)
    assert states.history().states == (1,)
    table.write_bytes(b"theirs")
    states.remember_changes_from_outside(table)
    assert states.content(2) == b"theirs" and states.history().position == 2


def test_the_oldest_are_dropped(tmp_path):
    states = TableStates(tmp_path / "t")
    for number in range(KEPT_STATES + 3):
        states.set_position(states.add(str(number).encode(), ""))
    kept = states.history().states
    assert len(kept) == KEPT_STATES and kept[-1] == KEPT_STATES + 3


def test_undo_brings_back_the_sizes_of_tomograms(tmp_path):
    from engine.objects import ObjectTable, TomogramGeometry
    from engine.objects.edits import scale
    from engine.project.tables import TableStore

    store = TableStore(tmp_path)
    rows = pd.DataFrame({"tomogram": ["a"], "class": "r", "x": [9.5], "y": [9.5], "z": [9.5]})
    before = ObjectTable(rows, {"a": TomogramGeometry((20, 40, 60), (5.0, 5.0, 5.0))})
    store.create("t", before, {})
    _, version = store.read_version("t")
    version = store.save("t", scale(before, 2.0), version)
    assert store.read("t").tomograms["a"] == TomogramGeometry((10, 20, 30), (10.0, 10.0, 10.0))
    version = store.undo("t", version)
    assert store.read("t").tomograms == before.tomograms
    store.redo("t", version)
    assert store.read("t").tomograms["a"].shape == (10, 20, 30)
