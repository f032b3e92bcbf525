"""STOPGAP: 1-based voxels and zxz angles by hand, a real motive list, numbers of tomograms, what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import starfile

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, empty_table, rotation_from_relion
from engine.objects.formats import stopgap
from engine.objects.formats.format import head_of
from engine.objects.formats.notes import collected
from engine.objects.formats.stopgap import FIELDS, ORIGIN, SHIFT

TS_01 = {"TS_01": TomogramGeometry((201, 400, 501), (10.0, 10.0, 10.0))}


def ribosome(**columns: object) -> ObjectTable:
    row = {"tomogram": "TS_01", "class": "ribosome", "x": 100.0, "y": 50.0, "z": 20.25}
    row |= {"rot": 30.0, "tilt": 60.0, "psi": -45.0, "score": 0.75} | columns
    return ObjectTable(pd.DataFrame([row]), TS_01)


def test_by_hand(tmp_path: Path) -> None:
    """Counted from 1: 101, 51, 21.25 = 21 + 0.25.

    RELION's 30, 60, −45 is the rotation (Rz(30) Ry(60) Rz(−45))⁻¹ = Rz(45) Ry(−60) Rz(−30), and Ry(−60) is
    Rz(−90) Rx(60) Rz(90): Rz(−45) Rx(60) Rz(60), so phi 60 (first), the 60, psi −45 (last).
    """
    with collected() as notes:
        stopgap.write(ribosome(), tmp_path / "t.star")
    text = (tmp_path / "t.star").read_text()
    assert text.startswith(
        "\ndata_stopgap_motivelist\n\nloop_\n_motl_idx\n_tomo_num\n_object\n_subtomo_num\n_halfset\n"
    )
    assert "#" not in text  # STOPGAP takes no comments
    assert text.splitlines()[-1] == (
        "1 1 1 1 A 101.000000 51.000000 21.000000 0.750000 0.000000 0.000000 0.250000 60.000000 -45.000000 60.000000 1"
    )
    assert notes == [
        "STOPGAP motive list has numbers for tomograms: 1 = TS_01.",
        "STOPGAP has numbers for classes: 1 = ribosome.",
    ]
    back = stopgap.read(tmp_path / "t.star", TS_01, stopgap.Reading(class_names="1=ribosome"))
    pd.testing.assert_frame_equal(back.rows[ribosome().rows.columns], ribosome().rows)


def test_shift_is_added_and_orig_kept(tmp_path: Path) -> None:
    """Orig 101 with shift −2.5 is 98.5 from 1, voxel 97.5; its subtomogram was extracted at 101 and stays there."""
    stopgap.write(ribosome(), tmp_path / "t.star")
    block = starfile.read(tmp_path / "t.star").assign(x_shift=-2.5)
    starfile.write({"stopgap_motivelist": block}, tmp_path / "t.star", overwrite=True)
    table = stopgap.read(tmp_path / "t.star", TS_01)
    assert table.rows.loc[0, ["x", "orig_x"]].tolist() == [97.5, 101.0]
    stopgap.write(table.with_rows(table.rows.assign(y=60.0)), tmp_path / "t.star")
    assert starfile.read(tmp_path / "t.star").loc[0, [*ORIGIN, *SHIFT]].tolist() == [101, 51, 21, -2.5, 10, 0.25]
    # Further away than a shift can be, as after unbinning: a new orig.
    stopgap.write(table.with_rows(table.rows.assign(x=195.25)), tmp_path / "t.star")
    row = starfile.read(tmp_path / "t.star").loc[0]
    assert row[["orig_x", "x_shift"]].tolist() == [196.0, 0.25]


def test_tomogram_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t.star"
    rows = pd.DataFrame({"tomogram": ["lamella_a", "lamella_b"], "class": "class 4", "x": [1, 2], "y": 1, "z": 1})
    with collected() as notes:
        stopgap.write(ObjectTable(rows), path)
    assert "1 = lamella_a, 2 = lamella_b" in notes[0]
    block = starfile.read(path)
    assert block["tomo_num"].tolist() == [1, 2] and block["class"].tolist() == [4, 4]
    assert block["halfset"].tolist() == ["A", "B"] and block["score"].tolist() == [0.0, 0.0]
    assert any("2 objects have no orientation" in text for text in notes)
    assert any("2 objects have no score" in text for text in notes)
    # Those the table came with are kept where they still tell the tomograms apart.
    stopgap.write(ObjectTable(rows.assign(tomo_num=[38, 24])), path)
    assert starfile.read(path)["tomo_num"].tolist() == [38, 24]
    stopgap.write(ObjectTable(rows.assign(tomo_num=[38, np.nan])), path)
    assert starfile.read(path)["tomo_num"].tolist() == [1, 2]
    # Read with tomograms at hand: by the last number in their names.
    table = stopgap.read(path, {"TS_002": TS_01["TS_01"]})
    assert table.rows["tomogram"].tolist() == ["1", "TS_002"] and list(table.tomograms) == ["TS_002"]


def test_real_list(tmp_path: Path, data_folder: Path) -> None:
    with collected() as notes:
        table = stopgap.read(data_folder / "lists" / "stopgap_motl.star", {})
    assert notes == [] and len(table) == 14561
    first = table.rows.loc[0]
    np.testing.assert_allclose(first[["x", "y", "z"]].to_numpy(float), [823.2121, 753.6012, 677.4676])
    assert first[["tomogram", "class", "score", "id", "motl_idx", "tomo_num", "halfset", "orig_x"]].tolist() == [
        "24", "class 3", 0.5452, 6, 6, 24, "A", 824.0,
    ]  # fmt: skip
    assert table.rows["tomogram"].nunique() == 34
    stopgap.write(table, tmp_path / "t.star")
    back = stopgap.read(tmp_path / "t.star", {})
    angles = ["rot", "tilt", "psi"]
    others = [name for name in table.rows if name not in angles]
    pd.testing.assert_frame_equal(back.rows[others], table.rows[others], rtol=0, atol=1e-6)
    turned = rotation_from_relion(back.rows[angles]) * rotation_from_relion(table.rows[angles]).inv()
    assert np.degrees(turned.magnitude().max()) < 1e-3
    # All 16 columns stand as they stood; angles may differ by whole turns.
    given, written = (starfile.read(p) for p in (data_folder / "lists" / "stopgap_motl.star", tmp_path / "t.star"))
    assert list(written) == list(given) == FIELDS
    same = [name for name in FIELDS if name not in stopgap.STOPGAP_ANGLES]
    pd.testing.assert_frame_equal(written[same], given[same], check_dtype=False, rtol=0, atol=1e-6)


def test_what_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.star"
    stopgap.write(ribosome(), path)
    text = path.read_text()
    path.write_text(text.replace("_x_shift", "_other"))
    with pytest.raises(UserError, match="has no column x_shift: a STOPGAP motive list has the columns motl_idx, "):
        stopgap.read(path, TS_01)
    path.write_text(text.replace(" 51.000000", " fifty"))
    with pytest.raises(UserError, match=r"line 22: orig_y = 'fifty' is not a number"):
        stopgap.read(path, TS_01)
    path.write_text(text.replace(" A ", " "))
    with pytest.raises(UserError, match=r"line 22: 15 values where the loop of data_stopgap_motivelist has 16"):
        stopgap.read(path, TS_01)
    path.write_text(text)
    with pytest.raises(UserError, match="no position"):
        stopgap.write(ribosome(y=np.nan), path)
    assert path.read_text() == text


def test_no_objects(tmp_path: Path) -> None:
    stopgap.write(empty_table(TS_01), tmp_path / "t.star")
    assert len(stopgap.read(tmp_path / "t.star", TS_01)) == 0


def test_recognised(tmp_path: Path, data_folder: Path) -> None:
    stopgap.write(ribosome(), tmp_path / "t.star")
    assert stopgap.recognised(head_of(tmp_path / "t.star")) == 3
    for path in (data_folder / "lists").iterdir():
        assert stopgap.recognised(head_of(path)) == (3 if path.name == "stopgap_motl.star" else 0)
