"""Every page drawn by Streamlit's own test runner: empty project, project with results, project that is gone."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from streamlit.testing.v1 import AppTest

from dashboard.pages import GROUPS
from dashboard.viewer import position
from dashboard.widgets import object_slices
from dashboard.widgets.numbers import moment
from engine.project import Project
from engine.tasks import Box
from engine.volumes import write_mrc

MAIN = Path(__file__).resolve().parents[2] / "dashboard" / "main.py"
PAGES = [view for views in GROUPS.values() for view, _ in views]


def texts(app: AppTest) -> str:
    parts = [app.caption, app.markdown, app.error, app.warning, app.success]
    return " ".join(str(element.value) for group in parts for element in group)


@pytest.mark.parametrize("name", PAGES)
def test_pages_of_an_empty_project_say_what_comes_next(project: Project, draw: Callable, name: str) -> None:
    app = draw(name)
    assert not app.error, [e.value for e in app.error]


@pytest.mark.parametrize("name", PAGES)
def test_pages_of_a_project_with_results(filled: Project, draw: Callable, name: str) -> None:
    app = draw(name)
    assert not app.error, [e.value for e in app.error]


@pytest.mark.parametrize("name", PAGES)
def test_a_project_that_is_gone_is_one_sentence(filled: Project, draw: Callable, name: str) -> None:
    shutil.rmtree(filled.root)
    app = AppTest.from_file(str(MAIN), default_timeout=60).run()
    assert not app.exception and "is gone" in app.error[0].value


def test_broken_settings_are_one_sentence(filled: Project) -> None:
    (filled.root / "tomodeck.yaml").write_text("sources: {")
    app = AppTest.from_file(str(MAIN), default_timeout=60).run()
    assert not app.exception and "not valid YAML" in app.error[0].value


def test_tomograms_counts_what_cannot_be_read(filled: Project, draw: Callable) -> None:
    app = draw("tomograms")
    assert "1 cannot be read" in texts(app)
    assert "broken.mrc" in texts(app)  # the whole reason stands on the page
    assert app.dataframe[0].value.set_index("Name")["On disk"]["broken"] == "7 B"


def test_nan_and_constant_volumes_are_marked(filled: Project, draw: Callable, tmp_path: Path) -> None:
    flat = np.ones((8, 16, 16), np.float32)
    write_mrc(tmp_path / "data/flat.mrc", flat, (10.0, 10.0, 10.0))
    flat[:, :8] = np.nan
    write_mrc(tmp_path / "data/holes.mrc", flat, (10.0, 10.0, 10.0))
    write_mrc(tmp_path / "data/high.mrc", np.full((8, 16, 16), 1e6, np.float32), (10.0, 10.0, 10.0))
    write_mrc(tmp_path / "data/void.mrc", np.full((8, 16, 16), np.nan, np.float32), (10.0, 10.0, 10.0))
    labels = np.zeros((30, 120, 120), np.int8)  # larger than the sample, which misses the one label
    labels[0, 1, 1] = 4
    write_mrc(tmp_path / "data/labels.mrc", labels, (10.0, 10.0, 10.0))
    notes = draw("tomograms").dataframe[0].value.set_index("Name")["Note"]
    assert notes["high"].startswith("All voxels have the same value") and "label map" in notes["labels"]
    assert "same value" in notes["high"] and "No voxel" in notes["void"]
    assert "same value" in notes["flat"] and "not numbers" in notes["holes"]
    assert "voxel size" in notes["ts_02"] and notes["ts_01"] == ""


def test_adding_a_missing_folder_says_so(filled: Project, draw: Callable) -> None:
    app = draw("tomograms")
    app.text_input[0].set_value("/no/such/folder")
    next(b for b in app.button if b.label == "Add").click().run()
    assert "/no/such/folder" in app.error[0].value


def test_the_form_refuses_an_even_neighbourhood_before_launch(filled: Project, draw: Callable) -> None:
    app = draw("unsupervised")
    app.number_input(key="unsupervised.neighbourhood_size").set_value(4).run()
    assert "odd" in app.warning[0].value
    assert next(b for b in app.button if b.label.startswith("Segment")).disabled


def test_crossed_slices_are_named(filled: Project, draw: Callable) -> None:
    app = draw("unsupervised")
    app.number_input(key="unsupervised.lower_z").set_value(12)
    app.number_input(key="unsupervised.upper_z").set_value(4).run()
    assert "exchange" in app.warning[0].value


def test_fields_keep_their_values_from_page_to_page_and_can_be_reset(filled: Project, draw: Callable) -> None:
    app = draw("unsupervised")
    app.number_input(key="unsupervised.neighbourhood_size").set_value(7).run()
    app.switch_page("views/jobs.py").run()
    app.switch_page("views/unsupervised.py").run()
    assert app.number_input(key="unsupervised.neighbourhood_size").value == 7
    app.number_input(key="unsupervised.lower_z").set_value(3).run()
    assert "unsupervised.lower_z.reset" not in {b.key for b in app.button}  # its own cross makes it empty
    app.button(key="unsupervised.neighbourhood_size.reset").click().run()
    assert app.number_input(key="unsupervised.neighbourhood_size").value == 5


def test_least_distance_appears_with_watershed_only(filled: Project, draw: Callable) -> None:
    app = draw("pick")
    assert "pick.min_distance" not in {n.key for n in app.number_input}
    app.selectbox(key="pick.mode").set_value("watershed").run()
    assert "pick.min_distance" in {n.key for n in app.number_input}


def test_a_segmentation_of_another_shape_is_refused_with_both_shapes(filled: Project, draw: Callable) -> None:
    write_mrc(filled.segmentation_path("ts_01", "balls"), np.ones((10, 40, 48), np.int8), (10.0, 10.0, 10.0))
    app = draw("pick")
    assert "differ in shape (10×40×48 and 20×40×48 voxels)" in texts(app)


@pytest.mark.parametrize("from_address", [True, False])
def test_a_reloaded_page_computes_where_the_viewer_stands(filled: Project, tmp_path: Path, from_address: bool) -> None:
    labels = np.zeros((8, 200, 200), np.int8)
    labels[2:6, 40:44, 150:154] = 1
    write_mrc(tmp_path / "data/wide.mrc", labels.astype(np.float32), (10.0, 10.0, 10.0))
    write_mrc(filled.segmentation_path("wide", "balls"), labels, (10.0, 10.0, 10.0))
    position.put("the tab before it was reloaded", "wide", (30, 150, 6) if from_address else (150, 40, 3))
    app = AppTest.from_file(str(MAIN), default_timeout=60)
    app.query_params["tomogram"] = "wide"
    if from_address:
        app.query_params.update({"x": "150", "y": "40", "z": "3"})
    app.session_state["pick.preview-edge"] = 96
    app.switch_page("views/pick.py").run()
    assert not app.exception, app.exception
    (_, name, _, box, _), live = app.session_state["preview-known"]
    assert (name, box) == ("wide", Box.around((150, 40, 3), 96, labels.shape))
    assert live.answer.preview.picks.tolist() == [[151.5, 41.5, 3.5]]


def test_the_chosen_tomogram_is_shared_by_all_pages(filled: Project, draw: Callable) -> None:
    app = draw("viewer")
    app.selectbox(key="tomogram").set_value("ts_02").run()
    app.switch_page("views/unsupervised.py").run()
    assert app.selectbox(key="tomogram").value == "ts_02"
    assert app.multiselect(key="unsupervised.tomograms").value == ["ts_02"]


def test_filtered_rows_are_alone_on_the_slices(
    filled: Project, draw: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[list[int] | None] = []
    monkeypatch.setattr(
        object_slices, "viewer", lambda *a, objects, **more: drawn.append(objects[0].spec(filled)["shown"])
    )
    app = draw("objects", **{"objects.selected": [1, 2]})
    assert drawn[-1] is None and "Export" in [b.label for b in app.button]
    app.session_state["objects.filter"] = {"size": [50, None]}
    app.run()
    assert not app.exception and drawn[-1] == [[1, 1]]


def test_the_course_of_a_training_is_drawn_beside_its_form(filled: Project, draw: Callable) -> None:
    folder = filled.make_model_folder("ribosomes")
    (folder / "model.yaml").write_text("classes: [{name: ribosome, label: 1, colour: '#0072B2'}]\n")
    columns = "epoch,train_loss,val_loss,val_macro_f1,val_precision:ribosome,val_recall:ribosome,val_f1:ribosome,best"
    (folder / "metrics.csv").write_text(f"{columns}\n1,1,1,0.4,0.5,0.3,0.4,1\n2,0.8,0.9,0.6,0.7,0.5,0.6,1\n")
    app = draw("train", **{"train.shown": "Training"})
    assert not app.error, [e.value for e in app.error]
    assert "2 epochs; the weights of epoch 2 are kept" in texts(app)
    assert "F1 of voxels by class" in texts(app)


def test_empty_fields_say_what_empty_means(filled: Project, draw: Callable) -> None:
    app = draw("pick")
    app.selectbox(key="pick.mode").set_value("dips").run()
    said = {n.key.removeprefix("pick."): n.placeholder for n in app.number_input if n.key.startswith("pick.")}
    assert said["widest_neck"] == "by typical piece" and said["darkest"] == "by the gap"
    assert (said["lower_z"], said["upper_z"], said["min_size"]) == ("first", "last", "any")
    assert "all" not in said.values()


def test_the_form_stays_where_it_is_when_a_job_is_followed(filled: Project, draw: Callable) -> None:
    made_by_hand(filled, "pick", {"segmentations": ["ts_01__balls"]})
    app = draw("pick")
    column = [element.key for element in app.main if element.type in ("multiselect", "button") and element.key]
    assert column.index("pick.segmentations") < column.index("pick.launch") < column.index("to-objects")


def test_a_job_ended_when_its_time_says(filled: Project, draw: Callable) -> None:
    made_by_hand(filled, "unsupervised", {"tomograms": ["ts_01"]}, created=0.0, ended=86_400.0 * 3)
    app = draw("unsupervised")
    assert moment(86_400.0 * 3) in app.success[0].value


def made_by_hand(project: Project, task: str, parameters: dict, created: float = 1.0, ended: float = 2.0) -> None:
    """A job that was done, as its folder says it."""
    folder = project.root / "jobs" / f"0-{task}"
    folder.mkdir(parents=True)
    request = {"task": task, "created": created, "subject": "one", "user": "somebody", "host": "here"}
    (folder / "request.yaml").write_text(yaml.safe_dump(request))
    (folder / "params.yaml").write_text(yaml.safe_dump(parameters))
    status = {"state": "done", "started": created, "ended": ended}
    (folder / "status.json").write_text(json.dumps(status))
    made = {"kind": "table", "name": "picks", "path": "p", "objects": 2, "tomogram": "ts_01"}
    (folder / "outputs.json").write_text(json.dumps({"outputs": [made]}))
