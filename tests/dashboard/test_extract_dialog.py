"""The dialog that extracts subtomograms, on the Objects page: what it says before, and what it launches."""

import time
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import served
from engine.jobs import list_jobs
from engine.objects import table_from_centroids
from engine.project import Project
from engine.volumes import write_mrc

MAIN = Path(__file__).resolve().parents[2] / "dashboard" / "main.py"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("TOMODECK_SLOTS", str(tmp_path / "slots"))
    (tmp_path / "data").mkdir()
    volume = np.random.default_rng(0).normal(size=(20, 40, 48)).astype(np.float32)
    write_mrc(tmp_path / "data/ts_01.mrc", volume, (10.0, 10.0, 10.0))
    made = Project.create(tmp_path / "project", "Test project")
    made.add_source(str(tmp_path / "data"))
    centres = np.array([[10.0, 20.0, 20.0], [5.0, 20.0, 30.0], [10.0, 20.0, 4.0]])
    table = table_from_centroids("ts_01", made.geometry("ts_01"), centres, sizes=np.array([64, 30, 30]))
    made.tables.create("picks", table, {"task": "pick"})
    served.serve(made.root)
    return made


def dialog_page() -> None:
    """The dialog alone: Streamlit's test runner closes one that a button opened with the next run."""
    import streamlit as st

    from dashboard import served
    from dashboard.widgets.extract_dialog import extract_dialog, last_extraction
    from engine.objects import keep

    project = served.project()
    table = project.table("picks")
    extract_dialog(project, "picks", table, keep(table, st.session_state.get("only", [1, 2, 3])))
    last_extraction(project, st.session_state.get("of", "picks"))


def opened(**state: object) -> AppTest:
    app = AppTest.from_function(dialog_page, default_timeout=60)
    for key, value in state.items():
        app.session_state[key] = value
    app.run()
    assert not app.exception, app.exception
    return app


def said(app: AppTest) -> str:
    return " ".join(str(e.value) for group in (app.markdown, app.caption, app.warning, app.error) for e in group)


def launch(app: AppTest) -> AppTest | None:
    buttons = [b for b in app.button if b.key == "extract.launch"]
    return buttons[0].click().run() if buttons else None


def test_how_many_boxes_of_what_size_is_said_before(project: Project) -> None:
    app = opened()
    app.number_input(key="extract.size").set_value(10).run()
    assert "3 boxes of 10³ voxels (100 Å), **15.1 kB**" in said(app) and "boxes_picks" in said(app)
    app.selectbox(key="extract.padding").set_value("skip").run()
    assert "2 boxes of 10³ voxels" in said(app) and "1 object too near to the faces will be left out" in said(app)
    app.number_input(key="extract.size").set_value(30).run()
    assert "No box of 30 voxels lies whole inside" in said(app) and launch(app) is None


def test_the_rows_that_the_filter_shows_are_extracted(project: Project) -> None:
    app = opened(only=[2, 3])
    app.number_input(key="extract.size").set_value(8).run()
    assert "2 objects of 3" in said(app) and "2 boxes of 8³ voxels" in said(app)
    assert launch(app) is not None
    while (job := list_jobs(project.root)[0]).active:
        time.sleep(0.05)
    assert job.state == "done", job.message
    written = sorted(p.name for p in (project.root / "exports/boxes_picks/ts_01").glob("*.mrc"))
    assert written == ["ts_01_000002.mrc", "ts_01_000003.mrc"]
    app = opened()
    assert "2 boxes in exports/boxes_picks" in said(app)
    assert "2 boxes in exports" not in said(opened(of="another"))
    # All three now, and the folder has two.
    assert "holds something else" in said(app) and launch(app) is None


def test_the_objects_page_opens_it(project: Project) -> None:
    app = AppTest.from_file(str(MAIN), default_timeout=60).run()
    app.switch_page("views/objects.py").run()
    next(b for b in app.button if b.label == "Extract subtomograms").click().run()
    assert not app.exception and "3 boxes of 48³ voxels" in said(app)
