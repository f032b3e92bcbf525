"""Cluster: limits fitted on known objects, as the page shows them."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import served
from dashboard.widgets.cluster_layers import class_circles, class_labels
from engine.jobs.foreground import run_here
from engine.project import Project
from engine.tasks import Box, find_task, validated
from engine.tasks.cluster import candidates_about, preview_of
from engine.tasks.cluster_parameters import ClusterParameters
from tests.engine.tasks.scored_balls import reference, scored_project, with_model


@pytest.fixture
def project(tmp_path) -> Project:
    return scored_project(tmp_path)


def counts(app: AppTest) -> pd.DataFrame:
    """The table of what the limits keep of each class."""
    return next(d.value for d in app.dataframe if "Kept" in d.value)


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
    before = counts(app)
    assert before.loc["barrel", "Kept"] == 5 and before["Lowest score"].isna().all()
    status = run_here(
        project, "fit-limits", {"segmentations": ["ts__net"], "reference": "truth", "keep": keep}, lambda line: None
    )
    assert status["state"] == "done", status
    app.run()  # the tab in which the preview stands already: limits that the model keeps count there too
    after = counts(app).loc["barrel"]
    assert after["Kept"] == (4 if keep else 5)
    assert after["Lowest score"] == pytest.approx(0.4 if keep else np.nan, abs=0.01, nan_ok=True)
    table = next(d.value for d in app.dataframe if "F1" in d.value)
    assert table.loc["barrel", ["F1", "P", "R", "True"]].tolist() == pytest.approx([6 / 7, 0.75, 1.0, 3])
    words = " ".join(c.value for c in app.caption)
    assert ("Kept with the model net" in words) == keep
    taking = [b for b in app.button if b.key == "limits-into-form"]
    assert len(taking) == (not keep)
    if taking:
        taking[0].click().run()
        assert app.session_state["cluster.min_score_by_class"]["barrel"] == pytest.approx(0.4, abs=0.01)


def test_circles_have_the_radius_of_their_class_and_labels_its_colour(project: Project) -> None:
    project.add_class("barrel", 40.0, "#0080ff")
    checked = validated(find_task("cluster"), {"segmentations": ["ts__net"]})
    assert isinstance(checked, ClusterParameters)
    box = Box((0, 0, 0), (30, 60, 60))
    preview = preview_of(*candidates_about(checked, project, "ts", box), checked, box)
    (barrels,) = class_circles(preview, checked)
    assert (barrels.name, barrels.radius, len(barrels.xyz)) == ("preview barrel", 40.0, 5)
    barrel, hook = class_labels(preview.basis)
    assert (barrel.label, barrel.name, barrel.colour) == (2, "barrel", "#0080ff")
    assert (hook.label, hook.name) == (3, "hook")
    stricter = checked.model_copy(update={"min_score": 0.5})
    assert len(class_circles(preview, stricter)[0].xyz) == 3
