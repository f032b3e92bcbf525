"""One tab at work on a table: created by the first edit, joined with other tabs, both kept on conflict, undo."""

from pathlib import Path

import pytest

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, add, apply_changes, delete
from engine.project.table_editor import Edit, TableEditor
from engine.project.tables import TableConflict, TableStore

GEOMETRY = TomogramGeometry((20, 40, 50), (10.0, 10.0, 10.0))


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore(tmp_path)


def one_more(x: float) -> Edit:
    return lambda table: add(ObjectTable(table.rows, {"ts": GEOMETRY}), "ts", (x, 1.0, 1.0), "a")


def moved(object_id: int, x: float) -> Edit:
    return lambda table: apply_changes(table, {object_id: {"x": x}})


def xs(editor: TableEditor) -> list[float]:
    return editor.table.rows["x"].tolist()


def test_the_first_edit_creates_the_table(store: TableStore) -> None:
    editor = TableEditor(store, "annotations", {"task": "annotate"})
    assert (len(editor.table), editor.version, editor.history().can_undo) == (0, None, False)
    assert store.names() == []
    assert editor.change(one_more(5.0)) is None
    assert store.names() == ["annotations"] and store.read("annotations").rows["x"].tolist() == [5.0]
    assert store.provenance("annotations")["task"] == "annotate"
    assert not editor.refresh()


def test_two_tabs_that_both_begin_the_table(store: TableStore) -> None:
    one, two = TableEditor(store, "annotations"), TableEditor(store, "annotations")
    one.change(one_more(1.0))
    assert two.change(one_more(2.0)) is None  # it had nothing to lose
    assert store.names() == ["annotations"] and xs(two) == [1.0, 2.0]


def test_an_older_view_is_joined_and_said(store: TableStore) -> None:
    one = TableEditor(store, "t")
    one.change(one_more(1.0))
    one.change(one_more(2.0))
    two = TableEditor(store, "t")
    one.change(moved(1, 11.0))
    sentence = two.change(moved(2, 22.0))
    assert sentence == "1 object changed elsewhere meanwhile: those changes and yours are both in the table."
    assert xs(two) == [11.0, 22.0] == store.read("t").rows["x"].tolist()
    assert xs(one) == [11.0, 2.0] and one.refresh() and xs(one) == [11.0, 22.0]
    # Several edits one after the other, as they come from fast clicks, go on from each other.
    assert one.change(one_more(3.0)) is None and one.change(moved(3, 33.0)) is None
    assert xs(one) == [11.0, 22.0, 33.0]


def test_the_same_object_moved_in_both_keeps_both(store: TableStore) -> None:
    one = TableEditor(store, "t")
    one.change(one_more(1.0))
    two = TableEditor(store, "t")
    one.change(moved(1, 11.0))
    with pytest.raises(TableConflict) as conflict:
        two.change(moved(1, 22.0))
    assert conflict.value.kept_as == "t-edited" == two.name
    assert xs(two) == [22.0] and store.read("t").rows["x"].tolist() == [11.0]
    two.change(moved(1, 23.0))  # the person goes on with their own
    assert store.read("t-edited").rows["x"].tolist() == [23.0]
    assert store.read("t").rows["x"].tolist() == [11.0]


def test_a_refused_edit_leaves_all_as_it_was(store: TableStore) -> None:
    editor = TableEditor(store, "t")
    editor.change(one_more(1.0))
    for edit in (moved(1, 500.0), moved(9, 1.0)):
        with pytest.raises(UserError):
            editor.change(edit)
        assert xs(editor) == [1.0] == store.read("t").rows["x"].tolist()
    with pytest.raises(UserError, match="file name"):
        TableEditor(store, "a/b")


def test_undo_and_redo(store: TableStore) -> None:
    editor = TableEditor(store, "t")
    with pytest.raises(UserError, match="nothing to undo"):
        editor.undo()
    editor.change(one_more(1.0))
    editor.change(one_more(2.0))
    editor.undo()
    assert xs(editor) == [1.0] and editor.history().can_redo
    editor.redo()
    assert xs(editor) == [1.0, 2.0]
    other = TableEditor(store, "t")
    other.change(moved(1, 9.0))
    with pytest.raises(UserError, match="changed elsewhere"):
        editor.undo()
    assert xs(editor) == [9.0, 2.0]  # looked at anew, the next undo is this one
    editor.undo()
    assert xs(editor) == [1.0, 2.0]


def test_a_table_deleted_in_another_tab_does_not_take_the_objects_along(store: TableStore) -> None:
    editor = TableEditor(store, "t")
    editor.change(one_more(1.0))
    store.delete("t")
    sentence = editor.change(one_more(2.0))
    assert sentence and "was deleted elsewhere" in sentence
    assert store.read(editor.name).rows["x"].tolist() == [1.0, 2.0]
    store.delete(editor.name)
    assert editor.refresh() and len(editor.table) == 0 and editor.version is None


def test_deleting_all_keeps_the_table(store: TableStore) -> None:
    editor = TableEditor(store, "t")
    editor.change(one_more(1.0))
    editor.change(lambda table: delete(table, [1]))
    assert len(editor.table) == 0 and store.names() == ["t"]
    editor.undo()
    assert xs(editor) == [1.0]
