"""WarpTools: pixels of --coords_angpix and fractions by hand; a real list with angles converted twice."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import starfile

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, empty_table, rotation_from_relion
from engine.objects.formats import warp
from engine.objects.formats.format import head_of
from engine.objects.formats.notes import collected
from engine.objects.formats.relion_particles import COORDINATE

GEOMETRY = TomogramGeometry((201, 400, 501), (10.0, 10.0, 10.0))
TS_01 = {"TS_01": GEOMETRY}


def ribosome(**columns: object) -> ObjectTable:
    row = {"tomogram": "TS_01", "class": "ribosome", "x": 100.0, "y": 50.0, "z": 20.25}
    row |= {"rot": 30.0, "tilt": 60.0, "psi": -45.0, "score": 0.75} | columns
    return ObjectTable(pd.DataFrame([row]), TS_01)


def first(path: Path) -> pd.Series:
    return starfile.read(path).iloc[0]


def test_by_hand(tmp_path: Path) -> None:
    """Voxel 100 of 10 Å = 1000 Å = 250 pixels of 4 Å; 50 → 125; 20.25 → 50.625; voxels without an option."""
    path = tmp_path / "t.star"
    warp.write(ribosome(), path)
    row = first(path)
    assert row["rlnMicrographName"] == "TS_01.tomostar" and row["rlnPixelSize"] == 10.0
    assert row[COORDINATE].tolist() == [100.0, 50.0, 20.25]
    assert row[["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]].tolist() == [30.0, 60.0, -45.0]
    warp.write(ribosome(), path, warp.Writing(coords_angpix=4.0))
    assert first(path)[[*COORDINATE, "rlnPixelSize"]].tolist() == [250.0, 125.0, 50.625, 4.0]
    # One block without a name, no optics: what Warp reads in one go.
    assert path.read_text().count("data_") == 1 and "\ndata_\n" in path.read_text()
    back = warp.read(path, TS_01).rows
    pd.testing.assert_frame_equal(back[ribosome().rows.columns], ribosome().rows)


def test_fractions_by_hand(tmp_path: Path) -> None:
    """Of size − 1: 100 / 500, 50 / 399, 20.25 / 200."""
    path = tmp_path / "t.star"
    warp.write(ribosome(), path, warp.Writing(normalised=True))
    assert first(path)[COORDINATE].tolist() == [0.2, 0.125313, 0.10125]
    assert "rlnPixelSize" not in path.read_text()
    back = warp.read(path, TS_01, warp.Reading(normalised=True)).rows
    np.testing.assert_allclose(back[["x", "y", "z"]], [[100, 50, 20.25]], atol=1e-3)
    with collected() as notes:
        warp.read(path, TS_01)
    assert len(notes) == 1 and "between 0 and 1" in notes[0] and "normalised=true" in notes[0]
    with pytest.raises(UserError, match="'TS_01', whose size and voxel size are not known"):
        warp.read(path, {}, warp.Reading(normalised=True))


def test_names(tmp_path: Path) -> None:
    path = tmp_path / "t.star"
    tomograms = {"TS_01_10.00Apx": GEOMETRY}
    warp.write(ObjectTable(ribosome(tomogram="TS_01_10.00Apx").rows, tomograms), path)
    assert first(path)["rlnMicrographName"] == "TS_01.tomostar"
    assert warp.read(path, tomograms).rows["tomogram"].tolist() == ["TS_01_10.00Apx"]
    both = ObjectTable(
        pd.concat([ribosome().rows, ribosome(tomogram="TS_01_10.00Apx", id=2).rows]), {**TS_01, **tomograms}
    )
    with pytest.raises(UserError, match=r"'TS_01' and 'TS_01_10.00Apx' are both TS_01.tomostar"):
        warp.write(both, path)
    with pytest.raises(UserError, match="no names with spaces: rename tomogram 'TS 1'"):
        warp.write(ObjectTable(ribosome(tomogram="TS 1").rows, {"TS 1": GEOMETRY}), path)
    with collected() as notes:
        warp.write(ribosome(**{"class": "70S ribosome"}), path)
    assert notes == [
        "Warp has numbers for classes: 1 = 70S ribosome.",
        "Warp reads no names with spaces: classes are written as numbers only.",
    ]
    assert warp.read(path, TS_01).rows["class"].tolist() == ["class 1"]
    assert warp.read(path, TS_01, warp.Reading(class_names="1=70S ribosome")).rows["class"].tolist() == ["70S ribosome"]


def test_several_voxel_sizes_get_one_pixel_size(tmp_path: Path) -> None:
    rows = pd.concat([ribosome().rows, ribosome(tomogram="b", id=2).rows])
    table = ObjectTable(rows, {**TS_01, "b": TomogramGeometry((10, 400, 500), (5.0, 5.0, 5.0))})
    with collected() as notes:
        warp.write(table, tmp_path / "t.star")
    assert "differ in voxel size" in notes[1] and "pixels of 5 Å" in notes[1]
    assert starfile.read(tmp_path / "t.star")["rlnCoordinateX"].tolist() == [200.0, 100.0]
    assert warp.read(tmp_path / "t.star", table.tomograms).rows["x"].tolist() == [100.0, 100.0]


def test_origins_are_taken_off_and_not_written_again(tmp_path: Path) -> None:
    """250 px of 4 Å less 5 Å is 995 Å, voxel 99.5."""
    labels = ["rlnTomoName", *COORDINATE, "rlnPixelSize", "rlnOriginXAngst", "rlnOriginYAngst", "rlnOriginZAngst"]
    block = pd.DataFrame([["TS_01.tomostar", 250.0, 125.0, 50.625, 4.0, 5.0, 0.0, 0.0]], columns=labels)
    starfile.write({"particles": block}, tmp_path / "t.star")
    table = warp.read(tmp_path / "t.star", TS_01)
    assert table.rows.loc[0, ["x", "y", "z"]].tolist() == [99.5, 50.0, 20.25]
    warp.write(table, tmp_path / "again.star")
    assert "rlnOrigin" not in (tmp_path / "again.star").read_text()
    assert first(tmp_path / "again.star")["rlnCoordinateX"] == 99.5


def test_priors_of_a_subtomograms_frame_are_not_written(tmp_path: Path) -> None:
    """The pose is written whole: a tilt prior of 90 in the frame of a subtomogram would be wrong beside it."""
    frame = {f"rlnTomoSubtomogram{angle}": 40.0 for angle in ("Rot", "Tilt", "Psi")}
    warp.write(ribosome(rlnAngleTiltPrior=90.0, rlnRandomSubset=1, **frame), tmp_path / "t.star")
    text = (tmp_path / "t.star").read_text()
    assert "rlnRandomSubset" in text and "Prior" not in text and "rlnTomoSubtomogram" not in text
    assert first(tmp_path / "t.star")["rlnAngleRot"] == 30.0
    warp.write(ribosome(rlnAngleTiltPrior=90.0), tmp_path / "t.star")
    assert "rlnAngleTiltPrior" in (tmp_path / "t.star").read_text()


def test_real_list(tmp_path: Path, data_folder: Path) -> None:
    path = data_folder / "lists" / "warp2_particles_matching.star"
    tomograms = {f"TS_{n}": TomogramGeometry((100, 500, 400), (10.0,) * 3) for n in (1, 11, 17, 23, 32)}
    with collected() as notes:
        table = warp.read(path, tomograms)
    # 67.5° converted from radians to degrees twice: said, and taken modulo 360.
    assert len(notes) == 1 and "1,218 objects with angles beyond 720 degrees" in notes[0] and "57.29578" in notes[0]
    assert set(table.rows["tomogram"]) == set(tomograms) and len(table) == 1218
    row = table.rows.loc[0]
    assert row["x"] == pytest.approx(354.242 * 4.0 / 10.0)  # pixels of the images, 4 Å
    assert row["rot"] == pytest.approx(3867.465 - 11 * 360)
    same = (
        rotation_from_relion(row[["rot", "tilt", "psi"]].to_numpy(float))
        * rotation_from_relion([3867.465, 671.269, 10742.958]).inv()
    )
    assert np.degrees(same.magnitude()[0]) < 1e-6
    warp.write(table, tmp_path / "t.star")
    back = warp.read(tmp_path / "t.star", tomograms)
    kept = [name for name in table.rows if not name.startswith("rlnOrigin")]
    pd.testing.assert_frame_equal(back.rows[kept], table.rows[kept], rtol=1e-6, atol=1e-5)
    with pytest.raises(UserError, match="whose size and voxel size are not known"):
        warp.read(path, {})


def test_what_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.star"
    warp.write(ribosome(), path)
    text = path.read_text()
    path.write_text(text.replace("_rlnMicrographName", "_name"))
    with pytest.raises(UserError, match="has no column rlnMicrographName: a list of Warp's has"):
        warp.read(path, TS_01)
    path.write_text(text.replace("_rlnCoordinateX", "_rlnCenteredCoordinateXAngst"))
    with pytest.raises(UserError, match="has no column rlnCoordinateX"):
        warp.read(path, TS_01)
    with pytest.raises(UserError, match="no position"):
        warp.write(ribosome(x=np.nan), path)


def test_no_objects(tmp_path: Path) -> None:
    warp.write(empty_table(TS_01), tmp_path / "t.star")
    assert len(warp.read(tmp_path / "t.star", TS_01)) == 0


def test_recognised(tmp_path: Path, data_folder: Path) -> None:
    warp.write(ribosome(), tmp_path / "t.star")
    assert warp.recognised(head_of(tmp_path / "t.star")) == 3
    for path in (data_folder / "lists").iterdir():
        assert warp.recognised(head_of(path)) == (3 if path.name == "warp2_particles_matching.star" else 0)
