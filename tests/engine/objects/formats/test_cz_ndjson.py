"""The ndjson of the CZ cryoET data portal: an example by hand, there and back, lines that are refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, rotation_from_relion, table_from_centroids
from engine.objects.formats import cz_ndjson, export, get_format, losses

GEOMETRY = TomogramGeometry((11, 21, 30), (4.0, 5.0, 6.0))
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1)


@st.composite
def tables(draw: st.DrawFn) -> ObjectTable:
    count = draw(st.integers(0, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = pd.DataFrame(rng.uniform(-0.5, 10, (count, 3)), columns=["x", "y", "z"])
    angles = rng.uniform([-180, 0, -180], [180, 180, 180], (count, 3))
    angles[~np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)), dtype=bool)] = np.nan
    rows[["rot", "tilt", "psi"]] = angles
    rows["tomogram"] = "ts"
    rows["class"] = draw(st.lists(NAMES, min_size=count, max_size=count))
    return ObjectTable(rows, {"ts": GEOMETRY})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables())
def test_there_and_back(tmp_path: Path, table: ObjectTable) -> None:
    path = tmp_path / "t.ndjson"
    cz_ndjson.write(table, path)
    back = cz_ndjson.read(path, table.tomograms)
    exact = ["tomogram", "class", "x", "y", "z"]
    pd.testing.assert_frame_equal(back.rows[exact], table.rows[exact])
    np.testing.assert_allclose(back.rows[["rot", "tilt", "psi"]], table.rows[["rot", "tilt", "psi"]], atol=1e-6)


def test_by_hand(tmp_path: Path) -> None:
    """Rot 90 turns the tomogram's axes onto the particle's: the particle's x axis lies along −y of the tomogram."""
    table = table_from_centroids("TS_01", GEOMETRY, np.array([[1.0, 2.5, 29.0], [3, 4, 5]]), class_name="70S ribosome")
    rows = table.rows
    rows.loc[0, ["rot", "tilt", "psi"]] = [90.0, 0.0, 0.0]
    cz_ndjson.write(table.with_rows(rows), tmp_path / "t.ndjson")
    first, second = (json.loads(line) for line in (tmp_path / "t.ndjson").read_text().splitlines())
    assert first["type"] == "orientedPoint" and first["location"] == {"x": 29.0, "y": 2.5, "z": 1.0}
    assert first["particle_name"] == "70S ribosome"
    np.testing.assert_allclose(first["xyz_rotation_matrix"], [[0, 1, 0], [-1, 0, 0], [0, 0, 1]], atol=1e-12)
    assert second == {
        "type": "point",
        "location": {"x": 5.0, "y": 4.0, "z": 3.0},
        "particle_name": "70S ribosome",
    }


def test_the_matrix_takes_the_particle_to_the_tomogram(tmp_path: Path) -> None:
    matrix = Rotation.from_euler("zyx", [20, 50, -70], degrees=True).as_matrix()
    line = {"type": "orientedPoint", "location": {"x": 1, "y": 2, "z": 3}, "xyz_rotation_matrix": matrix.tolist()}
    (tmp_path / "t.ndjson").write_text(json.dumps(line))
    rows = cz_ndjson.read(tmp_path / "t.ndjson", {"ts": GEOMETRY}).rows
    angles = rows[["rot", "tilt", "psi"]].to_numpy()
    np.testing.assert_allclose(rotation_from_relion(angles).as_matrix()[0], matrix, atol=1e-9)


def test_reading_is_tolerant(tmp_path: Path) -> None:
    lines = [
        "\ufeff" + json.dumps({"location": {"x": 1, "y": 2, "z": 3}}),
        "",
        json.dumps({"type": "instancePoint", "location": {"x": 1.5, "y": 2, "z": 3}, "instance_id": 7, "more": [1]}),
        json.dumps({"type": "orientedPoint", "location": {"x": 0, "y": 0, "z": 0}, "particle_id": 12}) + "\r",
        json.dumps({"location": {"x": 0, "y": 0, "z": 0}, "rotation_matrix": np.eye(3).round(3).tolist()}),
        "   ",
    ]
    (tmp_path / "t.ndjson").write_text("\n".join(lines), encoding="utf-8")
    table = cz_ndjson.read(tmp_path / "t.ndjson", {"ts": GEOMETRY})
    assert table.rows["class"].tolist() == ["particle", "particle", "12", "particle"]
    assert table.rows["instance_id"].tolist()[1] == 7 and table.rows["rot"].notna().tolist() == [False] * 3 + [True]
    cz_ndjson.write(table, tmp_path / "again.ndjson")
    kinds = [json.loads(line)["type"] for line in (tmp_path / "again.ndjson").read_text().splitlines()]
    assert kinds == ["point", "instancePoint", "point", "orientedPoint"]
    assert json.loads((tmp_path / "again.ndjson").read_text().splitlines()[1])["instance_id"] == 7


def test_one_file_per_tomogram(tmp_path: Path) -> None:
    rows = pd.DataFrame({"tomogram": ["ts_1", "b"], "class": "c", "x": [1, 2], "y": 3, "z": 4, "score": 0.5})
    table = ObjectTable(rows, {"ts_1": GEOMETRY, "b": GEOMETRY})
    chosen = get_format("cz-ndjson")
    with pytest.raises(UserError, match=r"2 \(ts_1, b\).*one file per tomogram"):
        chosen.write(table, tmp_path / "t.ndjson")
    assert [s.split()[-1] for s in losses(table, chosen)] == ["written.", "scores."]
    written = export(table, chosen, tmp_path / "t.ndjson")
    assert [path.name for path in written] == ["t_ts_1.ndjson", "t_b.ndjson"]
    # The name of the file says the tomogram where several are possible.
    assert chosen.read(written[0], table.tomograms).rows["tomogram"].tolist() == ["ts_1"]
    (tmp_path / "other.ndjson").write_text(written[0].read_text())
    with pytest.raises(UserError, match="choose the tomogram first"):
        chosen.read(tmp_path / "other.ndjson", table.tomograms)


GOOD = '{"location": {"x": 1, "y": 2, "z": 3}}'


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ('{"location": {"x": 1, "y": 2', "line 3 is not JSON"),
        ("[1, 2, 3]", "line 3 is not a point"),
        ('{"location": [1, 2, 3]}', "line 3 is not a point"),
        ('{"location": {"x": 1, "y": "2", "z": 3}}', "line 3 has y = \"2\" in 'location', not a number"),
        ('{"location": {"x": 1, "y": 2}}', "line 3 has z = null"),
        ('{"location": {"x": NaN, "y": 2, "z": 3}}', "line 3 has x = NaN"),
        ('{"location": {"x": true, "y": 2, "z": 3}}', "line 3 has x = true"),
        (GOOD[:-1] + ', "xyz_rotation_matrix": [[1, 0], [0, 1]]}', "not 3 × 3 numbers"),
        (GOOD[:-1] + ', "xyz_rotation_matrix": [[1, 0, 0], [0, 1, 0], [0, 0, -1]]}', "not a rotation"),
        (GOOD[:-1] + ', "xyz_rotation_matrix": [[1, 0, 0], [0, 2, 0], [0, 0, 1]]}', "not a rotation"),
        (GOOD[:-1] + ', "instance_id": [3]}', "line 3 has instance_id"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, bad: str, sentence: str) -> None:
    path = tmp_path / "t.ndjson"
    path.write_text(f"{GOOD}\n\n{bad}\n{GOOD}\n{bad}\n")
    with pytest.raises(UserError) as caught:
        cz_ndjson.read(path, {"ts": GEOMETRY})
    assert sentence in str(caught.value) and "(and 1 more)" in str(caught.value)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
