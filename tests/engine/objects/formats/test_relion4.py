"""RELION 4: unbinned pixels from the corner, worked by hand; a real list; what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import starfile

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, empty_table, rotation_from_relion
from engine.objects.formats import relion4
from engine.objects.formats.format import head_of
from engine.objects.formats.notes import collected
from engine.objects.formats.relion_particles import COORDINATE

TS_01 = {"TS_01": TomogramGeometry((201, 400, 501), (10.0, 10.0, 10.0))}


def ribosome(**columns: object) -> ObjectTable:
    row = {"tomogram": "TS_01", "class": "ribosome", "x": 100.0, "y": 50.0, "z": 20.25}
    row |= {"rot": 30.0, "tilt": 60.0, "psi": -45.0, "score": 0.75} | columns
    return ObjectTable(pd.DataFrame([row]), TS_01)


def test_by_hand(tmp_path: Path) -> None:
    """Voxel 100 of 10 Å = 1000 Å = 400 pixels of 2.5 Å; 50 → 200; 20.25 → 81. The size does not matter."""
    relion4.write(ribosome(), tmp_path / "t.star", relion4.Writing(tilt_series_pixel_size=2.5))
    blocks = starfile.read(tmp_path / "t.star")
    row = blocks["particles"].iloc[0]
    assert row[COORDINATE].tolist() == [400.0, 200.0, 81.0]
    assert row[["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]].tolist() == [30.0, 60.0, -45.0]
    assert (row["rlnTomoName"], row["rlnClassNumber"], row["tomodeckScore"]) == ("TS_01", 1, 0.75)
    assert blocks["optics"]["rlnTomoTiltSeriesPixelSize"].tolist() == [2.5]
    back = relion4.read(tmp_path / "t.star", TS_01)
    pd.testing.assert_frame_equal(back.rows[ribosome().rows.columns], ribosome().rows)


def test_without_a_pixel_size_voxels_are_written_and_that_is_said(tmp_path: Path) -> None:
    with collected() as notes:
        relion4.write(ribosome(), tmp_path / "t.star")
    assert len(notes) == 2 and "the voxel size (10 Å) was taken" in notes[0]
    assert starfile.read(tmp_path / "t.star")["particles"].iloc[0][COORDINATE].tolist() == [100.0, 50.0, 20.25]


def test_origin_is_taken_off_in_angstrom(tmp_path: Path) -> None:
    """Origin 5 Å in x = half a voxel of 10 Å: 400 px × 2.5 Å − 5 Å = 995 Å = voxel 99.5."""
    labels = ["rlnTomoName", *COORDINATE, "rlnOriginXAngst", "rlnOriginYAngst", "rlnOriginZAngst", "rlnClassNumber"]
    block = pd.DataFrame([["TS_01", 400.0, 200.0, 81.0, 5.0, 0.0, 0.0, 3]], columns=labels)
    starfile.write({"particles": block}, tmp_path / "t.star")
    with pytest.raises(UserError, match=r"no rlnTomoTiltSeriesPixelSize.*tilt_series_pixel_size"):
        relion4.read(tmp_path / "t.star", TS_01)
    options = relion4.Reading(tilt_series_pixel_size=2.5, class_names="3=ribosome")
    table = relion4.read(tmp_path / "t.star", TS_01, options)
    assert table.rows.loc[0, ["x", "y", "z", "class"]].tolist() == [99.5, 50.0, 20.25, "ribosome"]


def test_real_list(tmp_path: Path, data_folder: Path) -> None:
    path = data_folder / "lists" / "relion_4.0.star"
    names = starfile.read(path)["particles"]["rlnTomoName"].unique()
    tomograms = {name: TomogramGeometry((450, 1050, 1050), (7.884, 7.884, 7.884)) for name in names}
    table = relion4.read(path, tomograms)
    assert len(table) == 1746 and set(table.rows["class"]) == {"class 1"}
    # First row: 1700 px of 1.971 Å less an origin of 1.260416 Å, in voxels of 7.884 Å.
    assert table.rows.loc[0, "x"] == pytest.approx((1700 * 1.971 - 1.260416) / 7.884, abs=1e-9)
    relion4.write(table, tmp_path / "t.star")
    back = relion4.read(tmp_path / "t.star", tomograms)
    pd.testing.assert_frame_equal(back.rows, table.rows, rtol=1e-6, atol=1e-5, check_like=True)
    turned = (
        rotation_from_relion(back.rows[["rot", "tilt", "psi"]])
        * rotation_from_relion(table.rows[["rot", "tilt", "psi"]]).inv()
    )
    assert np.degrees(turned.magnitude().max()) < 1e-3
    given, written = (starfile.read(p) for p in (path, tmp_path / "t.star"))
    pd.testing.assert_frame_equal(written["optics"][given["optics"].columns], given["optics"])
    with pytest.raises(UserError, match=r"whose size and voxel size are not known"):
        relion4.read(path, {})


def test_what_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.star"
    relion4.write(ribosome(), path)
    text = path.read_text()
    path.write_text(text.replace("_rlnCoordinateZ", "_other"))
    with pytest.raises(UserError, match="has no column rlnCoordinateZ: a RELION 4 list has"):
        relion4.read(path, TS_01)
    path.write_text(text.replace("20.250000", "twenty"))
    with pytest.raises(UserError, match=r"line \d+: rlnCoordinateZ = 'twenty' is not a number"):
        relion4.read(path, TS_01)


def test_no_objects(tmp_path: Path) -> None:
    relion4.write(empty_table(TS_01), tmp_path / "t.star")
    assert len(relion4.read(tmp_path / "t.star", TS_01)) == 0


def test_recognised(tmp_path: Path, data_folder: Path) -> None:
    relion4.write(ribosome(), tmp_path / "t.star")
    assert relion4.recognised(head_of(tmp_path / "t.star")) == 3
    # Warp's lists have the same columns; its own format is surer of them.
    own = {"relion_4.0.star": 3, "warp2_particles_matching.star": 1}
    for path in (data_folder / "lists").iterdir():
        assert relion4.recognised(head_of(path)) == own.get(path.name, 0)
