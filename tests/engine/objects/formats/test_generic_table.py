"""CSV and spreadsheets of other programs: mapping, units, there and back, what is refused."""

from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, empty_table
from engine.objects.formats import generic_table
from engine.objects.formats.format import head_of
from engine.objects.formats.generic_table import CSV, XLSX, Reading, columns_of, guess_mapping
from engine.objects.formats.notes import collected
from tests.engine.objects.formats.same import assert_same


def test_csv_by_hand(tmp_path: Path, one: ObjectTable, known: dict) -> None:
    CSV.write(one, tmp_path / "t.csv", CSV.writing())
    header, row = (tmp_path / "t.csv").read_text().splitlines()
    assert header == "tomogram,class,x,y,z,rot,tilt,psi,score,size,id"
    assert row.split(",")[:2] == ["TS_01", "ribosome"]
    assert [float(word or "nan") for word in row.split(",")[2:9]] == [100, 50, 20.25, 30, 60, -45, 0.75]
    pd.testing.assert_frame_equal(CSV.read(tmp_path / "t.csv", known, Reading()).rows, one.rows)


def test_xlsx_by_hand(tmp_path: Path, one: ObjectTable, known: dict) -> None:
    XLSX.write(one, tmp_path / "t.xlsx", XLSX.writing())
    header, row = openpyxl.load_workbook(tmp_path / "t.xlsx")["Objects"].iter_rows(values_only=True)
    assert header == tuple(one.rows.columns)
    assert row == ("TS_01", "ribosome", 100, 50, 20.25, 30, 60, -45, 0.75, None, 1)
    pd.testing.assert_frame_equal(XLSX.read(tmp_path / "t.xlsx", known, Reading()).rows, one.rows)


NAMES = st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1).map(str.strip).filter(bool)


@st.composite
def tables(draw: st.DrawFn) -> ObjectTable:
    count = draw(st.integers(0, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = pd.DataFrame(rng.uniform(-0.5, 99, (count, 3)), columns=["x", "y", "z"])
    rows[["rot", "tilt", "psi"]] = rng.uniform(-180, 180, (count, 3))
    rows["tomogram"] = rng.choice(["24", "TS_01"], count)
    odd = st.sampled_from(["NA", "1.0", "=1+1", "007", "1e5", "<NA>", "None", "class 1"])
    rows["class"] = draw(st.lists(NAMES | odd, min_size=count, max_size=count))
    rows["score"] = rng.choice([0.25, np.nan], count)
    rows["id"] = draw(st.lists(st.integers(1, 2**53), min_size=count, max_size=count, unique=True))
    geometry = TomogramGeometry((100, 100, 100), (5.0, 5.0, 5.0))
    return ObjectTable(rows, {"24": geometry, "TS_01": geometry})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables())
def test_there_and_back(tmp_path: Path, table: ObjectTable) -> None:
    for chosen in (CSV, XLSX):
        path = tmp_path / f"t{chosen.suffix}"
        chosen.write(table, path, chosen.writing())
        pd.testing.assert_frame_equal(chosen.read(path, table.tomograms, Reading()).rows, table.rows)


def test_mapping_is_guessed(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "Micrograph;Coordinate_X (px);Coordinate Y;coordinate_z;Label;Confidence;my note\n24;1,5;2;3;ribo;0,9;hello\n"
    )
    mapping = guess_mapping(tmp_path / "t.csv")
    assert mapping == {
        "x_column": "Coordinate_X (px)", "y_column": "Coordinate Y", "z_column": "coordinate_z",
        "tomogram_column": "Micrograph", "class_column": "Label", "rot_column": "", "tilt_column": "",
        "psi_column": "", "score_column": "Confidence", "size_column": "",
    }  # fmt: skip
    Reading(**mapping)
    names, rows = columns_of(tmp_path / "t.csv")
    assert names[0] == "Micrograph" and rows == [["24", "1.5", "2", "3", "ribo", "0.9", "hello"]]
    row = generic_table.read(tmp_path / "t.csv", {}).rows.iloc[0]
    assert row[["tomogram", "class", "x", "y", "z", "score"]].tolist() == ["24", "ribo", 1.5, 2.0, 3.0, 0.9]
    assert row["my note"] == "hello"


def test_mapping_units_and_first_voxel(tmp_path: Path) -> None:
    geometry = {"TS_24": TomogramGeometry((50, 60, 70), (5.0, 4.0, 2.0))}
    (tmp_path / "t.csv").write_text("a,b,c,run,x\n20,40,50,24,99\n")
    chosen = {"x_column": "a", "y_column": "b", "z_column": "c", "tomogram_column": "run"}
    for unit, first, expected in (
        ("voxel", "0", [20, 40, 50]),
        ("voxel", "1", [19, 39, 49]),
        ("angstrom", "0", [10, 10, 10]),
        ("nanometre", "1", [99, 99, 99]),
    ):
        rows = generic_table.read(tmp_path / "t.csv", geometry, Reading(**chosen, unit=unit, first_voxel=first)).rows
        assert rows.loc[0, ["x", "y", "z"]].tolist() == expected and rows.loc[0, "tomogram"] == "TS_24"
        assert rows.loc[0, "x (list)"] == 99  # their x is not ours
    with pytest.raises(UserError, match="'24', whose size and voxel size are not known here: give its size"):
        generic_table.read(tmp_path / "t.csv", {}, Reading(**chosen, unit="angstrom"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 2 3\n4 5.5 6\n", [[1, 2, 3], [4, 5.5, 6]]),
        ("# made by hand\n1,2,3\n", [[1, 2, 3]]),
        ("1\t2\t3\t0.5\n", [[1, 2, 3]]),
        ("\ufeffX Y Z\r\n1   2  3\r\n", [[1, 2, 3]]),
    ],
)
def test_without_header(tmp_path: Path, known: dict, text: str, expected: list) -> None:
    (tmp_path / "t.txt").write_text(text)
    table = generic_table.read(tmp_path / "t.txt", known)
    assert table.rows[["x", "y", "z"]].to_numpy().tolist() == expected
    assert set(table.rows["tomogram"]) == {"TS_01"} and set(table.rows["class"]) == {"particle"}
    assert generic_table.recognised_csv(head_of(tmp_path / "t.txt")) >= 1


def test_names_of_spreadsheets_stay_text(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["tomo", "x", "y", "z", "id"])
    for row in (
        [24, 1, 2, 3, "p1"],
        [24.0, 4, 5, 6, "p2"],
        [None] * 5,
        ["b", 7, 8, 9, ""],
    ):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    rows = XLSX.read(tmp_path / "t.xlsx", {}, Reading()).rows
    assert rows["tomogram"].tolist() == ["24", "24", "b"] and rows["x"].tolist() == [1, 4, 7]
    assert rows["id"].tolist() == [1, 2, 3] and rows["id (list)"].tolist() == ["p1", "p2", ""]
    with pytest.raises(UserError, match="no sheet 'two': it has Sheet"):
        XLSX.read(tmp_path / "t.xlsx", {}, Reading(sheet="two"))


def test_real_csv(tmp_path: Path, data_folder: Path) -> None:
    geometry = {"sim_001": TomogramGeometry((128, 320, 320), (10.0, 10.0, 10.0))}
    source = data_folder / "simulated" / "sim_001_objects.csv"
    table = CSV.read(source, geometry, Reading())
    assert set(table.rows["tomogram"]) == {"sim_001"} and "vesicle" in set(table.rows["class"])
    assert table.rows["class_label"].max() == 14
    for chosen in (CSV, XLSX):
        path = tmp_path / f"t{chosen.suffix}"
        chosen.write(table, path, chosen.writing())
        back = chosen.read(path, geometry, Reading())
        assert_same(back, table)
        pd.testing.assert_series_equal(back.rows["class_label"], table.rows["class_label"], check_dtype=False)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("x,y,z\n1,2,3\n1,two,3\n", "row 2, column y: 'two' is not a number"),
        ("x,y,z,score\n1,2,3,high\n", "row 1, column score: 'high' is not a number"),
        ("x,y,z\n1,,3\n", "row 1, column y: it is empty"),
        ("x,y,z\n1,2,inf\n", "row 1: z is inf"),
        ("x,y\n1,2\n", r"no column 'z': say which of its columns \(x, y\)"),
        ("x,y,z\n1,2\n", "row 1 has 2 columns where the header has 3"),
        ("x,y,z\n1,2,3\n1,2,3,4\n", "row 2 has 4 columns where the header has 3"),
        ("1,2,3,4,5\n", "no column 'x': say which of its columns"),
        ("", "is empty"),
        ("\n# only this\n", "nothing but empty lines"),
    ],
)
def test_bad_tables(tmp_path: Path, known: dict, content: str, sentence: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(UserError, match=sentence) as caught:
        generic_table.read(tmp_path / "t.csv", known)
    assert "\n" not in str(caught.value)


def test_no_way_to_tell(tmp_path: Path, known: dict) -> None:
    (tmp_path / "t.csv").write_text("x,y,z\n1,2,3\n")
    with pytest.raises(UserError, match="choose the tomogram first"):
        generic_table.read(tmp_path / "t.csv", known | {"TS_02": known["TS_01"]})
    with pytest.raises(UserError, match=r"no column 'q' \(chosen for x\): its columns are x, y, z"):
        generic_table.read(tmp_path / "t.csv", known, Reading(x_column="q"))
    with collected() as notes:
        assert generic_table.read(tmp_path / "t.csv", {}).rows["tomogram"].tolist() == ["t"]
    assert "after the file" in notes[0]


def test_no_objects(tmp_path: Path, known: dict) -> None:
    for chosen in (CSV, XLSX):
        path = tmp_path / f"t{chosen.suffix}"
        chosen.write(empty_table(known), path, chosen.writing())
        assert len(chosen.read(path, known, Reading())) == 0


def test_recognised(real_lists: list[Path]) -> None:
    for chosen in (CSV, XLSX):
        assert not any(chosen.recognised(head_of(path)) for path in real_lists)
