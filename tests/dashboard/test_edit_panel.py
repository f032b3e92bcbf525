"""The edit panel as Streamlit draws it: what is said, what is applied, and edits that change a tomogram's size."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import served
from dashboard.widgets.task_form import as_text, from_text
from engine.objects import table_from_centroids
from engine.objects.review import set_verdict
from engine.project import Project
from engine.volumes import write_mrc


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("TOMODECK_SLOTS", str(tmp_path / "slots"))
    made = Project.create(tmp_path / "project", "Edits")
    (tmp_path / "data").mkdir()
    write_mrc(tmp_path / "data/ts.mrc", np.zeros((20, 40, 48), np.float32), (10.0, 10.0, 10.0))
    made.add_source(str(tmp_path / "data"))
    centres = np.array([[10.0, 10.0, 10.0], [5.0, 20.0, 30.0]])
    made.tables.create("picks", table_from_centroids("ts", made.geometry("ts"), centres, scores=[0.2, 0.9]), {})
    served.serve(made.root)
    return made


def draw() -> None:
    """The dialog alone: a whole page closes it at the next run, which the test runner makes of every action."""
    from dashboard import served
    from dashboard.widgets import table_editing
    from dashboard.widgets.edit_panel import edit_panel

    project = served.project()
    table, version = table_editing.read_for_page(project, "picks")
    edit_panel(project, "picks", version, table, table)


@pytest.fixture
def panel(project: Project) -> Callable[[str], AppTest]:
    def opened(edit: str) -> AppTest:
        app = AppTest.from_function(draw, default_timeout=60)
        app.session_state["edit.name"] = edit
        app.run()
        assert not app.exception, app.exception
        return app

    return opened


def said(app: AppTest) -> str:
    return " ".join(element.value for element in (*app.markdown, *app.warning, *app.success))


def press(app: AppTest, label: str) -> AppTest:
    next(b for b in app.button if b.label == label).click().run()
    assert not app.exception, app.exception
    return app


def test_thresholds_say_what_they_remove(project: Project, panel: Callable[[str], AppTest]) -> None:
    app = panel("threshold")
    next(n for n in app.number_input if n.key == "edit-threshold.lowest").set_value(0.5).run()
    assert "removes 1 of 2 objects" in said(app)
    press(app, "Thresholds")
    assert project.table("picks").rows["score"].tolist() == [0.9]


def test_scaling_asks_for_which_tomograms(project: Project, panel: Callable[[str], AppTest]) -> None:
    app = panel("scale")
    next(n for n in app.number_input if n.key == "edit-scale.factor").set_value(2.0).run()
    (meant,) = [r for r in app.radio if r.label == "The result is for"]
    # For this project's tomograms: (10 + 0.5) / 2 − 0.5 = 4.75, and the tomogram is as large as before.
    press(app, "Scale")
    table = project.table("picks")
    assert table.rows["x"].tolist() == [4.75, 14.75]
    assert table.tomograms["ts"].shape == (20, 40, 48)
    app = panel("scale")
    next(n for n in app.number_input if n.key == "edit-scale.factor").set_value(2.0).run()
    (meant,) = [r for r in app.radio if r.label == "The result is for"]
    meant.set_value(meant.options[1]).run()
    press(app, "Write picks_scale.csv")
    assert (project.root / "exports" / "picks_scale.csv").read_text().startswith("tomogram,class,x")
    assert project.table("picks").rows["x"].tolist() == [4.75, 14.75]


def test_a_required_field_waits_without_complaint(panel: Callable[[str], AppTest]) -> None:
    app = panel("rename-classes")
    assert not app.warning
    next(t for t in app.text_input if t.key == "edit-rename-classes.names").set_value("particle").run()
    assert "“New names” = 'particle' is not allowed: it must be pairs of a name and a value" in said(app)
    next(t for t in app.text_input if t.key == "edit-rename-classes.names").set_value("particle=ribosome").run()
    assert "2 objects" in said(app)


def test_rejected_objects_are_deleted_by_verdict(project: Project, panel: Callable[[str], AppTest]) -> None:
    table, version = project.tables.read_version("picks")
    project.tables.save("picks", set_verdict(table, [2], "rejected"), version)
    app = panel("remove-verdicts")
    next(m for m in app.multiselect if m.key == "edit-remove-verdicts.verdicts").set_value(["rejected"]).run()
    assert "removes 1 of 2 objects" in said(app)
    press(app, "Remove by verdict")
    assert project.table("picks").rows["id"].tolist() == [1]


def test_mappings_and_lists_as_text() -> None:
    assert from_text(as_text({"a": 1, "b c": 2.5}), dict[str, float]) == {"a": "1", "b c": "2.5"}
    assert from_text("1, 2,", list[int]) == ["1", "2"]
    assert from_text("", dict[str, str]) == {} and from_text(" ", list[int]) is None
    assert from_text("ribosome", dict[str, str]) == "ribosome"
