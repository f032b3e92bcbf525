"""The Python side of the grid: which columns the browser gets, and what its events do to the table."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard import served
from dashboard.viewer import column_bytes
from dashboard.widgets import object_filter, object_grid, table_editing
from engine.objects import TomogramGeometry, table_from_centroids
from engine.project import Project
from tests.dashboard.columns_decoded import decode

GEOMETRY = TomogramGeometry((20, 40, 48), (10.0, 10.0, 10.0))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    state: dict[str, Any] = {}
    for module in (table_editing, object_filter, object_grid):
        monkeypatch.setattr(module.st, "session_state", state)
    made = Project.create(tmp_path / "project")
    centres = np.array([[10.0, 11.0, 12.0], [1.0, 2.0, 3.25], [5.0, 5.0, 5.0]])
    table = table_from_centroids("ts", GEOMETRY, centres, sizes=[5, 6, 7], class_name="ball")
    rows = table.rows.assign(image=["a@1", "a@2", "a@3"], ctf=[1.5, 2.5, np.nan], good=[True, False, True])
    made.tables.create("t", table.with_rows(rows), {})
    monkeypatch.setattr(served, "_root", made.root)
    return made


def act(project: Project, **event: Any) -> dict[str, Any] | None:
    _, version = table_editing.read_for_page(project, "t")
    return object_grid.take_event(project, "t", version, event)


def test_columns_in_order_without_those_that_nobody_knows(project: Project) -> None:
    table, version = table_editing.read_for_page(project, "t")
    columns = object_grid.shown_columns(table)
    assert columns == ["id", "class", "x", "y", "z", "size", "tomogram", "image", "ctf", "good"]
    found = decode(column_bytes.get(object_grid._prepared(project, "t", table, version, columns)))
    assert found["x"] == [12.0, 3.25, 5.0] and found["size"] == [5, 6, 7] and found["tomogram"] == ["ts"] * 3
    assert found["image"] == ["a@1", "a@2", "a@3"] and found["good"] == ["true", "false", "true"]
    assert found["ctf"][:2] == [1.5, 2.5] and np.isnan(found["ctf"][2])
    described = {d["name"]: d for d in (object_grid._described(table, c) for c in columns)}
    assert described["x"] == {"name": "x", "label": "x", "digits": 2, "editable": True}
    assert not described["id"]["editable"] and not described["tomogram"]["editable"]
    assert described["ctf"]["digits"] is None and described["id"]["digits"] == 0


def test_events_edit_the_table_and_say_what_it_is_then(project: Project) -> None:
    first = act(project, type="cells", changes={"2": {"x": 4.5, "class": "cube"}})
    rows = project.table("t").rows
    assert rows["x"].tolist() == [12.0, 4.5, 5.0] and rows["class"].tolist() == ["ball", "cube", "ball"]
    second = act(project, type="deleted", ids=[1])
    assert project.table("t").rows["id"].tolist() == [2, 3]
    assert first and second and first["saved"] and second["saved"] and first["rows"] != second["rows"]
    # Undo leads to the rows of the first edit, which the browser still has under their key.
    assert act(project, type="undo") == first
    assert act(project, type="redo") == second
    assert act(project, type="selected", ids=[3]) is None
    assert table_editing.selected(project.table("t")) == [3]


def test_an_edit_that_is_refused_is_not_called_saved(project: Project) -> None:
    before = project.table("t").rows
    answer = act(project, type="cells", changes={"2": {"x": "far"}})
    assert answer and not answer["saved"]
    assert "'far' is not a number" in table_editing.st.session_state["objects.said"]
    assert project.table("t").rows.equals(before)
    answer = act(project, type="redo")
    assert answer and not answer["saved"]


def test_keep_these_goes_by_the_filter_that_was_heard_before(project: Project) -> None:
    assert act(project, type="filter", filter={"size": [6, None]}) is None
    assert act(project, type="kept")["saved"]
    assert project.table("t").rows["id"].tolist() == [2, 3]
