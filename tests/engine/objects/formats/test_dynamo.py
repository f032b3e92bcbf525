"""Dynamo tables: numbers worked out by hand, real tables there and back, catalogues, files that are refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, rotation_from_relion
from engine.objects.formats import dynamo
from engine.objects.formats.format import head_of
from engine.objects.formats.notes import collected
from tests.engine.objects.formats.same import MATRIX, assert_same


@pytest.mark.parametrize(("first_voxel", "added"), [("0", 0.0), ("0.5", 0.5), ("1", 1.0)])
def test_by_hand(tmp_path: Path, one: ObjectTable, known: dict, first_voxel: str, added: float) -> None:
    """The table's rotation is Rz(narot) Rx(tilt) Rz(tdrot), the inverse of particle to tomogram.

    Particle to tomogram is Rz(45) Ry(−60) Rz(−30), so the inverse is Rz(30) Ry(60) Rz(−45); Ry(60) = Rz(90) Rx(60)
    Rz(−90), which gives Rz(120) Rx(60) Rz(−135): narot 120, tilt 60, tdrot −135.
    """
    path = tmp_path / "t.tbl"
    dynamo.write(one, path, dynamo.Writing(first_voxel=first_voxel))
    numbers = [float(word) for word in path.read_text().split()]
    assert len(numbers) == 35
    assert numbers[:6] == [1, 1, 1, 0, 0, 0]  # tag, two flags, shifts
    np.testing.assert_allclose(numbers[6:10], [-135, 60, 120, 0.75], atol=1e-6)
    assert numbers[19:22] == [1, 0, 1]  # the 1 of TS_01, region, class 1
    assert numbers[23:26] == [100 + added, 50 + added, 20.25 + added]
    back = dynamo.read(path, known, dynamo.Reading(first_voxel=first_voxel, class_names="1=ribosome"))
    assert_same(back, one)
    assert back.rows.loc[0, ["tomogram", "class", "score", "id"]].tolist() == ["TS_01", "ribosome", 0.75, 1]
    angles = back.rows[["rot", "tilt", "psi"]].to_numpy()
    np.testing.assert_allclose(rotation_from_relion(angles).as_matrix()[0], MATRIX, atol=2e-6)


def test_shifts_are_added_and_kept(tmp_path: Path) -> None:
    (tmp_path / "t.tbl").write_text("7 1 0 1.5 -0.5 0.25 0 0 0 0.1 0 0 0 0 0 0 0 0 0 24 5 3 0 10 20 30\n")
    table = dynamo.read(tmp_path / "t.tbl", {})
    assert table.rows.loc[0, ["x", "y", "z"]].tolist() == [11.5, 19.5, 30.25]
    assert table.rows.loc[0, ["tomogram", "class", "id"]].tolist() == ["24", "class 3", 7]
    assert table.rows.loc[0, ["dynamo_dx", "dynamo_reg", "dynamo_averaged_value"]].tolist() == [1.5, 5, 0]
    moved = table.with_rows(table.rows.assign(x=13.5))
    dynamo.write(moved, tmp_path / "again.tbl")
    words = (tmp_path / "again.tbl").read_text().split()
    # The shift stays, the box moves: boxes already cropped keep their meaning.
    assert words[3:6] == ["1.5", "-0.5", "0.25"] and words[23:26] == ["12", "20", "30"] and words[20:22] == ["5", "3"]


@pytest.mark.parametrize("name", ["dynamo_crop.tbl", "dynamo_small.tbl"])
def test_real_tables(tmp_path: Path, data_folder: Path, name: str) -> None:
    source = data_folder / "lists" / name
    raw = np.loadtxt(source)
    table = dynamo.read(source, {})
    np.testing.assert_allclose(table.rows[["x", "y", "z"]], raw[:, 23:26] + raw[:, 3:6], atol=1e-9)
    assert table.rows["tomogram"].tolist() == [str(int(number)) for number in raw[:, 19]]
    dynamo.write(table, tmp_path / "t.tbl")
    again = np.loadtxt(tmp_path / "t.tbl")
    euler = [6, 7, 8]
    others = [column for column in range(raw.shape[1]) if column not in euler]
    np.testing.assert_allclose(again[:, others], raw[:, others], atol=1e-6)
    assert again.shape[1] == 35
    assert_same(dynamo.read(tmp_path / "t.tbl", {}), table)


def test_catalogues(tmp_path: Path, one: ObjectTable) -> None:
    geometry = TomogramGeometry((50, 60, 70), (8.0, 8.0, 8.0))
    rows = pd.DataFrame({"tomogram": ["b", "a", "b"], "class": "c", "x": [1, 2, 3], "y": 4, "z": 5})
    table = ObjectTable(rows, {"a": geometry, "b": geometry})
    with collected() as notes:
        dynamo.write(table, tmp_path / "t.tbl")
        files = dynamo.beside(table, tmp_path / "t.tbl", dynamo.Writing())
    assert files == {"t_tomograms.doc": "1 a\n2 b\n"}
    assert any("1 = a, 2 = b" in sentence for sentence in notes) and any("angles 0 0 0" in s for s in notes)
    (tmp_path / "t_tomograms.doc").write_text(files["t_tomograms.doc"])
    with collected() as notes:
        assert dynamo.read(tmp_path / "t.tbl", {}).rows["tomogram"].tolist() == ["b", "a", "b"]
    assert "beside" in notes[0]
    volumes = tmp_path / "list.vll"
    volumes.write_text("# mine\n/data/x_rec.mrc\n> crop.tbl\n\n/data/y.mrc\n* index = 1\n* ftype = 1\n")
    assert dynamo.read_catalogue(volumes) == {1: "/data/y.mrc"}
    volumes.write_text("/data/x.mrc\n* index = 2\n/data/y.rec\n* index = 1\n")
    found = dynamo.read(tmp_path / "t.tbl", {"y": geometry}, dynamo.Reading(catalogue=str(volumes)))
    assert found.rows["tomogram"].tolist() == ["x", "y", "x"]
    (tmp_path / "none.doc").write_text("# nothing\n")
    with pytest.raises(UserError, match="names no tomogram"):
        dynamo.read(tmp_path / "t.tbl", {}, dynamo.Reading(catalogue=str(tmp_path / "none.doc")))
    with pytest.raises(UserError, match="no such file"):
        dynamo.read(tmp_path / "t.tbl", {}, dynamo.Reading(catalogue=str(tmp_path / "missing.doc")))


def line(**changed: str) -> str:
    words = dict.fromkeys(dynamo.NAMES[:35], "0") | {"tag": "1"} | changed
    return " ".join(words.values()) + "\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (line() + line().replace(" 0\n", "\n"), "line 2 has 34 columns where the lines before have 35"),
        (line() + "\n" + line(x="ten"), r"line 3, column 24: 'ten' is not a number"),
        (line() + line(y="NaN"), "line 2: y is nan"),
        ("1 2 3\n", "line 1 has 3 columns: it is not a Dynamo table, which has 26 to 42"),
        ("", "is empty"),
        ("\x00\x01binary", "not a text file"),
    ],
)
def test_bad_tables(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "t.tbl").write_text(content)
    with pytest.raises(UserError, match=sentence) as caught:
        dynamo.read(tmp_path / "t.tbl", {})
    assert "\n" not in str(caught.value) and "t.tbl" in str(caught.value)


def test_odd_but_readable(tmp_path: Path) -> None:
    (tmp_path / "t.tbl").write_text(line(tdrot="3867.465") + line(dnarot="0.1+2.5e-3i"))
    with collected() as notes:
        table = dynamo.read(tmp_path / "t.tbl", {})
    assert any("3867.4" in sentence for sentence in notes) and any("1 complex numbers in column 29" in s for s in notes)
    # Two objects with the tag 1.
    assert table.rows["id"].tolist() == [1, 2] and table.rows["dynamo_tag"].tolist() == [1, 1]
    # 3867.465 − 10 · 360 = 267.465; only rot and psi together count at tilt 0.
    assert table.rows.loc[0, "rot"] == pytest.approx(267.465 - 360, abs=1e-6)


def test_empty(tmp_path: Path, one: ObjectTable, known: dict) -> None:
    dynamo.write(one.with_rows(one.rows.iloc[:0]), tmp_path / "t.tbl")
    assert len(dynamo.read(tmp_path / "t.tbl", known)) == 0
    with pytest.raises(UserError, match="no position"):
        dynamo.write(one.with_rows(one.rows.assign(x=np.nan)), tmp_path / "t.tbl")


def test_recognised(real_lists: list[Path]) -> None:
    found = {path.name for path in real_lists if dynamo.recognised(head_of(path))}
    assert found == {"dynamo_crop.tbl", "dynamo_small.tbl"}
    assert {dynamo.recognised(head_of(path)) for path in real_lists} == {0, 3}
