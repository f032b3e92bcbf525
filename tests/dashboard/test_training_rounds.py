"""From verdicts to the next training on the pages Objects and Train."""

import math
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from streamlit.testing.v1 import AppTest

from dashboard import served
from dashboard.widgets.training_plots import rounds_figure
from dashboard.widgets.training_rounds import judged_tables, round_table
from engine.annotation import add_class
from engine.jobs import list_jobs
from engine.jobs.foreground import run_here
from engine.objects import ObjectTable
from engine.project import Project
from engine.project.class_library import edit_classes
from engine.tasks import find_task, validated
from engine.terminal import EchoJob
from engine.training.rounds import Round
from tests.engine.tasks.training_scene import CLASSES, training_project

MAIN = Path(__file__).resolve().parents[2] / "dashboard" / "main.py"
SETTINGS = {
    "targets": ["ts1__target", "ts2__target"],
    "validation": ["ts3__target"],
    "objects": "objects",
    "options": {"width": 8},
    "epochs": 7,
    "hard_negatives": "",
}


def picks(project: Project, verdicts: list[str]) -> None:
    rows = [
        {"tomogram": "ts1", "class": "gold", "x": 4 + 8 * n, "y": 12, "z": 12, "verdict": v}
        for n, v in enumerate(verdicts)
    ]
    geometries = {name: project.geometry(name) for name in ("ts1", "ts2", "ts3")}
    project.tables.create("picks", ObjectTable(pd.DataFrame(rows), geometries), {})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("TOMODECK_SLOTS", str(tmp_path / "slots"))
    made = training_project(tmp_path)
    for label, c in CLASSES.items():
        edit_classes(made, lambda known, label=label, c=c: add_class(known, label=label, **c))
    task = find_task("targets")
    task.run(validated(task, {"table": "objects"}), made, EchoJob())
    folder = made.make_model_folder("first")  # as a training leaves it, without the minutes
    description = {
        "classes": [{"label": label, **c} for label, c in CLASSES.items()],
        "made_by": {"task": "train", "settings": SETTINGS, "validation": ["ts3"]},
    }
    (folder / "model.yaml").write_text(yaml.safe_dump(description))
    (folder / "metrics.csv").write_text("epoch,train_loss,val_macro_f1,object_macro_f1,best\n1,1,0.4,0.5,1\n")
    served.serve(made.root)
    return made


@pytest.fixture
def draw() -> Callable[..., AppTest]:
    def drawn(name: str, **state: object) -> AppTest:
        app = AppTest.from_file(str(MAIN), default_timeout=60)
        for key, value in state.items():
            app.session_state[key] = value
        app.switch_page(f"views/{name}.py").run()
        assert not app.exception, app.exception
        return app

    return drawn


def captions(app: AppTest) -> str:
    return " ".join(str(c.value) for group in (app.caption, app.markdown, app.success) for c in group)


def test_without_verdicts_the_page_says_how_to_give_them(project: Project, draw: Callable) -> None:
    app = draw("train", **{"train.shown": "Rounds"})
    assert "accept (A) and reject (R) picks" in captions(app)
    picks(project, ["", ""])
    assert "train.launch" in {b.key for b in app.run().button}
    objects = draw("objects", **{"table-name": "picks"})
    assert objects.button(key="objects.next-round").disabled, "the row is there before, so that nothing jumps"
    assert "no picture judged yet (A, R)" in captions(objects)


def test_what_will_be_prepared_is_said_or_why_it_cannot_be(project: Project, draw: Callable) -> None:
    picks(project, ["accepted", "rejected", ""])
    app = draw("train", **{"train.shown": "Rounds"})
    assert "1 accepted and 1 rejected picks are learnt from" in captions(app)
    assert "New targets of ts1; validation stays as it is." in captions(app)
    assert next(b for b in app.button if b.key == "next-round.launch").label == "Prepare round 2"
    assert app.dataframe[0].value["F1 objects"].tolist() == ["0.500"]
    app.session_state["next-round.picks"] = "picks"
    table, version = project.tables.read_version("picks")
    project.tables.save("picks", table.with_rows(table.rows.assign(tomogram="ts3")), version)
    app.run()
    assert "judged objects lie in ts3" in captions(app)
    assert not [b for b in app.button if b.key == "next-round.launch"]


def test_one_click_on_objects_prepares_the_round_and_fills_the_form(project: Project, draw: Callable) -> None:
    picks(project, ["accepted", "rejected", ""])
    app = draw("objects", **{"table-name": "picks"})
    assert "1 accepted · 1 rejected · 1 not judged" in captions(app)
    app.button(key="objects.next-round").click().run()
    deadline = time.monotonic() + 60
    while list_jobs(project.root)[0].active:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert list_jobs(project.root)[0].state == "done", list_jobs(project.root)[0].log()
    app = draw("train", **{"train.awaited": list_jobs(project.root)[0].id})
    assert "Round 2 is prepared with 1 accepted and 1 rejected pick. The form below trains first_r2" in captions(app)
    state = app.session_state
    assert state["train.targets"] == ["ts1__first_r2", "ts2__target"] and state["train.validation"] == ["ts3__target"]
    assert (state["train.objects"], state["train.initial_weights"], state["train.epochs"]) == ("first_r2", "first", 7)
    assert state["train.options"] == "width=8" and state["train.hard_negatives"] == "first_r2_others"
    app.button(key="round-leave").click().run()
    assert app.session_state["train.epochs"] == 100 and app.session_state["train.initial_weights"] == ""
    assert app.session_state["train.targets"] == ["ts1__target", "ts2__target"]  # not those of a round
    app.button(key="round-use").click().run()
    assert app.session_state["train.name"] == "first_r2"


def test_tables_with_verdicts_are_offered_the_newest_first(project: Project) -> None:
    picks(project, ["accepted"])
    table = project.table("picks")
    project.tables.create("prepared", table, {"task": "next-round"})
    assert judged_tables(project) == ["picks", "prepared"]


def test_rounds_are_drawn_and_their_change_is_of_objects_where_they_are_judged() -> None:
    nothing = math.nan
    first = Round("a", None, 1, 0.5, 0.6, None, None, None, 3, 2, ("ts3",))
    second = Round("a_r2", "a", 2, 0.55, 0.7, 12, 3, 4, 3, 2, ("ts3",))
    other = Round("a_r2-2", "a", 2, 0.4, nothing, 12, 0, 4, 3, 2, ("ts3",))
    table = round_table([first, second, other])
    assert table["Change"].tolist() == ["", "+0.100", "-0.100"] and table["Accepted"].tolist() == ["", "12", "12"]
    figure = rounds_figure([first, second])
    assert [t.name for t in figure.data if t.name] == ["voxels", "objects"]
    assert figure.layout.xaxis.ticktext == ("round 1", "round 2<br>12 accepted, 3 rejected")
    assert list(figure.data[0].x)[:2] == [1, 2] and list(figure.data[0].y)[:2] == [0.5, 0.55]
    assert rounds_figure([first, second, other]).layout.xaxis.ticktext[1] == "round 2"


def test_a_preparation_that_failed_is_not_taken_for_a_training(project: Project, draw: Callable) -> None:
    picks(project, ["", ""])
    assert run_here(project, "next-round", {"picks": "picks"}, lambda line: None)["state"] == "failed"
    errors = [e.value for e in draw("train").error]
    assert len(errors) == 1 and errors[0].startswith("Preparing the next round (")
