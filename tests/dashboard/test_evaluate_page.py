"""The Evaluate page in Streamlit's own test runner."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.widgets import evaluations
from dashboard.widgets.evaluation_layers import judged_layers
from engine.objects import ObjectTable, table_from_centroids
from engine.project import Project
from engine.volumes import write_mrc

MAIN = Path(__file__).resolve().parents[2] / "dashboard" / "main.py"
PYTHON = Path(sys.executable)
PYTHON = PYTHON.relative_to(MAIN.parents[1]) if PYTHON.is_relative_to(MAIN.parents[1]) else PYTHON
TRUTHS = np.array([[10.0, 10, 10], [5, 20, 30], [15, 30, 40], [12, 35, 8]])


@pytest.fixture
def filled(project: Project, tmp_path: Path) -> Project:
    (tmp_path / "data").mkdir()
    for name in ("ts_01", "ts_02"):
        volume = np.random.default_rng(0).normal(size=(20, 40, 48)).astype(np.float32)
        write_mrc(tmp_path / "data" / f"{name}.mrc", volume, (10.0, 10.0, 10.0))
    project.add_source(str(tmp_path / "data"))
    geometry = {name: project.geometry(name) for name in ("ts_01", "ts_02")}
    truth = table_from_centroids("ts_01", geometry["ts_01"], TRUTHS).rows.drop(columns="id")
    truth["class"] = ["ribosome", "ribosome", "gold", "gold"]
    other = truth.iloc[:1].assign(tomogram="ts_02")
    project.tables.create("truth", ObjectTable(pd.concat([truth, other]), geometry), {"task": "simulate"})
    picks = table_from_centroids("ts_01", geometry["ts_01"], TRUTHS[:3] + 1, scores=[0.9, 0.8, 0.7])
    project.tables.create("picks", ObjectTable(picks.rows, geometry), {"task": "pick"})
    return project


@pytest.fixture
def draw() -> Callable[[], AppTest]:
    def drawn() -> AppTest:
        app = AppTest.from_file(str(MAIN), default_timeout=60).run()
        app.switch_page("views/evaluate.py").run()
        assert not app.exception, app.exception
        return app

    return drawn


def texts(app: AppTest) -> str:
    parts = [app.caption, app.markdown, app.error, app.warning, app.success]
    return " ".join(str(element.value) for group in parts for element in group)


def scores(app: AppTest) -> pd.DataFrame:
    return app.dataframe[0].value.set_index("Class")


def test_without_two_tables_the_page_says_what_is_missing(project: Project, draw: Callable) -> None:
    assert not draw().error
    table = table_from_centroids("ts", evaluations.TomogramGeometry((9, 9, 9), (1.0,) * 3), np.ones((1, 3)))
    project.tables.create("only", table, {})
    assert not draw().error and not draw().dataframe


def test_scores_lists_and_comparison_of_a_project(filled: Project, draw: Callable) -> None:
    app = draw()
    assert not app.error, [e.value for e in app.error]
    assert app.selectbox(key="evaluate.reference").value == "truth"
    assert app.selectbox(key="evaluate.prediction").value == "picks"
    assert app.toggle(key="evaluate.agnostic").value  # the tables share no class
    row = scores(app).loc["all together"]
    assert row["Found"] == "3 of 5" and row["False"] == "0 of 3" and row["Within (Å)"] == "100"
    assert row["Precision"] == 1 and row["Recall"] == 0.6 and "±" in row["Random F1"]
    missed = app.dataframe[1].value
    assert missed["tomogram"].tolist() == ["ts_01", "ts_02"]
    compared = app.dataframe[2].value
    assert compared["Within (Å)"].tolist() == [50, 100] and set(compared["Predictions"]) == {"picks"}
    assert "= 10 voxels of 10 Å" in texts(app)


def test_one_relabelled_pick_does_not_make_classes_count(filled: Project, draw: Callable) -> None:
    table, version = filled.tables.read_version("picks")
    table.rows.loc[0, "class"] = "ribosome"
    filled.tables.save("picks", table, version)
    app = draw()
    assert scores(app).loc["all together", "Found"] == "3 of 5"
    assert "of a class of the reference: 1 of 3 predictions" in texts(app)
    app.button(key="evaluate-switch").click().run()
    assert not app.toggle(key="evaluate.agnostic").value and "Only 1 of 3 predictions" in texts(app)
    assert scores(app).loc["all together", "Found"] == "1 of 5"
    app.button(key="evaluate-switch").click().run()
    assert scores(app).loc["all together", "Found"] == "3 of 5"


def test_classes_count_where_most_predictions_have_one_of_the_reference(filled: Project, draw: Callable) -> None:
    table, version = filled.tables.read_version("picks")
    table.rows.loc[:1, "class"] = ["ribosome", "gold"]
    filled.tables.save("picks", table, version)
    app = draw()
    assert not app.toggle(key="evaluate.agnostic").value and not app.warning
    assert scores(app).loc["all together", ["Found", "False"]].tolist() == ["1 of 5", "2 of 3"]


def test_distance_rule_classes_and_tomograms_change_the_scores(filled: Project, draw: Callable) -> None:
    app = draw()
    app.number_input(key="evaluate.distance").set_value(12.0).run()  # the picks lie √3 voxels away
    assert scores(app).loc["all together", "Found"] == "0 of 5"
    app.number_input(key="evaluate.distance").set_value(18.0).run()
    assert scores(app).loc["all together", "Found"] == "3 of 5"
    app.selectbox(key="evaluate.metric").set_value("picket").run()
    assert "2 whole voxels" in texts(app) and "elative recall" in texts(app)
    assert app.toggle(key="evaluate.agnostic").disabled
    app.selectbox(key="evaluate.metric").set_value("one-to-one").run()
    app.multiselect(key="evaluate.classes").set_value(["gold"]).run()
    assert scores(app).loc["all together", ["Found", "False"]].tolist() == ["1 of 2", "2 of 3"]
    app.multiselect(key="evaluate.classes").set_value([])
    app.multiselect(key="evaluate.tomograms").set_value(["ts_02"]).run()
    assert scores(app).loc["all together", "Found"] == "0 of 1"
    app.multiselect(key="evaluate.tomograms").set_value([])
    app.toggle(key="evaluate.agnostic").set_value(False).run()
    assert "compare class-agnostic" in texts(app)


def test_a_measure_that_does_not_exist_is_a_dash_as_its_chance_is(filled: Project, draw: Callable) -> None:
    app = draw()
    app.toggle(key="evaluate.agnostic").set_value(False).run()
    assert np.isnan(scores(app).loc["gold", "Precision"])  # nothing was predicted to be gold
    assert [table.proto.placeholder for table in app.dataframe] == ["–", "–", "–"]
    columns = [json.loads(app.dataframe[place].proto.columns) for place in (0, 2)]
    assert [of["Precision"]["type_config"]["format"] for of in columns] == ["%.3f", "%.3f"]


def test_crossed_slices_are_named_and_nothing_else_breaks(filled: Project, draw: Callable) -> None:
    app = draw()
    app.number_input(key="evaluate.lower_z").set_value(9)
    app.number_input(key="evaluate.upper_z").set_value(3).run()
    assert "exchange" in app.warning[0].value and not app.error and not app.dataframe
    app.number_input(key="evaluate.upper_z").set_value(9).run()
    assert "No reference is left" in app.error[0].value


def test_the_command_line_is_the_same_question(filled: Project, draw: Callable) -> None:
    app = draw()
    app.multiselect(key="evaluate.classes").set_value(["gold"]).run()
    code = next(c.value for c in app.code)
    assert code == (
        f"{PYTHON} -m engine evaluate picks truth --project {filled.root} --distance 100 --metric one-to-one "
        "--class-agnostic --classes gold"
    )


def test_what_was_chosen_stays_when_the_page_changes(filled: Project, draw: Callable) -> None:
    app = draw()
    app.number_input(key="evaluate.distance").set_value(40.0)
    app.selectbox(key="evaluate.reference").set_value("picks").run()
    app.switch_page("views/jobs.py").run()
    app.switch_page("views/evaluate.py").run()
    assert app.number_input(key="evaluate.distance").value == 40
    assert app.selectbox(key="evaluate.prediction").value == "truth"


def test_layers_hold_each_judged_object_once(filled: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [evaluations.table_key(filled, name) for name in ("picks", "truth")]
    settings = evaluations.Settings(distance=50, class_agnostic=True)
    found = evaluations.evaluation(*keys, settings)
    assert found is evaluations.evaluation(*[evaluations.table_key(filled, n) for n in ("picks", "truth")], settings)
    picks = keys[0].read()
    layers, whole = judged_layers(filled, found, picks, "ts_01", 10, ("missed", 4))
    counts = {layer.name: len(layer.spec()["rows"]["id"]) for layer in layers}
    assert whole and list(counts.values()) == [3, 3, 1, 0]
    assert len({layer.colour for layer in layers}) == 4
    assert [layer.spec()["selected"] for layer in layers] == [None, None, 4, None]
    monkeypatch.setattr("dashboard.widgets.evaluation_layers.MOST", 1)
    layers, whole = judged_layers(filled, found, picks, "ts_01", 4, None)
    assert not whole and layers[0].spec()["rows"]["z"] == [5.0]


def test_a_changed_table_is_judged_anew(filled: Project) -> None:
    before = evaluations.table_key(filled, "picks")
    table, version = filled.tables.read_version("picks")
    filled.tables.save("picks", table.with_rows(table.rows.iloc[:1]), version)
    after = evaluations.table_key(filled, "picks")
    assert before != after and len(after.read()) == 1
    filled.set_voxel_size(["ts_01"], 5.0)
    assert evaluations.table_key(filled, "picks") != after
