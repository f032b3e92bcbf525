"""What the export dialog shows of a file before it is written, and what of a table it writes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import served
from dashboard.widgets import export_preview
from dashboard.widgets.export_preview import PREVIEW_ROWS, as_written, star_columns
from engine.annotation import add_class
from engine.objects import ObjectTable, TomogramGeometry, table_from_centroids
from engine.objects.formats import FORMATS, export, get_format
from engine.objects.review import set_verdict
from engine.project import Project
from engine.project.class_library import edit_classes
from engine.volumes import write_mrc

GEOMETRY = TomogramGeometry((40, 60, 80), (10.0, 10.0, 10.0))
LIBRARY = {"rod": 1, "ring": 2, "hook": 3}


@pytest.fixture
def table() -> ObjectTable:
    centres = np.array([[z, 12.0, 20.0 + z] for z in range(5, 10)])  # z, y, x
    return table_from_centroids("ts_01", GEOMETRY, centres, class_name="ribosome")


def test_a_star_file_is_shown_label_by_label(table: ObjectTable) -> None:
    written = as_written(table, get_format("relion5"), {}, "picks")
    columns = star_columns(written.text)
    assert columns is not None and list(columns) == [f"Object {n}" for n in range(1, PREVIEW_ROWS + 1)]
    # x = 25, 26, 27 of 80 voxels of 10 Å, counted from the middle at 40.
    assert columns.loc["rlnCenteredCoordinateXAngst"].astype(float).tolist() == [-150.0, -140.0, -130.0]
    assert columns.loc["rlnTomoName"].tolist() == ["ts_01"] * 3
    assert len(written.beside) == 2


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_what_is_shown_is_the_file(tmp_path: Path, table: ObjectTable, name: str) -> None:
    """The first three are hooks and have an orientation; the numbers and notes are those of all five."""
    rows = table.rows.assign(**{"class": ["hook"] * 3 + ["rod", "new"], "rot": 1.0, "tilt": 2.0, "psi": 3.0})
    rows.loc[3:, ["rot", "tilt", "psi"]] = np.nan
    mixed, chosen = table.with_rows(rows), get_format(name)
    written = as_written(mixed, chosen, {}, "picks", LIBRARY)
    assert (star_columns(written.text) is not None) == (chosen.suffix == ".star")
    file = export(mixed, chosen, tmp_path / f"picks{chosen.suffix}", class_labels=LIBRARY)[0].read_bytes()
    if b"\0" not in file:
        assert written.text.split() == file.decode().split()
    if name in ("dynamo", "stopgap"):
        assert any("2 objects" in note for note in written.notes)
        assert any("1 = rod, 3 = hook, 4 = new" in note for note in written.notes)


def test_the_preview_of_a_large_table_has_the_numbers_of_all(
    monkeypatch: pytest.MonkeyPatch, table: ObjectTable
) -> None:
    monkeypatch.setattr(export_preview, "MOST_ROWS", 2)
    rows = table.rows.assign(**{"class": ["hook"] * 4 + ["rod"], "tomogram": ["ts_01"] * 4 + ["ts_02"]})
    large = ObjectTable(rows, {"ts_01": GEOMETRY, "ts_02": GEOMETRY})
    lines = as_written(large, get_format("dynamo"), {}, "picks").text.split("\n")
    # Two rows and the first of the other tomogram; columns 20 and 22 are tomogram and class.
    assert [(line.split()[19], line.split()[21]) for line in lines] == [("1", "1"), ("1", "1"), ("2", "2")]


def test_every_format_has_its_own_file_name() -> None:
    names = [f"{chosen.file_name.format(table='picks')}{chosen.suffix}" for chosen in FORMATS.values()]
    assert len(set(names)) == len(names) and all("picks" in name for name in names)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: ObjectTable) -> Project:
    monkeypatch.setenv("TOMODECK_SLOTS", str(tmp_path / "slots"))
    made = Project.create(tmp_path / "project", "Export")
    (tmp_path / "data").mkdir()
    write_mrc(tmp_path / "data/ts_01.mrc", np.zeros((40, 60, 80), np.int8), (10.0, 10.0, 10.0))
    made.add_source(str(tmp_path / "data"))
    for number, name in ((1, "rod"), (2, "ring"), (3, "hook")):
        edit_classes(made, lambda c, name=name, number=number: add_class(c, name, 50.0, label=number))
    rows = table.rows.assign(**{"class": ["hook", "rod", "hook", "hook", "rod"]})
    judged = set_verdict(set_verdict(table.with_rows(rows), [1, 2], "accepted"), [5], "rejected")
    made.tables.create("picks", judged, {})
    served.serve(made.root)
    return made


def draw() -> None:
    """The dialog alone."""
    from dashboard import served
    from dashboard.widgets.export_dialog import export_dialog

    project = served.project()
    export_dialog(project, "picks", project.with_present_geometry(project.table("picks")))


@pytest.fixture
def dialog(project: Project) -> Callable[[str], AppTest]:
    def opened(chosen: str) -> AppTest:
        app = AppTest.from_function(draw, default_timeout=60)
        app.session_state["export.format"] = chosen
        app.run()
        assert not app.exception, app.exception
        return app

    return opened


def test_rejected_objects_stay_at_home(project: Project, dialog: Callable[[str], AppTest]) -> None:
    app = dialog("dynamo")
    assert any("1 of 5 objects is left out: rejected" in caption.value for caption in app.caption)
    assert any("1 = rod, 3 = hook, as in the feature library" in info.value for info in app.info)
    next(button for button in app.button if button.key == "export.write").click().run()
    lines = (project.root / "exports" / "picks.tbl").read_text().splitlines()
    assert [line.split()[21] for line in lines] == ["3", "1", "3", "3"]
    assert [line.split()[0] for line in lines] == ["1", "2", "3", "4"]


def test_all_or_the_accepted_ones(project: Project, dialog: Callable[[str], AppTest]) -> None:
    app = dialog("dynamo")
    for words, count in (("all", 5), ("accepted", 2)):
        app.session_state["export.which-picks-not rejected"] = words
        app.run()
        next(button for button in app.button if button.key == "export.write").click().run()
        assert len((project.root / "exports" / "picks.tbl").read_text().splitlines()) == count


def test_a_wrong_option_is_named_by_its_title(dialog: Callable[[str], AppTest]) -> None:
    app = dialog("dynamo")
    next(text for text in app.text_input if text.key == "export-dynamo.class_numbers").set_value("hook=x").run()
    (error,) = [element.value for element in app.error]
    assert "Class numbers" in error and "class_numbers" not in error
