"""Cluster: limits fitted on known objects, as the page shows them."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import served
from engine.jobs.foreground import run_here
from engine.project import Project
from tests.engine.tasks.scored_balls import reference, scored_project, with_model


@pytest.fixture
def project(tmp_path) -> Project:
    return scored_project(tmp_path)


@pytest.mark.parametrize("keep", [True, False])
def test_fitted_limits_are_shown_and_used(
    project: Project, draw: Callable[[str], AppTest], monkeypatch: pytest.MonkeyPatch, tmp_path, keep: bool
) -> None:
    monkeypatch.setenv("TOMODECK_SLOTS", str(tmp_path / "slots"))
    project.tables.create("truth", reference(), {"task": "annotate"})
    project.tables.create("found", reference(), {"task": "cluster"})
    with_model(project)
    served.serve(project.root)
    app = draw("cluster")
    assert app.selectbox(key="fit-limits.reference").value == "truth", "what a person annotated is offered first"
    status = run_here(
        project, "fit-limits", {"segmentations": ["ts__net"], "reference": "truth", "keep": keep}, lambda line: None
    )
    assert status["state"] == "done", status
    app = draw("cluster")
    table = next(d.value for d in app.dataframe if "F1" in d.value)
    assert table.loc["barrel", ["F1", "P", "R", "True"]].tolist() == pytest.approx([6 / 7, 0.75, 1.0, 3])
    words = " ".join(c.value for c in app.caption)
    assert ("Kept with the model net" in words) == keep
    taking = [b for b in app.button if b.key == "limits-into-form"]
    assert len(taking) == (not keep)
    if taking:
        taking[0].click().run()
        assert app.session_state["cluster.min_score_by_class"]["barrel"] == pytest.approx(0.4, abs=0.01)
