"""IMOD models and their text: numbers worked out by hand, real models there and back, what is refused."""

import struct
from pathlib import Path

import imodmodel
import numpy as np
import pandas as pd
import pytest
from imodmodel.models import MINX, ImodModel

from engine.errors import UserError
from engine.objects import ObjectTable
from engine.objects.formats import imod
from engine.objects.formats.class_names_given import NamesOfClasses
from engine.objects.formats.format import head_of
from engine.objects.formats.notes import collected
from tests.engine.objects.formats.same import assert_same


def positions_only(table: ObjectTable) -> ObjectTable:
    return table.with_rows(table.rows.assign(rot=np.nan, tilt=np.nan, psi=np.nan))


def test_by_hand(tmp_path: Path, one: ObjectTable, known: dict) -> None:
    """Voxel centres are at .5 in x and y and at whole numbers in z: 100.5, 50.5, 20.25."""
    path = tmp_path / "t.mod"
    imod.write(one, path)
    raw = path.read_bytes()
    assert raw.startswith(b"IMODV1.2") and raw.endswith(b"IEOF")
    start = raw.index(b"CONT") + 20  # four letters and a header of 16 bytes
    assert struct.unpack(">fff", raw[start : start + 12]) == (100.5, 50.5, 20.25)
    assert struct.unpack(">3i", raw[136:148]) == (501, 400, 201)
    frame = imodmodel.read(path)
    assert frame[["x", "y", "z"]].to_numpy().tolist() == [[100.5, 50.5, 20.25]]
    back = imod.read(path, known)
    assert_same(back, positions_only(one), 1e-5)
    assert back.rows.loc[0, ["tomogram", "class", "imod_contour"]].tolist() == ["TS_01", "ribosome", 1]
    imod.write(one, tmp_path / "t.txt")
    assert (tmp_path / "t.txt").read_text() == "1 1 100.5 50.5 20.25\n"
    named = imod.read(tmp_path / "t.txt", known, NamesOfClasses(class_names="1=ribosome"))
    assert_same(named, positions_only(one))
    assert named.rows["class"].tolist() == ["ribosome"]


@pytest.mark.parametrize(("name", "count"), [("correct111", 161), ("correct189", 74), ("empty111", 162)])
def test_real_models(tmp_path: Path, data_folder: Path, name: str, count: int) -> None:
    source = data_folder / "lists" / f"{name}.mod"
    table = imod.read(source, {})
    raw = imodmodel.read(source)
    assert len(table) == len(raw) == count
    np.testing.assert_allclose(table.rows[["x", "y", "z"]], raw[["x", "y", "z"]] - [0.5, 0.5, 0.0])
    assert table.rows["tomogram"].unique().tolist() == [name]
    imod.write(table, tmp_path / f"{name}.mod")
    back = imod.read(tmp_path / f"{name}.mod", {})
    assert_same(back, table)
    columns = ["tomogram", "class", "id"]
    pd.testing.assert_frame_equal(back.rows[columns], table.rows[columns])
    imod.write(table, tmp_path / f"{name}.txt")
    assert_same(imod.read(tmp_path / f"{name}.txt", {}), table)


def test_classes_contours_and_long_names(tmp_path: Path, known: dict) -> None:
    rows = pd.DataFrame({"class": ["b", "a", "ö" * 40, "a"], "x": [1, 2, 3, 4.0], "y": 5, "z": 6, "imod_contour": 1})
    rows.loc[3, "imod_contour"] = 7
    table = ObjectTable(rows.assign(tomogram="TS_01"), known)
    with collected() as notes:
        imod.write(table, tmp_path / "t.mod")
    assert "are short" in notes[0]
    back = imod.read(tmp_path / "t.mod", known)
    assert back.rows["class"].tolist() == ["a", "a", "b", "ö" * 31] and back.rows["x"].tolist() == [2, 4, 1, 3]
    assert back.rows["imod_contour"].tolist() == [1, 2, 1, 1]


def test_models_of_a_part_are_shifted(tmp_path: Path, one: ObjectTable, known: dict) -> None:
    """By IMOD's description: model + (otrans − ctrans) / cscale is the pixel of the full volume."""
    imod.write(one, tmp_path / "t.mod")
    model = ImodModel.from_file(tmp_path / "t.mod")
    zero, ten = (0.0, 0.0, 0.0), (10.0, 10.0, 10.0)
    model.minx = MINX(oscale=ten, otrans=zero, orot=zero, cscale=ten, ctrans=(-200.0, 0.0, 0.0), crot=zero)
    model.header.flags.otrans_has_image_origin_values = True
    model.header.flags.model_last_viewed_onYZ_flipped_or_rotated = True
    model.to_file(tmp_path / "part.mod")
    with collected() as notes:
        rows = imod.read(tmp_path / "part.mod", known).rows
    assert rows.loc[0, ["x", "y", "z"]].tolist() == [120.0, 50.0, 20.25]
    assert "Y and Z flipped" in notes[0] and "20, 0, 0 pixels" in notes[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.5 2.5 3\n\n4.5 5.5 6\n", [["object 1", 1, 1, 2, 3], ["object 1", 1, 4, 5, 6]]),
        ("2 1.5 2.5 3\n", [["object 1", 2, 1, 2, 3]]),
        ("3 2 1.5 2.5 3\n", [["object 3", 2, 1, 2, 3]]),
    ],
)
def test_text(tmp_path: Path, text: str, expected: list) -> None:
    (tmp_path / "t.txt").write_text(text)
    rows = imod.read(tmp_path / "t.txt", {}).rows
    assert rows[["class", "imod_contour", "x", "y", "z"]].to_numpy().tolist() == expected


def test_no_points(tmp_path: Path, one: ObjectTable, known: dict) -> None:
    nothing = one.with_rows(one.rows.iloc[:0])
    for name in ("t.mod", "t.txt"):
        imod.write(nothing, tmp_path / name)
        with collected() as notes:
            assert len(imod.read(tmp_path / name, known)) == 0
        assert "without points" in notes[0]


def test_damaged_models(tmp_path: Path, one: ObjectTable, known: dict) -> None:
    path = tmp_path / "t.mod"
    imod.write(one, path)
    raw = path.read_bytes()
    for broken in (raw[:-4], raw[:300], raw[:20], raw[:-10]):
        path.write_bytes(broken)
        with pytest.raises(UserError, match="a damaged IMOD model"):
            imod.read(path, known)
    count = raw.index(b"CONT") + 4
    path.write_bytes(raw[:count] + b"\x7f\xff\xff\xff" + raw[count + 4 :])
    with pytest.raises(UserError, match="a contour of 2,147,483,647 points"):
        imod.read(path, known)
    path.write_bytes(b"IMODV0.1" + raw[8:])
    with pytest.raises(UserError, match="of another version"):
        imod.read(path, known)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1 2\n", "line 1 has 2 columns"),
        ("1 2 3\n1 2 3 4\n", "line 2 has 4 columns where"),
        ("1 2 z\n", "line 1, column 3: 'z' is not a number"),
    ],
)
def test_bad_text(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(UserError, match=sentence):
        imod.read(tmp_path / "t.txt", {})


def test_several_tomograms(tmp_path: Path, one: ObjectTable, known: dict) -> None:
    two = one.with_rows(pd.concat([one.rows, one.rows.assign(tomogram="TS_02", id=2)]))
    with pytest.raises(UserError, match=r"one tomogram, the table has 2 \(TS_01, TS_02\)"):
        imod.write(two, tmp_path / "t.mod")
    imod.write(one, tmp_path / "picks_TS_01.mod")
    both = known | {"TS_02": known["TS_01"]}
    assert imod.read(tmp_path / "picks_TS_01.mod", both).rows["tomogram"].tolist() == ["TS_01"]
    (tmp_path / "picks_TS_01.mod").rename(tmp_path / "picks.mod")
    with pytest.raises(UserError, match="choose the tomogram first"):
        imod.read(tmp_path / "picks.mod", both)


def test_recognised(real_lists: list[Path]) -> None:
    found = {path.name: imod.recognised(head_of(path)) for path in real_lists if imod.recognised(head_of(path))}
    assert found == {"correct111.mod": 3, "correct189.mod": 3, "empty111.mod": 3}
