"""The project's own CSV: by hand, there and back to the last bit, files that are refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, table_from_centroids, validate
from engine.objects.formats import csv_table

ODD = TomogramGeometry((11, 21, 30), (4.0, 5.0, 6.0))
EVEN = TomogramGeometry((100, 200, 300), (10.0, 10.0, 10.0))
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="\"'#_;"), min_size=1)


def one_object(**columns: object) -> ObjectTable:
    table = table_from_centroids("TS_01", ODD, np.array([[1.0, 2.5, 29.0]]), class_name="70S ribosome")
    return table.with_rows(table.rows.assign(**columns))


ODD_NAMES = st.sampled_from(
    ["NA", "nan", "NaN", "None", "null", "1.0", "007", "1e5", "<NA>", "a b", "loop_", "data_x", "True"]
)


@st.composite
def tables(draw: st.DrawFn) -> ObjectTable:
    count = draw(st.integers(0, 6))
    known = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tomograms = {"TS_01": ODD, draw(NAMES.filter(lambda name: name != "TS_01")): EVEN}
    names = draw(st.lists(st.sampled_from(sorted(tomograms)), min_size=count, max_size=count))
    angles = rng.uniform([-180, 0, -180], [180, 180, 180], (count, 3))
    angles[~np.array(known, dtype=bool)] = np.nan
    rows = pd.DataFrame(rng.uniform(0, 10, (count, 3)), columns=["x", "y", "z"])
    rows[["rot", "tilt", "psi"]] = angles
    rows["tomogram"] = names
    rows["class"] = draw(st.lists(NAMES | ODD_NAMES, min_size=count, max_size=count))
    rows["score"] = rng.choice([0.25, np.nan, 1e-9, -3.0], count)
    rows["size"] = rng.choice([12.0, np.nan], count)
    rows["id"] = draw(st.lists(st.integers(1, 10**12), min_size=count, max_size=count, unique=True))
    return ObjectTable(rows, tomograms)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables())
def test_csv_there_and_back_is_exact(tmp_path: Path, table: ObjectTable) -> None:
    path = tmp_path / "t.csv"
    csv_table.write(table, path)
    back = csv_table.read(path, table.tomograms)
    pd.testing.assert_frame_equal(back.rows, table.rows)
    csv_table.write(back, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == path.read_bytes()


def test_csv_by_hand(tmp_path: Path) -> None:
    csv_table.write(one_object(score=0.5), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == (
        "tomogram,class,x,y,z,rot,tilt,psi,score,size,id\nTS_01,70S ribosome,29,2.5,1,,,,0.5,,1\n"
    )


def test_csv_of_other_programs(tmp_path: Path, data_folder: Path) -> None:
    (tmp_path / "t.csv").write_text("x, y,z\n1,2,3\n")
    table = csv_table.read(tmp_path / "t.csv", {"ts": ODD})
    assert table.rows.loc[0, ["tomogram", "class", "x", "y", "z"]].tolist() == ["ts", "particle", 1.0, 2.0, 3.0]
    geometry = TomogramGeometry((128, 320, 320), (10.0, 10.0, 10.0))
    truth = csv_table.read(data_folder / "simulated" / "sim_001_objects.csv", {"sim_001": geometry})
    assert validate(truth) == []
    assert "vesicle" in set(truth.rows["class"]) and truth.rows["class_label"].max() == 14
    assert truth.rows.loc[0, ["x", "y", "z", "rot"]].tolist() == [101.191, 186.1, 81.64, 0.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,y,z\n1,2,three\n", "column z: 'three' is not a number"),
        ("x,y\n1,2\n", "has no column 'z'"),
        ("", "not a CSV table"),
        ("x,y,z\n1,2,3,4,5\n1,2,3\n1,2,3,4,5,6\n", "not a CSV table"),
    ],
)
def test_what_is_no_table(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UserError, match=said):
        csv_table.read(tmp_path / "t.csv", {"a": ODD})


def test_which_tomogram(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y,z\n1,2,3\n")
    with pytest.raises(UserError, match="which tomogram"):
        csv_table.read(tmp_path / "t.csv", {"a": ODD, "b": ODD})


def test_a_further_column_of_mixed_kinds_is_text(tmp_path: Path) -> None:
    table = one_object(note="a, b", mixed=3)
    both = ObjectTable(pd.concat([table.rows, table.rows.assign(id=2, note='say "so"', mixed="x")]), table.tomograms)
    csv_table.write(both, tmp_path / "t.csv")
    back = csv_table.read(tmp_path / "t.csv", table.tomograms)
    assert back.rows["note"].tolist() == ["a, b", 'say "so"']
    assert back.rows["mixed"].tolist() == ["3", "x"]
