"""RELION 3.0 and 3.1: voxels of the tomogram by hand, Warp's pixels of the images, real lists."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import starfile

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, empty_table
from engine.objects.formats import relion3
from engine.objects.formats.format import head_of
from engine.objects.formats.notes import collected
from engine.objects.formats.relion_particles import COORDINATE

TS_01 = {"TS_01": TomogramGeometry((201, 400, 501), (10.0, 10.0, 10.0))}
REAL = {
    "relion_3.0.star": {"01006": TomogramGeometry((465, 928, 960), (10.73,) * 3)},
    "relion_3.1_optics2.star": {name: TomogramGeometry((400, 600, 600), (12.23,) * 3) for name in ("0002", "0003")},
}


def ribosome(**columns: object) -> ObjectTable:
    row = {"tomogram": "TS_01", "class": "ribosome", "x": 100.0, "y": 50.0, "z": 20.25}
    row |= {"rot": 30.0, "tilt": 60.0, "psi": -45.0, "score": 0.75} | columns
    return ObjectTable(pd.DataFrame([row]), TS_01)


def written_by_hand(path: Path, labels: str, values: str) -> Path:
    header = "".join(f"_{label} #{number}\n" for number, label in enumerate(labels.split(), 1))
    path.write_text(f"data_\n\nloop_\n{header}{values}\n")
    return path


def test_by_hand(tmp_path: Path) -> None:
    """Voxels as they are; the images are taken to have the voxel size of the tomogram."""
    relion3.write(ribosome(), tmp_path / "t.star")
    blocks = starfile.read(tmp_path / "t.star")
    row = blocks["particles"].iloc[0]
    assert row["rlnMicrographName"] == "TS_01.mrc"
    assert row[COORDINATE].tolist() == [100.0, 50.0, 20.25]
    assert row[["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnClassNumber"]].tolist() == [30.0, 60.0, -45.0, 1]
    assert blocks["optics"]["rlnImagePixelSize"].tolist() == [10.0]
    back = relion3.read(tmp_path / "t.star", TS_01)
    pd.testing.assert_frame_equal(back.rows[ribosome().rows.columns], ribosome().rows)
    # In pixels of 2.5 Å: 1000 Å are 400.
    relion3.write(ribosome(), tmp_path / "t.star", relion3.Writing(pixel_size=2.5))
    assert starfile.read(tmp_path / "t.star")["particles"].iloc[0][COORDINATE].tolist() == [400.0, 200.0, 81.0]
    assert relion3.read(tmp_path / "t.star", TS_01).rows.loc[0, ["x", "y", "z"]].tolist() == [100.0, 50.0, 20.25]


def test_version_30_by_hand(tmp_path: Path) -> None:
    """5 µm at 10000 times are 5 Å: an origin of 2 pixels is 10 Å, one voxel of 10 Å."""
    labels = "rlnMicrographName rlnCoordinateX rlnCoordinateY rlnCoordinateZ rlnOriginX rlnOriginY rlnOriginZ"
    values = "a/TS_01.mrc 100 50 20.25 2 0 -1"
    path = written_by_hand(tmp_path / "t.star", f"{labels} rlnDetectorPixelSize rlnMagnification", f"{values} 5 10000")
    with collected() as notes:
        table = relion3.read(path, TS_01)
    assert table.rows.loc[0, ["tomogram", "x", "y", "z"]].tolist() == ["TS_01", 99.0, 50.0, 20.75]
    assert len(notes) == 1 and "taken in pixels of 10 Å (of the tomogram), not of 5 Å" in notes[0]
    table = relion3.read(path, TS_01, relion3.Reading(pixel_size=5.0))
    assert table.rows.loc[0, ["x", "y", "z"]].tolist() == [49.0, 25.0, 10.625]
    path = written_by_hand(path, labels, values)
    with pytest.raises(UserError, match="rlnOriginX in pixels of the images and does not say their size"):
        relion3.read(path, TS_01)


def test_warps_names_mean_pixels_of_the_images(tmp_path: Path) -> None:
    """TS_01 at 10 Å per voxel, images at 5 Å: 200 px = 1000 Å = voxel 100, known or not."""
    labels = "rlnMicrographName rlnCoordinateX rlnCoordinateY rlnCoordinateZ rlnPixelSize"
    path = written_by_hand(tmp_path / "t.star", labels, "a/TS_01_10.00Apx.mrc 200 100 40.5 5.0")
    for tomograms in (TS_01, {}):
        with collected() as notes:
            table = relion3.read(path, tomograms)
        assert table.rows.loc[0, ["tomogram", "x", "y", "z"]].tolist() == ["TS_01", 100.0, 50.0, 20.25]
        assert len(notes) == 1 and "pixels of 5 Å (of the images, as in Warp's lists), not of 10 Å" in notes[0]
    # What is written from it says itself what its numbers are: nothing is guessed again.
    relion3.write(relion3.read(path, TS_01), tmp_path / "again.star")
    with collected() as notes:
        again = relion3.read(tmp_path / "again.star", TS_01)
    assert notes == [] and again.rows.loc[0, "x"] == 100.0
    assert starfile.read(tmp_path / "again.star")["optics"]["rlnImagePixelSize"].tolist() == [5.0]


def test_unknown_tomogram_without_any_size_keeps_its_voxels(tmp_path: Path) -> None:
    labels = "rlnMicrographName rlnCoordinateX rlnCoordinateY rlnCoordinateZ"
    path = written_by_hand(tmp_path / "t.star", labels, "24 100 50 20.25")
    table = relion3.read(path, {})
    assert table.rows.loc[0, ["tomogram", "x"]].tolist() == ["24", 100.0] and table.tomograms == {}
    with pytest.raises(UserError, match="'24', whose size and voxel size are not known"):
        relion3.read(path, {}, relion3.Reading(pixel_size=2.0))


@pytest.mark.parametrize("name", list(REAL))
def test_real_list(tmp_path: Path, data_folder: Path, name: str) -> None:
    table = relion3.read(data_folder / "lists" / name, REAL[name])
    shapes = table.per_row("shape")[:, ::-1]
    assert (table.rows[["x", "y", "z"]].to_numpy() < shapes).all()
    relion3.write(table, tmp_path / "t.star")
    back = relion3.read(tmp_path / "t.star", REAL[name])
    assert set(table.rows.columns) <= set(back.rows.columns)
    pd.testing.assert_frame_equal(back.rows[table.rows.columns], table.rows, rtol=1e-6, atol=1e-5)


def test_real_numbers(data_folder: Path) -> None:
    lists = data_folder / "lists"
    first = relion3.read(lists / "relion_3.0.star", REAL["relion_3.0.star"]).rows.loc[0]
    assert first["x"] == pytest.approx(1028.455 * 5.364 / 10.73) and first["tomogram"] == "01006"
    rows = relion3.read(lists / "relion_3.1_optics2.star", REAL["relion_3.1_optics2.star"]).rows
    # Two optics groups with their own pixel sizes; origins in Å.
    angstrom = np.array([915.549 * 2.446, 1636.359 * 3.446, 1998.897 * 3.446]) + 0.25289
    np.testing.assert_allclose(rows["x"], angstrom / 12.23)
    assert rows["rlnOpticsGroupName"].tolist() == ["opticsGroup1", "opticsGroup2", "opticsGroup2"]


def test_what_is_refused(tmp_path: Path) -> None:
    labels = "rlnMicrographName rlnCoordinateX rlnCoordinateY"
    path = written_by_hand(tmp_path / "t.star", labels, "a 1 2")
    with pytest.raises(UserError, match="has no column rlnCoordinateZ: a RELION 3 list of subtomograms has"):
        relion3.read(path, TS_01)
    path = written_by_hand(path, labels + " rlnCoordinateZ", "a 1 2 3\nb 1 x 3")
    with pytest.raises(UserError, match=r"line 9: rlnCoordinateY = 'x' is not a number"):
        relion3.read(path, {})


def test_no_objects(tmp_path: Path) -> None:
    relion3.write(empty_table(TS_01), tmp_path / "t.star")
    assert len(relion3.read(tmp_path / "t.star", TS_01)) == 0


def test_recognised(tmp_path: Path, data_folder: Path) -> None:
    relion3.write(ribosome(), tmp_path / "t.star")
    assert relion3.recognised(head_of(tmp_path / "t.star")) == 3
    for path in (data_folder / "lists").iterdir():
        assert relion3.recognised(head_of(path)) == (3 if path.name in REAL else 0)
