"""Gallery, average and similarity map as far as they need no browser."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import served
from dashboard.viewer.crop_reading import Average
from dashboard.widgets.average import picture, sentence
from dashboard.widgets.gallery import _runs
from dashboard.widgets.similarity_map import explanation, selected_ids, similarity_figure
from engine.objects import ObjectTable
from engine.objects.similarity import Embedding
from engine.project import Project
from engine.volumes import write_mrc


@pytest.mark.parametrize(
    ("selected", "wanted"),
    [
        ([], []),
        ([5], [[0, 0]]),
        ([9, 5, 7, 99], [[0, 2]]),
        ([5, 3, 1, 1], [[0, 0], [3, 4]]),
        ([5, 7, 9, 3, 1], [[0, 4]]),
    ],
)
def test_the_selected_as_runs_of_places(selected: list[int], wanted: list[list[int]]) -> None:
    assert _runs(np.array([5, 7, 9, 3, 1]), selected) == wanted


def test_average_says_what_went_in() -> None:
    def said(aligned: bool = False, **values: int) -> str:
        return sentence(Average(np.zeros((3, 5, 5)), **{"without_angles": 0, "problems": (), **values}), aligned)

    assert said(count=1, asked=1, drawn=1) == (
        "Average of 1 shown object, XY, XZ, YZ · as they lie, no orientations applied"
    )
    assert said(True, count=1990, asked=5100, drawn=2000, without_angles=100) == (
        "Average of 1,990 shown objects, XY, XZ, YZ · turned by their angles · 2,000 drawn at random of 5,000 · "
        "100 without angles left out · 10 outside their tomogram, empty or unreadable left out"
    )
    assert said(True, count=0, asked=4, drawn=0, without_angles=4) == (
        "Nothing could be averaged: none of the objects has an orientation (rot, tilt, psi)."
    )
    gone = Average(np.zeros((3, 5, 5)), 0, 2, 2, 0, ("b is gone.",))
    assert sentence(gone, False) == "Nothing could be averaged: b is gone."


def test_average_as_a_picture() -> None:
    planes = np.zeros((3, 21, 21))
    planes[1, 8:13, 8:13] = 1.0
    drawn = np.asarray(picture(planes, 42))
    assert drawn.shape == (42, 3 * 42 + 8, 2)
    assert drawn[21, 42 + 4 + 21, 0] > drawn[21, 21, 0]  # the bright one is in the middle picture
    assert drawn[0, 0, 1] == 0 and drawn[21, 21, 1] == 255  # transparent outside the circle


def test_the_map_shows_each_class_and_finds_what_was_selected() -> None:
    places = np.array([[0, 0, 9], [1, 0, 9], [2, 0, 9], [3, np.nan, 9], [4, 0, 9]])
    figure = similarity_figure(places, [10, 11, 12, 13, 14], list("babba"), {"a": "#112233"}, None, [12, 14])
    assert [trace.name for trace in figure.data] == ["a", "b"]
    assert all(trace.type == "scattergl" for trace in figure.data)
    assert figure.data[0].customdata.tolist() == [11, 14] and figure.data[1].customdata.tolist() == [10, 12]
    assert figure.data[0].marker.color == "#112233" and figure.data[0].selectedpoints == (1,)
    points = [
        {"curve_number": 1, "point_index": 0},
        {"curve_number": 0, "point_index": 1},
        {"curve_number": 7, "point_index": 0},  # of a map that was drawn before
    ]
    assert selected_ids(figure, points) == [10, 14]
    scored = similarity_figure(places, [10, 11, 12, 13, 14], list("babba"), {}, np.arange(5.0), [])
    assert len(scored.data) == 1 and scored.data[0].marker.color.tolist() == [0, 1, 2, 4]
    assert similarity_figure(places[:2, :1], [1, 2], ["a", "a"], {}, None, []).data[0].y.tolist() == [0, 0]


def test_the_map_says_from_what_it_was_learnt() -> None:
    places = np.array([[0.0, 1.0]] * 5 + [[np.nan, np.nan]])
    text = explanation(Embedding(places, np.array([0.25, 0.031]), 4))
    assert text.startswith("6 crops, learnt from 4 of them: components hold 25 % and 3.1 % of the variance")
    assert text.endswith("1 without a picture are not shown")


SCRIPT = """
import streamlit as st
from dashboard import served
from dashboard.widgets.average import average
from dashboard.widgets.gallery import GallerySettings, gallery
from dashboard.widgets.similarity_map import similarity_map, similarity_order

project = served.project()
table, version = project.tables.read_version("balls")
settings = GallerySettings(box_angstrom=80)
order = similarity_order(project, table, version, settings, [3])
events = gallery(project, table, version, order, settings, [3], [("ball", "#E69F00")])
st.write({"order": order, "events": events})
similarity_map(project, table, version, settings)
average(project, table, version, settings, [1, 2])
"""


def test_all_three_draw_a_real_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    volume = np.random.default_rng(0).normal(size=(20, 30, 40)).astype(np.float32)
    write_mrc(tmp_path / "data" / "a.mrc", volume, (10.0, 10.0, 10.0))
    project = Project.create(tmp_path / "project")
    project.add_source(str(tmp_path / "data"))
    rows = pd.DataFrame({"tomogram": "a", "class": "ball", "id": range(1, 9)})
    rows[["x", "y", "z"]] = np.random.default_rng(1).random((8, 3)) * (39, 29, 19)
    rows.loc[4, ["x", "y", "z"]] = rows.loc[2, ["x", "y", "z"]]  # object 5 has the picture of object 3
    project.tables.create("balls", ObjectTable(rows, {"a": project.geometry("a")}), {})
    monkeypatch.setattr(served, "_root", project.root)
    app = AppTest.from_string(SCRIPT, default_timeout=60).run()
    assert not app.exception and not app.warning
    shown = json.loads(app.json[0].value)
    assert shown["order"][:2] == [3, 5] and sorted(shown["order"]) == list(range(1, 9)) and shown["events"] == []
    assert "Average of 2 selected objects" in app.caption[-1].value
