"""A project that the pages are drawn on, and Streamlit's own test runner to draw them with."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import served
from engine.objects import table_from_centroids
from engine.project import Project
from engine.volumes import write_mrc

MAIN = Path(__file__).resolve().parents[2] / "dashboard" / "main.py"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("TOMODECK_SLOTS", str(tmp_path / "slots"))
    made = Project.create(tmp_path / "project", "Test project")
    served.serve(made.root)
    return made


@pytest.fixture
def filled(project: Project, tmp_path: Path) -> Project:
    (tmp_path / "data").mkdir()
    rng = np.random.default_rng(0)
    write_mrc(tmp_path / "data/ts_01.mrc", rng.normal(size=(20, 40, 48)).astype(np.float32), (10.0, 10.0, 10.0))
    write_mrc(tmp_path / "data/ts_02.mrc", rng.normal(size=(20, 40, 48)).astype(np.float32), (1.0, 1.0, 1.0))
    (tmp_path / "data/broken.mrc").write_bytes(b"nothing")
    project.add_source(str(tmp_path / "data"))
    labels = np.zeros((20, 40, 48), np.int8)
    labels[8:12, 8:12, 8:12] = 1
    path = project.segmentation_path("ts_01", "balls")
    write_mrc(path, labels, (10.0, 10.0, 10.0))
    project.write_provenance(path, {"task": "unsupervised", "labels": {"0": 38336, "1": 64}})
    centres = np.array([[10.0, 10.0, 10.0], [5.0, 20.0, 30.0]])
    table = table_from_centroids("ts_01", project.geometry("ts_01"), centres, sizes=np.array([64, 30]))
    project.tables.create("picks", table, {"task": "pick"})
    return project


@pytest.fixture
def draw() -> Callable[[str], AppTest]:
    def drawn(name: str, **state: object) -> AppTest:
        app = AppTest.from_file(str(MAIN), default_timeout=60)
        for key, value in state.items():
            app.session_state[key] = value
        app.run()
        if name != "overview":
            app.switch_page(f"views/{name}.py").run()
        assert not app.exception, app.exception
        return app

    return drawn
