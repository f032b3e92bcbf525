"""PickET's YAML: by hand, there and back, what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, empty_table, table_from_centroids
from engine.objects.formats import picket
from engine.objects.formats.format import head_of
from engine.objects.formats.notes import collected

ODD = TomogramGeometry((11, 21, 30), (4.0, 5.0, 6.0))


def test_by_hand(tmp_path: Path, one: ObjectTable) -> None:
    """Whole voxels: 20.25 is 20."""
    picket.write(one, tmp_path / "t.yaml", {"pex_min_distance": np.int64(5), "voxel_size": np.ones(3)})
    assert yaml.safe_load((tmp_path / "t.yaml").read_text()) == {
        "Predicted_Particle_Centroid_Coordinates": [{"x": 100, "y": 50, "z": 20}],
        "metadata": {
            "tomogram_path": "TS_01",
            "tomogram_shape": [201, 400, 501],
            "voxel_size": [1.0, 1.0, 1.0],
            "pex_min_distance": 5,
        },
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(*[st.floats(0, 9.99)] * 3), max_size=8))
def test_there_and_back_cuts_fractions(tmp_path: Path, centroids: list) -> None:
    table = table_from_centroids("ts", ODD, np.array(centroids).reshape(-1, 3))
    picket.FORMAT.write(table, tmp_path / "t.yaml", picket.FORMAT.writing())
    back = picket.read(tmp_path / "t.yaml", {"ts": ODD, "other": ODD})
    np.testing.assert_array_equal(back.coordinates_zyx(), np.floor(table.coordinates_zyx()))
    assert set(back.rows["tomogram"]) <= {"ts"}


def test_which_tomogram(tmp_path: Path, one: ObjectTable, known: dict) -> None:
    path = tmp_path / "t.yaml"
    picket.write(one, path)
    text = path.read_text()
    path.write_text(text.replace("tomogram_path: TS_01", "tomogram_path: /data/TS_01.mrc"))
    both = known | {"TS_02": ODD}
    assert picket.read(path, both).rows["tomogram"].tolist() == ["TS_01"]
    assert picket.read(path, {}).rows["tomogram"].tolist() == ["TS_01"]
    with collected() as notes:
        assert picket.read(path, {"mine": ODD}).rows["tomogram"].tolist() == ["mine"]
    assert "names tomogram 'TS_01'; its objects are put into 'mine'" in notes[0]
    path.write_text(text.replace("  tomogram_path: TS_01\n", ""))
    with pytest.raises(UserError, match="choose the tomogram first"):
        picket.read(path, both)


def test_both_layouts_of_points(tmp_path: Path) -> None:
    """As PickET writes them, and any other YAML of the same content."""
    path = tmp_path / "t.yaml"
    plain = "Predicted_Particle_Centroid_Coordinates:\n- x: 1\n  y: 2\n  z: 3\n- x: -4\n  y: 5\n  z: 6\n"
    for points in (plain, plain.replace("- x: 1\n", "- x: 1.0\n"), plain.replace("\n", "\r\n")):
        for text in (points + "metadata:\n  tomogram_path: ts\n", "metadata: {tomogram_path: ts}\n" + points, points):
            path.write_bytes(text.encode())
            rows = picket.read(path, {"ts": ODD}).rows
            assert rows[["x", "y", "z"]].to_numpy().tolist() == [[1, 2, 3], [-4, 5, 6]]


def test_bad_files(tmp_path: Path, one: ObjectTable) -> None:
    path = tmp_path / "t.yaml"
    for content, sentence in (
        ("a: [", "not a YAML file"),
        ("a: 1\n", "no list 'Predicted_Particle_Centroid_Coordinates'"),
        ("Predicted_Particle_Centroid_Coordinates:\n- {x: 1, y: 2}\n", "entry 1 of"),
        ("Predicted_Particle_Centroid_Coordinates:\n- {x: 1, y: 2, z: up}\n", "entry 1 of"),
    ):
        path.write_text(content)
        with pytest.raises(UserError, match=sentence):
            picket.read(path, {"ts": ODD})
    two = pd.concat([one.rows, one.rows.assign(tomogram="b", id=2)])
    with pytest.raises(UserError, match=r"2 \(TS_01, b\).*one file per tomogram"):
        picket.write(one.with_rows(two), path)
    with pytest.raises(UserError, match="no position"):
        picket.write(one.with_rows(one.rows.assign(z=np.nan)), path)
    picket.write(empty_table({"ts": ODD}), path)
    assert len(picket.read(path, {"ts": ODD})) == 0


def test_recognised(tmp_path: Path, one: ObjectTable, real_lists: list[Path]) -> None:
    picket.write(one, tmp_path / "t.yaml")
    assert picket.recognised(head_of(tmp_path / "t.yaml")) == 3
    assert not any(picket.recognised(head_of(path)) for path in real_lists)
