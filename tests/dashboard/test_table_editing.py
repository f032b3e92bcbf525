"""Edits of the Objects page in two tabs: joined where they touch different objects, otherwise both kept."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dashboard.widgets import table_editing
from engine.objects import ObjectTable, TomogramGeometry, apply_changes, delete, table_from_centroids
from engine.project import Project

GEOMETRY = TomogramGeometry((20, 40, 48), (10.0, 10.0, 10.0))


class Tab:
    """A session without a browser."""

    def __init__(self, project: Project):
        self.project = project
        self.state: dict[str, Any] = {}
        self.version = ""

    def _at_work(self, work: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(table_editing, "st", SimpleNamespace(session_state=self.state))
            return work()

    def look(self) -> ObjectTable:
        table, self.version = self._at_work(lambda: table_editing.read_for_page(self.project, "t"))
        return table

    def edit(self, edit: Any) -> None:
        self._at_work(lambda: table_editing.change(self.project, "t", self.version, edit))

    def move(self, object_id: int, x: float) -> None:
        self.edit(lambda t: apply_changes(t, {object_id: {"x": x}}))

    @property
    def notice(self) -> str:
        return self.state.pop("objects.said", "")


@pytest.fixture
def tabs(tmp_path: Path) -> tuple[Tab, Tab]:
    project = Project.create(tmp_path / "project")
    centres = np.array([[10.0, 10.0, 10.0], [10.0, 10.0, 20.0], [10.0, 10.0, 30.0]])
    project.tables.create("t", table_from_centroids("ts", GEOMETRY, centres, class_name="a"), {})
    first, second = Tab(project), Tab(project)
    first.look(), second.look()
    return first, second


def places(tab: Tab, name: str = "t") -> list[float]:
    return tab.project.tables.read(name).rows["x"].tolist()


def test_edits_of_different_objects_are_joined(tabs: tuple[Tab, Tab]) -> None:
    first, second = tabs
    first.move(1, 11.0)
    second.move(2, 22.0)
    assert places(first) == [11.0, 22.0, 30.0] and first.project.tables.names() == ["t"]
    assert "1 object changed elsewhere meanwhile" in second.notice and not first.notice
    # Further edits of the same run build on the joined table, though the page still names the version that it showed.
    second.edit(lambda t: delete(t, [3]))
    assert places(first) == [11.0, 22.0]


def test_edits_of_one_object_are_both_kept(tabs: tuple[Tab, Tab]) -> None:
    first, second = tabs
    first.move(1, 11.0)
    second.move(1, 12.0)
    assert places(first) == [11.0, 20.0, 30.0] and places(first, "t-edited") == [12.0, 20.0, 30.0]
    assert "your version was kept as t-edited" in second.notice
    assert second.state["table-asked"] == "t-edited"


def test_what_was_seen_comes_from_the_history_where_the_tab_has_moved_on(tabs: tuple[Tab, Tab]) -> None:
    first, second = tabs
    first.move(1, 11.0)
    del second.state["objects.seen"]
    second.move(2, 22.0)
    assert places(first) == [11.0, 22.0, 30.0]


def test_an_edit_of_a_version_that_is_not_kept_is_refused(tabs: tuple[Tab, Tab]) -> None:
    first, second = tabs
    first.move(1, 11.0)
    del second.state["objects.seen"]
    second.version = "0123456789abcdef"
    second.move(2, 22.0)
    assert places(first) == [11.0, 20.0, 30.0]
    assert "was changed elsewhere since you saw it" in second.notice
    assert second.state[table_editing.REFUSED] == 1
