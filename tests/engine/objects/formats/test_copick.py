"""copick picks: numbers worked out by hand, there and back, what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry
from engine.objects.formats import copick
from engine.objects.formats.format import head_of
from engine.objects.formats.notes import collected
from tests.engine.objects.formats.same import MATRIX, assert_same


def test_by_hand(tmp_path: Path, one: ObjectTable, known: dict) -> None:
    """Å = voxel × 10: 1000, 500, 202.5; the matrix takes the object to the tomogram."""
    copick.write(one, tmp_path / "t.json")
    content = json.loads((tmp_path / "t.json").read_text())
    (point,) = content.pop("points")
    assert content == {
        "pickable_object_name": "ribosome", "user_id": "tomodeck", "session_id": "0", "run_name": "TS_01",
        "voxel_spacing": 10.0, "unit": "angstrom", "trust_orientation": True,
    }  # fmt: skip
    assert point["location"] == {"x": 1000.0, "y": 500.0, "z": 202.5}
    matrix = np.array(point["transformation_"])
    np.testing.assert_allclose(matrix[:3, :3], MATRIX, atol=2e-6)
    assert matrix[3].tolist() == [0, 0, 0, 1] and matrix[:3, 3].tolist() == [0, 0, 0]
    assert (point["score"], point["instance_id"]) == (0.75, 1)
    back = copick.read(tmp_path / "t.json", known)
    assert_same(back, one, 1e-9, 1e-6)
    assert back.rows.loc[0, ["tomogram", "class", "score", "id"]].tolist() == ["TS_01", "ribosome", 0.75, 1]


def test_the_shift_of_the_matrix_is_added(tmp_path: Path, known: dict) -> None:
    matrix = np.eye(4)
    matrix[:3, 3] = [20.0, -10.0, 5.0]
    point = {"location": {"x": 100, "y": 100, "z": 100}, "transformation_": matrix.tolist()}
    content = {"pickable_object_name": "a", "points": [point], "run_name": "TS_01"}
    (tmp_path / "t.json").write_text(json.dumps(content))
    with collected() as notes:
        rows = copick.read(tmp_path / "t.json", known).rows
    assert rows.loc[0, ["x", "y", "z", "rot", "tilt"]].tolist() == [12.0, 9.0, 10.5, 0.0, 0.0]
    assert "the identity" in notes[0]
    (tmp_path / "t.json").write_text(json.dumps(content | {"trust_orientation": False}))
    assert copick.read(tmp_path / "t.json", known).rows["rot"].isna().all()


@st.composite
def tables(draw: st.DrawFn) -> ObjectTable:
    count = draw(st.integers(0, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = pd.DataFrame(rng.uniform(-0.5, 300, (count, 3)), columns=["x", "y", "z"])
    angles = rng.uniform([-180, 0, -180], [180, 180, 180], (count, 3))
    angles[~np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)), dtype=bool)] = np.nan
    rows[["rot", "tilt", "psi"]] = angles
    rows["score"] = rng.choice([0.25, np.nan, -3.0], count)
    rows["id"] = draw(st.lists(st.integers(1, 10**12), min_size=count, max_size=count, unique=True))
    rows["tomogram"], rows["class"] = "ts", "70S"
    return ObjectTable(rows, {"ts": TomogramGeometry((10, 20, 31), (8.0, 9.0, 7.84))})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables())
def test_there_and_back(tmp_path: Path, table: ObjectTable) -> None:
    copick.write(table, tmp_path / "t.json")
    back = copick.read(tmp_path / "t.json", table.tomograms)
    assert_same(back, table, 1e-9, 1e-5)
    columns = ["tomogram", "class", "score", "id"]
    pd.testing.assert_frame_equal(back.rows[columns], table.rows[columns], check_dtype=False)


def test_names_and_options(tmp_path: Path, one: ObjectTable) -> None:
    table = one.with_rows(one.rows.assign(**{"class": "70S_ribosome (mine)"}))
    with collected() as notes:
        copick.write(table, tmp_path / "t.json", copick.Writing(user_id="a_b", session_id="7", run_name="16193"))
    content = json.loads((tmp_path / "t.json").read_text())
    assert (content["pickable_object_name"], content["user_id"]) == ("70S-ribosome-mine", "a-b")
    assert (content["session_id"], content["run_name"]) == ("7", "16193")
    assert "'70S_ribosome (mine)' is written as '70S-ribosome-mine'" in notes[0] and "'a_b'" in notes[1]
    two = pd.concat([one.rows, one.rows.assign(**{"class": "other", "id": 2})])
    with pytest.raises(UserError, match=r"one class, the table has 2 \(ribosome, other\)"):
        copick.write(one.with_rows(two), tmp_path / "t.json")
    with pytest.raises(UserError, match="'TS_01' is not known"):
        copick.write(ObjectTable(one.rows), tmp_path / "t.json")


def test_voxel_size(tmp_path: Path, one: ObjectTable) -> None:
    copick.write(one, tmp_path / "t.json")
    with collected() as notes:
        table = copick.read(tmp_path / "t.json", {})
    assert table.rows.loc[0, "x"] == 100.0 and table.rows.loc[0, "tomogram"] == "TS_01" and "10 Å" in notes[-1]
    content = json.loads((tmp_path / "t.json").read_text()) | {"voxel_spacing": None}
    (tmp_path / "t.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="'TS_01', whose voxel size is not known: give its size"):
        copick.read(tmp_path / "t.json", {})


POINT = {"location": {"x": 1, "y": 2, "z": 3}}


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        ([POINT, {"location": {"x": 1, "y": "2", "z": 3}}], "point 2 has no 'location'"),
        ([POINT, POINT, 7], "point 3 has no 'location'"),
        ([POINT | {"score": "high"}], "point 1 has the score 'high'"),
        ([POINT | {"transformation_": [[1, 0], [0, 1]]}], "point 1 has a 'transformation_' that is not 4 × 4"),
        ([POINT, POINT | {"transformation_": np.diag([1, 2, 1, 1]).tolist()}], "point 2 .* not a rotation"),
        ([POINT | {"transformation_": np.diag([1, 1, -1, 1]).tolist()}], "point 1 .* not a rotation"),
        ("many", "'points' are no list"),
    ],
)
def test_bad_points(tmp_path: Path, known: dict, points: object, sentence: str) -> None:
    (tmp_path / "t.json").write_text(json.dumps({"pickable_object_name": "a", "points": points}))
    with pytest.raises(UserError, match=sentence):
        copick.read(tmp_path / "t.json", known)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty"),
        ("{", "not a JSON file: .* in line 1"),
        ("[1]", "no 'pickable_object_name'"),
        ('{"pickable_object_name": "a", "unit": "furlong"}', "unit 'furlong'"),
        ("[" * 200_000, "too deeply nested"),
    ],
)
def test_bad_files(tmp_path: Path, known: dict, content: str, sentence: str) -> None:
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(UserError, match=sentence):
        copick.read(tmp_path / "t.json", known)


def test_recognised(tmp_path: Path, one: ObjectTable, real_lists: list[Path]) -> None:
    copick.write(one, tmp_path / "t.json")
    assert copick.recognised(head_of(tmp_path / "t.json")) == 3
    assert not any(copick.recognised(head_of(path)) for path in real_lists)
