"""The Annotate page by Streamlit's own test runner: empty states, what the viewer's events do, dialogs of classes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import served
from dashboard.viewer.contents import NO_TABLE, ObjectLayer
from dashboard.widgets import annotating, class_palette
from engine.objects import ObjectTable, apply_changes
from engine.project import Project
from engine.project.table_editor import TableEditor
from engine.volumes import write_mrc

MAIN = Path(__file__).resolve().parents[2] / "dashboard" / "main.py"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("TOMODECK_SLOTS", str(tmp_path / "slots"))
    made = Project.create(tmp_path / "project", "Test project")
    (tmp_path / "data").mkdir()
    density = np.random.default_rng(0).normal(size=(20, 40, 48)).astype(np.float32)
    write_mrc(tmp_path / "data/ts_01.mrc", density, (10.0, 10.0, 10.0))
    made.add_source(str(tmp_path / "data"))
    served.serve(made.root)
    return made


@pytest.fixture
def draw() -> Callable[..., AppTest]:
    def drawn(**state: object) -> AppTest:
        app = AppTest.from_file(str(MAIN), default_timeout=60)
        for key, value in state.items():
            app.session_state[key] = value
        app.run().switch_page("views/annotate.py").run()
        assert not app.exception and not app.error, (app.exception, app.error)
        return app

    return drawn


class Tab:
    """A session without a browser, for the functions that events call."""

    def __init__(self, project: Project):
        self.project = project
        self.state: dict[str, Any] = {}

    def hear(self, kind: str, **values: Any) -> None:
        with self.at_work(sees=False):
            annotating.take_event(self.project, "annotations", event(kind, **values))

    @contextmanager
    def at_work(self, sees: bool = True) -> Iterator[TableEditor | None]:
        with pytest.MonkeyPatch.context() as patch:
            for module in (annotating, class_palette):
                patch.setattr(module, "st", SimpleNamespace(session_state=self.state))
            yield annotating.current_editor(self.project) if sees else None


@pytest.fixture
def tab(project: Project) -> Tab:
    return Tab(project)


def event(kind: str, **values: Any) -> dict[str, Any]:
    return {"type": kind, "tomogram": "ts_01", "table": "annotations", **values}


def captions(app: AppTest) -> str:
    return " ".join(str(c.value) for c in app.caption)


def button(app: AppTest, label: str) -> Any:
    return next(b for b in app.button if b.label == label)


def test_without_classes_the_page_says_so_and_adds_one(project: Project, draw: Callable) -> None:
    app = draw()
    assert "No classes yet: add one" in captions(app) and "nothing yet" in captions(app)
    button(app, "Add a class").click().run()
    app.text_input(key="class-dialog.name.").set_value("ribosome")
    next(n for n in app.number_input if n.label == "Radius (Å)").set_value(120.0)
    button(app, "Add this class").click().run()
    assert not app.exception
    assert [(c.name, c.label, c.radius) for c in project.classes] == [("ribosome", 1, 120.0)]
    assert project.tables.names() == []  # the table comes with the first object


def test_a_name_that_is_taken_is_said_in_the_dialog(project: Project, draw: Callable) -> None:
    project.add_class("ribosome", 120.0)
    app = draw(**{"class-palette.opened": ""})
    app.text_input(key="class-dialog.name.").set_value("ribosome")
    button(app, "Add this class").click().run()
    assert "a class 'ribosome' already" in app.error[0].value
    assert len(project.classes) == 1


def test_a_class_is_renamed_with_its_objects(project: Project, draw: Callable, tab: Tab) -> None:
    project.add_class("ribo", 120.0)
    tab.hear("added", x=1, y=2, z=3, class_name="ribo")
    app = draw(**{"class-palette.opened": "ribo"})
    app.text_input(key="class-dialog.name.ribo").set_value("ribosome").run()
    assert "Rename 1 object in 1 table too" in [c.label for c in app.checkbox]
    button(app, "Save").click().run()
    assert [c.name for c in project.classes] == ["ribosome"]
    assert project.table("annotations").rows["class"].tolist() == ["ribosome"]
    assert "1 object in 1 table renamed" in captions(app)


def test_a_class_in_use_is_deleted_only_on_demand(project: Project, draw: Callable, tab: Tab) -> None:
    project.add_class("ribo", 120.0)
    tab.hear("added", x=1, y=2, z=3, class_name="ribo")
    app = draw(**{"class-palette.opened": "ribo"})
    assert "ribo is the class of 1 object in 1 table" in captions(app)
    button(app, "Delete it anyway").click().run()
    assert project.classes == [] and project.table("annotations").rows["class"].tolist() == ["ribo"]


def test_events_become_saved_edits(project: Project, tab: Tab) -> None:
    def rows() -> list[tuple]:
        found = project.table("annotations").rows
        return list(found[["id", "class", "x", "y", "z"]].itertuples(index=False, name=None))

    tab.hear("added", x=10, y=11, z=12, class_name="a")
    tab.hear("added", x=20, y=21, z=12, class_name="b")
    assert rows() == [(1, "a", 10.0, 11.0, 12.0), (2, "b", 20.0, 21.0, 12.0)]
    with tab.at_work() as editor:
        assert annotating.selected(editor) == [2]
    tab.hear("dragged", id=1, x=15, y=16, z=12)
    assert rows()[0] == (1, "a", 15.0, 16.0, 12.0)
    tab.hear("selected", ids=[1, 2], id=2)
    with tab.at_work() as editor:
        assert annotating.selected(editor) == [1, 2]
    tab.hear("deleted", ids=[1, 2], id=1)
    with tab.at_work() as editor:
        assert rows() == [] and annotating.selected(editor) == []
    tab.hear("undo")
    assert len(rows()) == 2
    tab.hear("redo")
    assert rows() == []
    tab.hear("class_chosen", class_name="b")
    assert tab.state[class_palette.ACTIVE] == "b"


def test_a_refused_edit_is_said_and_fetched_anew(project: Project, tab: Tab) -> None:
    tab.hear("added", x=10, y=11, z=12, class_name="a")
    with tab.at_work() as editor:
        before = annotating.shown_version(editor)
    tab.hear("dragged", id=1, x=400, y=0, z=0)
    assert "outside the tomogram" in tab.state["annotate.notice"]
    with tab.at_work() as editor:
        assert annotating.shown_version(editor) != before and len(project.table("annotations")) == 1


def test_a_conflict_keeps_both_and_offers_either(project: Project, tab: Tab, draw: Callable) -> None:
    tab.hear("added", x=10, y=11, z=12, class_name="a")
    table, version = project.tables.read_version("annotations")
    project.tables.save("annotations", apply_changes(table, {1: {"x": 30.0}}), version)
    tab.hear("dragged", id=1, x=20, y=11, z=12)
    # An event of the old name that was on its way goes to the table that the person has now.
    tab.hear("added", x=5, y=5, z=5, class_name="a")
    assert project.table("annotations").rows["x"].tolist() == [30.0]
    assert project.table("annotations-edited").rows["x"].tolist() == [20.0, 5.0]

    app = draw(**tab.state)
    assert "your version was kept as annotations-edited" in app.warning[0].value
    assert app.selectbox(key="annotate.chooser").value == "annotations-edited"
    button(app, "Open annotations").click().run()
    assert app.selectbox(key="annotate.chooser").value == "annotations" and not app.warning
    assert "1 object in annotations · saved" in captions(app)


def test_another_table_is_chosen(project: Project, tab: Tab, draw: Callable) -> None:
    tab.hear("added", x=10, y=11, z=12, class_name="a")
    project.tables.create("second", project.table("annotations"), {})
    app = draw()
    app.selectbox(key="annotate.chooser").set_value("second").run()
    assert "1 object in second · saved" in captions(app)
    project.tables.delete("second")
    app.run()
    assert not app.exception and "nothing yet" in captions(app)


def test_what_the_browser_is_told_of_objects(project: Project) -> None:
    project.add_class("ribosome", 120.0)
    spec = ObjectLayer("t", NO_TABLE, selected=[3, 5], editable=True, new_class="ribosome", class_keys=True).spec(
        project
    )
    assert (spec["selected"], spec["selected_ids"], spec["class_keys"]) == (5, [3, 5], True)
    assert spec["rows"] == {"id": [], "class": [], "x": [], "y": [], "z": []}
    assert spec["classes"] == [{"name": "ribosome", "label": 1, "colour": "#E69F00", "radius": 120.0}]
    one = ObjectLayer("t", "abc", selected=7).spec(project)
    assert (one["selected"], one["selected_ids"], one["rows"]) == (7, [7], None)
    none = ObjectLayer("t", "abc").spec(project)
    assert (none["selected"], none["selected_ids"], none["shown"]) == (None, [], None)
    filtered = ObjectLayer("t", "abc", shown=[9, 4, 3, 5, 12]).spec(project)
    assert filtered["shown"] == [[3, 5], [9, 9], [12, 12]]
    assert ObjectLayer("t", "abc", shown=[]).spec(project)["shown"] == []


def test_what_was_annotated_leads_to_targets_of_it(project: Project, tab: Tab, draw: Callable) -> None:
    assert "to-targets" not in [b.key for b in draw().button]
    tab.hear("added", x=10, y=11, z=12, class_name="a")
    app = draw()
    found = ObjectTable(project.table("annotations").rows, {"ts_01": project.geometry("ts_01")})
    project.tables.create("found", found, {"task": "cluster"})  # newer, and not what was annotated
    app.button(key="to-targets").click().run()
    assert not app.exception and app.selectbox(key="targets.table").value == "annotations"
