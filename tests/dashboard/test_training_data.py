"""What the page Train says of the targets before a training, and which part of it is shown."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import served
from dashboard.widgets.training_data import absent_classes
from engine.jobs.foreground import run_here
from engine.project import Project
from tests.engine.tasks.training_scene import training_project

NAMES = ["hook", "barrel", "gold"]


@pytest.fixture
def project(tmp_path) -> Project:
    made = training_project(tmp_path)
    served.serve(made.root)
    return made


def test_only_what_was_counted_is_said_to_be_absent() -> None:
    lines = [
        {"Role": "training", "hook": 3, "barrel": 0, "gold": 0},
        {"Role": "training", "hook": 0, "barrel": 0, "gold": None},
        {"Role": "validation", "hook": 0, "barrel": 0, "gold": 2},
    ]
    assert absent_classes(lines, NAMES) == [
        "barrel does not occur in the training targets.",
        "hook, barrel do not occur in the validation targets.",
    ]
    assert absent_classes(lines[:2], ["hook"]) == []


def test_label_maps_that_nobody_counted_are_not_said_to_be_empty(project: Project, draw: Callable) -> None:
    for segmentation in project.segmentations():
        assert "labels" not in segmentation.made_by
    app = draw("train", **{"train.objects": ""})
    captions = " ".join(c.value for c in app.caption)
    assert "occur in the" not in captions
    table = app.dataframe[0].value
    assert table["Role"].tolist().count("validation") == 1
    assert np.all(table.drop(columns=["Tomogram", "Role", "Target"]).isna())


def test_a_class_without_objects_is_not_said_to_be_absent_where_targets_have_it(
    project: Project, draw: Callable
) -> None:
    for name in ("ts1", "ts2", "ts3"):
        target = project.segmentation(f"{name}__net")
        project.write_provenance(target.path, {**target.made_by, "labels": {"0": 9000, "2": 200, "5": 60}})
    table, version = project.tables.read_version("objects")
    project.tables.save("objects", table.with_rows(table.rows[table.rows["class"] == "ribosome"]), version)
    app = draw("train", **{"train.objects": "objects"})
    assert app.dataframe[0].value["ribosome"].tolist() == [2, 2, 1] and app.dataframe[0].value["gold"].isna().all()
    captions = " ".join(c.value for c in app.caption)
    assert "In the targets, though not among the objects: gold." in captions and "occur in the" not in captions


def test_the_first_training_of_a_project_is_shown_when_it_begins(
    project: Project, draw: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.setenv("TOMODECK_SLOTS", str(tmp_path / "slots"))
    app = draw("train")
    assert app.session_state["train.shown"] == "Data"
    quick = {"architecture": "deepfinder", "patch": 8, "batch": 1, "epochs": 1, "steps_per_epoch": 1, "workers": 0}
    targets = {"targets": ["ts1__net"], "validation": ["ts2__net"], "objects": "objects", "object_scores": False}
    status = run_here(project, "train", {**quick, **targets, "steps_per_validation": 1}, lambda line: None)
    assert status["state"] == "done", status
    app.run()
    assert not app.exception and app.session_state["train.shown"] == "Training"
    app.session_state["train.shown"] = "Data"  # what the person chooses then stays
    assert app.run().session_state["train.shown"] == "Data"


def test_a_class_that_only_the_target_holds_is_there(project: Project, draw: Callable) -> None:
    table, version = project.tables.read_version("objects")
    project.tables.save("objects", table.with_rows(table.rows[table.rows["tomogram"] != "ts3"]), version)
    for name in ("ts1", "ts2", "ts3"):
        path = project.segmentation_path(name, "net")
        counted = {**project.segmentation(f"{name}__net").made_by, "labels": {"0": 100, "2": 40, "5": 0}}
        project.write_provenance(path, counted)
    app = draw("train", **{"train.objects": "objects"})
    assert app.dataframe[0].value["Role"].tolist() == ["training", "training", "validation"]
    assert app.dataframe[0].value["ribosome"].iloc[-1] == 0
    captions = " ".join(c.value for c in app.caption)
    assert "gold does not occur in the validation targets" in captions and "ribosome does" not in captions


def test_a_leak_is_said_before_the_launch(project: Project, draw: Callable) -> None:
    wanted = {"train.targets": ["ts1__net", "ts2__net"], "train.validation": ["ts1__net"]}
    captions = [c.value for c in draw("train", **wanted).caption]
    leak = "Validation has seen what the network learns: the tomogram ts1 is in both training and validation"
    assert any(leak in caption for caption in captions)
    captions = [c.value for c in draw("train", **wanted | {"train.validation": ["ts3__net"]}).caption]
    assert not any("has seen" in caption for caption in captions)


def test_a_training_that_was_stopped_can_go_on_with_one_button(
    project: Project, draw: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.setenv("TOMODECK_SLOTS", str(tmp_path / "slots"))
    quick = {"architecture": "deepfinder", "patch": 8, "batch": 1, "epochs": 2, "steps_per_epoch": 1, "workers": 0}
    asked = {**quick, "targets": ["ts1__net"], "objects": "objects"}
    assert run_here(project, "train", asked, lambda line: None)["state"] == "done"
    assert "resume" not in [b.key for b in draw("train").button]
    (job,) = (project.root / "jobs").iterdir()
    status = json.loads((job / "status.json").read_text())
    (job / "status.json").write_text(json.dumps({**status, "state": "cancelled"}))
    launched: list[dict] = []
    monkeypatch.setattr("engine.jobs.launch", lambda project, task, raw: launched.append({"task": task, **raw}))
    app = draw("train")
    next(b for b in app.button if b.key == "resume").click().run()
    assert not app.exception and len(launched) == 1
    assert {"task": "train", "name": "network", "resume": True, "epochs": 2, "patch": 8}.items() <= launched[0].items()
