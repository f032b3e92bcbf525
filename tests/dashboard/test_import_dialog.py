"""The import dialog: what it says before a table is written, in the words of the page, and what it leaves behind."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import served
from dashboard.widgets.import_dialog import on_disk
from dashboard.widgets.spoken import spoken
from engine.objects.edit_steps import EDITS
from engine.objects.formats import get_format
from engine.project import Project
from engine.volumes import write_mrc


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("TOMODECK_SLOTS", str(tmp_path / "slots"))
    made = Project.create(tmp_path / "project", "Import")
    (tmp_path / "data").mkdir()
    for name in ("ts_01", "ts_02"):
        write_mrc(tmp_path / f"data/{name}.mrc", np.zeros((20, 40, 48), np.int8), (10.0, 10.0, 10.0))
    made.add_source(str(tmp_path / "data"))
    served.serve(made.root)
    return made


def draw() -> None:
    """The dialog alone."""
    from dashboard import served
    from dashboard.widgets.import_dialog import import_dialog

    import_dialog(served.project())


@pytest.fixture
def dialog(project: Project, tmp_path: Path) -> Callable[[str, str], AppTest]:
    def opened(name: str, content: str) -> AppTest:
        path = tmp_path / name
        path.write_text(content)
        app = AppTest.from_function(draw, default_timeout=60)
        app.session_state["import.from"] = "The server's disk"
        app.session_state["import.path"] = str(path)
        app.run()
        assert not app.exception, app.exception
        return app

    return opened


def said(app: AppTest) -> str:
    return " ".join(element.value for element in (*app.warning, *app.error, *app.info))


def button(app: AppTest):
    return next(b for b in app.button if b.key == "import.write")


def test_repeated_ids_are_said_before_and_renumbered(project: Project, dialog: Callable[[str, str], AppTest]) -> None:
    rows = "".join(f"ts_02,ball,{n},5,5,{number}\n" for n, number in enumerate((7, 3, 7, 7)))
    app = dialog("balls.csv", "tomogram,class,x,y,z,id\n" + rows)
    assert "2 objects have the id of another one" in said(app) and button(app).disabled
    next(t for t in app.toggle if t.key == "import.renumber-balls.csv").set_value(True).run()
    button(app).click().run()
    assert not app.exception, app.exception
    assert project.table("balls").rows["id"].tolist() == [7, 3, 8, 9]


def test_the_slices_go_to_the_first_tomogram_of_the_list(dialog: Callable[[str, str], AppTest]) -> None:
    app = dialog("balls.csv", "tomogram,class,x,y,z\nts_02,ball,1,5,5\nts_01,ball,1,5,5\n")
    button(app).click().run()
    assert app.session_state["tomogram-asked"] == "ts_02"


def test_what_would_be_refused_afterwards_is_said_before(dialog: Callable[[str, str], AppTest]) -> None:
    app = dialog("balls.star", STAR.format("nan 20 30"))
    assert button(app).disabled and "rlnAngle" not in said(app)
    assert "row 1 (id 1): rot is missing while other angles are known" in said(app)


STAR = """
data_particles

loop_
_rlnTomoName #1
_rlnCenteredCoordinateXAngst #2
_rlnCenteredCoordinateYAngst #3
_rlnCenteredCoordinateZAngst #4
_rlnAngleRot #5
_rlnAngleTilt #6
_rlnAnglePsi #7
ts_01 1 2 3 {}
"""


def test_messages_speak_of_fields_and_not_of_the_command_line(dialog: Callable[[str, str], AppTest]) -> None:
    app = dialog("far.star", STAR.format("10 20 30").replace("ts_01", "elsewhere"))
    assert "“Sizes of other tomograms” (elsewhere=X,Y,Z@VOXEL_SIZE or a tomograms.star)" in said(app)
    assert "--tomograms" not in said(app)


def test_an_alias_bomb_gives_a_short_message(dialog: Callable[[str, str], AppTest]) -> None:
    """343 bytes of YAML that stand for 9⁸ entries."""
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [
        f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]" for before, name in zip("abcdefg", "bcdefgh", strict=True)
    ]
    app = dialog("bomb.yaml", "\n".join(lines) + "\nPredicted_Particle_Centroid_Coordinates: [*h]\n")
    assert "entry 1 of Predicted_Particle_Centroid_Coordinates" in said(app) and len(said(app)) < 600


def test_uploads_do_not_stay_on_the_disk() -> None:
    class Uploaded(io.BytesIO):
        name = "../my picks.csv"

    with on_disk(Uploaded(b"x,y,z\n")) as path:  # type: ignore[arg-type]
        assert path.name == "my_picks.csv" and path.read_bytes() == b"x,y,z\n"
    assert not path.parent.exists()


@pytest.mark.parametrize(
    ("sentence", "model", "words"),
    [
        (
            "/tmp/up/list.star: taken in pixels of 5 Å; if that is wrong, give the option pixel_size as 10.73.",
            get_format("relion3").reading,
            "list.star: taken in pixels of 5 Å; if that is wrong, give “Pixel size of the coordinates” as 10.73.",
        ),
        (
            "Rename classes: names = 'a' is not allowed: it must be pairs.",
            EDITS["rename-classes"].parameters,
            "Rename classes: “New names” = 'a' is not allowed: it must be pairs.",
        ),
        ("x names tomogram 'a'.", EDITS["rename-classes"].parameters, "x names tomogram 'a'."),
    ],
)
def test_spoken(sentence: str, model: type, words: str) -> None:
    assert spoken(sentence, model, path=Path("/tmp/up/list.star")) == words
