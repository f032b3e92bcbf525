"""EMAN2's boxes: numbers worked out by hand for odd and even sizes, there and back, what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry
from engine.objects.formats import eman2
from engine.objects.formats.format import head_of
from engine.objects.formats.notes import collected
from tests.engine.objects.formats.same import assert_same


def positions_only(table: ObjectTable) -> ObjectTable:
    return table.with_rows(table.rows.assign(rot=np.nan, tilt=np.nan, psi=np.nan))


def test_by_hand(tmp_path: Path, one: ObjectTable, known: dict) -> None:
    """Middles 501 // 2 = 250, 400 // 2 = 200, 201 // 2 = 100; (100 − 250) · 10 / 2.5 = −600, and so on."""
    path = tmp_path / "TS_01_info.json"
    eman2.write(one, path, eman2.Writing(apix_unbin=2.5, box_size=96))
    assert json.loads(path.read_text()) == {
        "apix_unbin": 2.5,
        "boxes_3d": [[-600.0, -600.0, -319.0, "manual", 0.75, 0]],
        "class_list": {"0": {"boxsize": 96, "name": "ribosome"}},
    }
    back = eman2.read(path, known)
    assert_same(back, positions_only(one), 1e-9)
    assert back.rows.loc[0, ["tomogram", "class", "score", "eman2_boxsize"]].tolist() == ["TS_01", "ribosome", 0.75, 96]
    # Without a pixel size the tomogram's own: (100 − 250) · 1.
    eman2.write(one, tmp_path / "other.json")
    assert json.loads((tmp_path / "other.json").read_text())["boxes_3d"][0][:3] == [-150.0, -150.0, -79.75]


def test_old_files_count_from_the_corner(tmp_path: Path) -> None:
    content = {"boxes_3d": [[10, 20, 30], [1, 2, 3, "tm", 0.5, 1]], "class_list": {"1": {"name": "", "boxsize": 32}}}
    (tmp_path / "x_info.json").write_text(json.dumps(content))
    rows = eman2.read(tmp_path / "x_info.json", {}).rows
    assert rows[["x", "y", "z"]].to_numpy().tolist() == [[10, 20, 30], [1, 2, 3]]
    assert rows["class"].tolist() == ["particles_00", "particles_01"] and rows["tomogram"].tolist() == ["x", "x"]
    assert rows["score"].tolist() == [0.0, 0.5] and rows["eman2_method"].tolist() == ["manual", "tm"]


@pytest.mark.parametrize("shape", [(100, 200, 300), (101, 201, 301)])
def test_there_and_back(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(rng.uniform(0, 100, (50, 3)), columns=["x", "y", "z"])
    rows["tomogram"], rows["class"], rows["score"] = "ts", rng.choice(["a", "b c", "ä"], 50), rng.uniform(size=50)
    table = ObjectTable(rows, {"ts": TomogramGeometry(shape, (13.52, 13.52, 13.52))})
    eman2.write(table, tmp_path / "ts_info.json", eman2.Writing(apix_unbin=1.69))
    back = eman2.read(tmp_path / "ts_info.json", table.tomograms)
    assert_same(back, table)
    assert back.rows["class"].tolist() == table.rows["class"].tolist()
    np.testing.assert_array_equal(back.rows["score"], table.rows["score"])


def test_an_existing_info_file_keeps_the_rest(tmp_path: Path, one: ObjectTable) -> None:
    path = tmp_path / "TS_01_info.json"
    path.write_text(json.dumps({"tlt_params": [[1, 2, 3, 4, 5]], "apix_unbin": 5.0, "boxes_3d": [[0, 0, 0]]}))
    with collected() as notes:
        eman2.write(one, path)
    content = json.loads(path.read_text())
    assert content["tlt_params"] == [[1, 2, 3, 4, 5]] and content["boxes_3d"][0][:3] == [-300.0, -300.0, -159.5]
    assert "everything else in it stays" in notes[0]
    path.write_text("[1]")
    with pytest.raises(UserError, match="exists and is no EMAN2 info file"):
        eman2.write(one, path)
    assert path.read_text() == "[1]"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"tlt_params": []}, "no 'boxes_3d'"),
        ({"boxes_3d": [[1, 2, 3], [1, 2]]}, r"box 2 is \[1, 2\]"),
        ({"boxes_3d": [[1, "2", 3]]}, "box 1 is"),
        ({"boxes_3d": [[1, 2, 3, "manual", "good", 0]]}, "box 1, score: 'good' is not a number"),
        ({"boxes_3d": [[1, 2, 3]], "class_list": {"a": {}}}, "class 'a' in 'class_list'"),
        ({"boxes_3d": [[1, 2, 3]], "apix_unbin": "big"}, "apix_unbin = 'big'"),
        ({"boxes_3d": [[1, 2, 3]], "apix_unbin": 2.5}, "'other', whose size is not known: give its size"),
    ],
)
def test_bad_files(tmp_path: Path, content: dict, sentence: str) -> None:
    (tmp_path / "other_info.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=sentence):
        eman2.read(tmp_path / "other_info.json", {})


def test_no_boxes(tmp_path: Path, one: ObjectTable, known: dict) -> None:
    eman2.write(one.with_rows(one.rows.iloc[:0]), tmp_path / "TS_01_info.json")
    with collected() as notes:
        assert len(eman2.read(tmp_path / "TS_01_info.json", known)) == 0
    assert "no boxes" in notes[0]
    with pytest.raises(UserError, match="'TS_01' is not known"):
        eman2.write(ObjectTable(one.rows), tmp_path / "t.json")


def test_recognised(tmp_path: Path, one: ObjectTable, real_lists: list[Path]) -> None:
    eman2.write(one, tmp_path / "t.json")
    assert eman2.recognised(head_of(tmp_path / "t.json")) == 3
    assert not any(eman2.recognised(head_of(path)) for path in real_lists)
