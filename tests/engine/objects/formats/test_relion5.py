"""RELION 5: worked by hand, there and back, the middle by either rule, real particles, what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import starfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, empty_table, rotation_from_relion, validate
from engine.objects.formats import relion5
from engine.objects.formats.format import head_of
from engine.objects.formats.notes import collected
from engine.objects.formats.relion_particles import CENTRED, ORIGIN, PARTICLE_ANGLES, SUBTOMOGRAM_ANGLES

TS_01 = TomogramGeometry((201, 400, 501), (10.0, 10.0, 10.0))
ODD = TomogramGeometry((11, 21, 30), (4.0, 5.0, 6.0))
UNBINNED = """
data_global

loop_
_rlnTomoName #1
_rlnTomoTiltSeriesPixelSize #2
_rlnTomoTomogramBinning #3
_rlnTomoSizeX #4
_rlnTomoSizeY #5
_rlnTomoSizeZ #6
TS_01 2.5 4.0 2005 1600 805
"""


def ribosome(**columns: object) -> ObjectTable:
    row = {"tomogram": "TS_01", "class": "ribosome", "x": 100.0, "y": 50.0, "z": 20.25}
    row |= {"rot": 30.0, "tilt": 60.0, "psi": -45.0, "score": 0.75} | columns
    return ObjectTable(pd.DataFrame([row]), {"TS_01": TS_01})


def first(path: Path) -> pd.Series:
    return starfile.read(path, always_dict=True, parse_as_string=["rlnTomoName"])["particles"].iloc[0]


def places(table: ObjectTable) -> list[float]:
    return table.rows[["x", "y", "z"]].iloc[0].tolist()


def test_by_hand(tmp_path: Path) -> None:
    """Middle of 501 × 400 × 201 voxels: 250.5, 200, 100.5; (100 − 250.5) × 10 Å = −1505 and so on."""
    relion5.write(ribosome(rlnRandomSubset=2), tmp_path / "t.star", relion5.Writing(tilt_series_pixel_size=2.5))
    text = (tmp_path / "t.star").read_text()
    assert text.startswith("\n# version 50001\n") and "data_optics" in text
    row = first(tmp_path / "t.star")
    assert row[CENTRED].tolist() == [-1505.0, -1500.0, -802.5]
    assert row[PARTICLE_ANGLES].tolist() == [30.0, 60.0, -45.0]
    assert (row["rlnTomoName"], row["rlnTomoParticleName"]) == ("TS_01", "TS_01/1")
    assert (row["rlnClassNumber"], row["tomodeckClassName"], row["tomodeckScore"]) == (1, "ribosome", 0.75)
    assert row["rlnRandomSubset"] == 2
    optics = starfile.read(tmp_path / "t.star")["optics"]
    assert optics["rlnTomoTiltSeriesPixelSize"].tolist() == [2.5] and row["rlnOpticsGroup"] == 1
    # What RELION makes of it with the unbinned size 4 × 501: px = Å / 2.5 + 2004 / 2 = 400, which is 1000 Å.
    assert row[CENTRED[0]] / 2.5 + 2004 / 2.0 == 400.0


def test_even_size_by_hand(tmp_path: Path) -> None:
    table = ObjectTable(ribosome().rows, {"TS_01": TomogramGeometry((200, 400, 500), (10.0, 10.0, 10.0))})
    relion5.write(table, tmp_path / "t.star")
    assert first(tmp_path / "t.star")[CENTRED].tolist() == [-1500.0, -1500.0, -797.5]


def test_middle_from_a_tomograms_star(tmp_path: Path) -> None:
    """2005 × 1600 × 805 pixels of 2.5 Å: middle 2506.25, 2000, 1006.25 Å, whatever the binned shape is."""
    star = tmp_path / "tomograms.star"
    star.write_text(UNBINNED)
    options = relion5.Writing(tomograms_star=str(star))
    with collected() as notes:
        relion5.write(ribosome(), tmp_path / "t.star", options)
    assert len(notes) == 2 and "TS_01 has an odd unbinned size" in notes[0]
    row = first(tmp_path / "t.star")
    assert row[CENTRED].tolist() == [-1506.25, -1500.0, -803.75]
    # RELION: −1506.25 / 2.5 + 2005 / 2.0 = 400 px = 1000 Å = voxel 100.
    assert row[CENTRED[0]] / 2.5 + 2005 / 2.0 == 400.0
    assert starfile.read(tmp_path / "t.star")["optics"]["rlnTomoTiltSeriesPixelSize"].tolist() == [2.5]
    back = relion5.read(tmp_path / "t.star", {"TS_01": TS_01}, relion5.Reading(tomograms_star=str(star)))
    assert places(back) == [100.0, 50.0, 20.25]
    # Without the tomogram itself its unbinned voxels are meant.
    whole = relion5.read(tmp_path / "t.star", {}, relion5.Reading(tomograms_star=str(star)))
    assert places(whole) == [400.0, 200.0, 81.0] and whole.tomograms["TS_01"].shape == (805, 1600, 2005)
    star.write_text(UNBINNED.replace("TS_01", "TS_02"))
    with pytest.raises(UserError, match=r"has no tomogram 'TS_01'"):
        relion5.write(ribosome(), tmp_path / "t.star", options)


def test_a_tomogram_of_another_size_is_said(tmp_path: Path) -> None:
    """806 × 2.5 Å = 2015 Å against 150 × 10 Å in z; 201 × 10 Å would be the same volume, rounded."""
    star = tmp_path / "tomograms.star"
    star.write_text(UNBINNED.replace("2005 1600 805", "2004 1600 806"))
    table = ObjectTable(ribosome().rows, {"TS_01": TomogramGeometry((150, 400, 501), (10.0, 10.0, 10.0))})
    with collected() as notes:
        relion5.write(table, tmp_path / "t.star", relion5.Writing(tomograms_star=str(star)))
    assert len(notes) == 2
    assert "5010 × 4000 × 1500 Å here and 5010 × 4000 × 2015 Å in the tomograms.star" in notes[1]
    with collected() as notes:
        relion5.write(ribosome(), tmp_path / "t.star", relion5.Writing(tomograms_star=str(star)))
        relion5.read(tmp_path / "t.star", {"TS_01": TS_01}, relion5.Reading(tomograms_star=str(star)))
    assert notes == ["RELION has numbers for classes: 1 = ribosome."]


def test_middle_one_pixel_lower(tmp_path: Path) -> None:
    """Size / 2 − 1 unbinned pixels of 2.5 Å: −1505 + 2.5; read by the other rule it is a quarter voxel off."""
    options = relion5.Writing(tilt_series_pixel_size=2.5, centre="size/2 - 1")
    relion5.write(ribosome(), tmp_path / "t.star", options)
    assert first(tmp_path / "t.star")[CENTRED].tolist() == [-1502.5, -1497.5, -800.0]
    back = relion5.read(tmp_path / "t.star", {"TS_01": TS_01}, relion5.Reading(centre="size/2 - 1"))
    assert places(back) == [100.0, 50.0, 20.25]
    assert places(relion5.read(tmp_path / "t.star", {"TS_01": TS_01})) == [100.25, 50.25, 20.5]


def test_read_tomograms(tmp_path: Path) -> None:
    star = tmp_path / "tomograms.star"
    star.write_text(UNBINNED)
    assert relion5.read_tomograms(star) == {"TS_01": TomogramGeometry((805, 1600, 2005), (2.5, 2.5, 2.5))}
    assert relion5.binned_tomograms(star) == {"TS_01": TomogramGeometry((201, 400, 501), (10.0, 10.0, 10.0))}
    star.write_text(UNBINNED.replace("2005", "0"))
    with pytest.raises(UserError, match=r"line 11: sizes of TS_01"):
        relion5.read_tomograms(star)
    star.write_text(UNBINNED.replace("_rlnTomoSizeZ", "_other"))
    with pytest.raises(UserError, match="has no column rlnTomoSizeZ"):
        relion5.read_tomograms(star)


def test_beside(tmp_path: Path) -> None:
    """One tomogram: the list names the file itself. Several: one file each, as RELION's import wants them."""
    options = relion5.Writing(tilt_series_pixel_size=2.5)
    files = relion5.beside(ribosome(), tmp_path / "picks.star", options)
    assert sorted(files) == ["picks_import.star", "picks_tomograms.star"]
    assert "TS_01\tpicks.star" in files["picks_import.star"]
    (tmp_path / "t.star").write_text(files["picks_tomograms.star"])
    # 501, 400, 201 voxels of 10 Å are 2004, 1600, 804 pixels of 2.5 Å.
    assert relion5.read_tomograms(tmp_path / "t.star") == {"TS_01": TomogramGeometry((804, 1600, 2004), (2.5,) * 3)}
    assert relion5.binned_tomograms(tmp_path / "t.star") == {"TS_01": TS_01}
    rows = pd.DataFrame({"tomogram": ["a", "b", "a"], "class": "c", "x": [1, 2, 3], "y": 1, "z": 1})
    table = ObjectTable(rows, {"a": TS_01, "b": TS_01})
    files = relion5.beside(table, tmp_path / "picks.star", options)
    assert sorted(files) == [
        "picks_import.star", "picks_import_a.star", "picks_import_b.star", "picks_tomograms.star",
    ]  # fmt: skip
    (tmp_path / "a.star").write_text(files["picks_import_a.star"])
    only_a = relion5.read(tmp_path / "a.star", table.tomograms)
    np.testing.assert_allclose(only_a.rows["x"], [1, 3], atol=1e-6)
    (tmp_path / "tomograms.star").write_text(UNBINNED)
    known = relion5.Writing(tomograms_star=str(tmp_path / "tomograms.star"))
    assert list(relion5.beside(ribosome(), tmp_path / "picks.star", known)) == ["picks_import.star"]


def test_unknown_angles_are_not_written(tmp_path: Path) -> None:
    relion5.write(ribosome(rot=np.nan, tilt=np.nan, psi=np.nan), tmp_path / "t.star")
    assert "rlnAngle" not in (tmp_path / "t.star").read_text()
    assert relion5.read(tmp_path / "t.star", {"TS_01": TS_01}).rows["rot"].isna().all()


def test_one_optics_group_per_voxel_size(tmp_path: Path) -> None:
    rows = pd.DataFrame({"tomogram": ["a", "b", "a"], "class": "c", "x": 1, "y": 1, "z": 1})
    relion5.write(ObjectTable(rows, {"a": ODD, "b": TS_01}), tmp_path / "t.star")
    blocks = starfile.read(tmp_path / "t.star")
    assert blocks["optics"]["rlnTomoTiltSeriesPixelSize"].tolist() == [6.0, 10.0]
    assert blocks["particles"]["rlnOpticsGroup"].tolist() == [1, 2, 1]
    assert blocks["particles"]["rlnTomoParticleName"].tolist() == ["a/1", "b/1", "a/2"]


def test_origin_and_subtomogram_angles(tmp_path: Path) -> None:
    """Subtomogram turned by rot 90: its x axis lies along −y, so an origin of 6 Å in x shifts by +6 Å in y."""
    labels = ["rlnTomoName", *CENTRED, *ORIGIN, *SUBTOMOGRAM_ANGLES]
    block = pd.DataFrame([["a", 0.0, 0.0, 0.0, 6.0, 0.0, 0.0, 90.0, 0.0, 0.0]], columns=labels)
    starfile.write({"particles": block}, tmp_path / "t.star")
    geometry = {"a": TomogramGeometry((10, 10, 10), (2.0, 2.0, 2.0))}
    table = relion5.read(tmp_path / "t.star", geometry)
    np.testing.assert_allclose(places(table), [5, 8, 5])
    np.testing.assert_allclose(table.rows.loc[0, ["rot", "tilt", "psi"]].to_numpy(float), [90, 0, 0], atol=1e-9)
    # Written in the frame that its subtomogram was extracted in, also after it was moved and turned.
    moved = table.with_rows(table.rows.assign(x=6.0, rot=10.0, tilt=20.0, psi=30.0))
    relion5.write(moved, tmp_path / "again.star")
    row = first(tmp_path / "again.star")
    np.testing.assert_allclose(
        row[[*CENTRED, *ORIGIN, *SUBTOMOGRAM_ANGLES]].to_numpy(float), [2, 0, 0, 6, 0, 0, 90, 0, 0]
    )
    back = relion5.read(tmp_path / "again.star", geometry)
    np.testing.assert_allclose(places(back), [6, 8, 5])
    np.testing.assert_allclose(back.rows.loc[0, ["rot", "tilt", "psi"]].to_numpy(float), [10, 20, 30], atol=1e-5)


def test_objects_added_to_a_list_with_subtomograms(tmp_path: Path) -> None:
    """A new row has no frame and no orientation: its place is its own and its orientation stays unknown."""
    rows = pd.concat([ribosome().rows, ribosome(x=1.0, rot=np.nan, tilt=np.nan, psi=np.nan, id=2).rows])
    for label in (*SUBTOMOGRAM_ANGLES, *ORIGIN):
        rows[label] = [5.0, np.nan]
    table = ObjectTable(rows, {"TS_01": TS_01})
    relion5.write(table, tmp_path / "t.star")
    back = relion5.read(tmp_path / "t.star", table.tomograms).rows
    np.testing.assert_allclose(back[["x", "y", "z"]], table.rows[["x", "y", "z"]], atol=1e-6)
    np.testing.assert_allclose(back.loc[0, ["rot", "tilt", "psi"]].to_numpy(float), [30, 60, -45], atol=1e-5)
    assert back.loc[1, ["rot", "tilt", "psi"]].isna().all()


def test_particle_names_are_kept_and_new_ones_numbered_on(tmp_path: Path) -> None:
    names = ["TS_01/12", np.nan, "TS_01/12", "TS_02/3", "TS_01/7"]
    rows = pd.DataFrame(
        {"tomogram": "TS_01", "class": "c", "x": range(5), "y": 1, "z": 1, "rlnTomoParticleName": names}
    )
    relion5.write(ObjectTable(rows, {"TS_01": TS_01}), tmp_path / "t.star")
    written = starfile.read(tmp_path / "t.star")["particles"]["rlnTomoParticleName"].tolist()
    assert written == ["TS_01/12", "TS_01/13", "TS_01/14", "TS_01/15", "TS_01/7"]


def test_tomograms_get_relions_names(tmp_path: Path) -> None:
    star = tmp_path / "tomograms.star"
    star.write_text(UNBINNED)
    table = ObjectTable(ribosome(tomogram="TS_01_10.00Apx").rows, {"TS_01_10.00Apx": TS_01})
    options = relion5.Writing(tomograms_star=str(star))
    relion5.write(table, tmp_path / "t.star", options)
    assert first(tmp_path / "t.star")[["rlnTomoName", "rlnTomoParticleName"]].tolist() == ["TS_01", "TS_01/1"]
    assert "TS_01\tt.star" in relion5.beside(table, tmp_path / "t.star", options)["t_import.star"]
    back = relion5.read(tmp_path / "t.star", table.tomograms, relion5.Reading(tomograms_star=str(star)))
    assert back.rows["tomogram"].tolist() == ["TS_01_10.00Apx"] and places(back) == [100.0, 50.0, 20.25]


def test_numeric_tomogram_names_stay_text(tmp_path: Path) -> None:
    table = ObjectTable(ribosome(tomogram="007").rows, {"007": TS_01})
    relion5.write(table, tmp_path / "t.star")
    assert relion5.read(tmp_path / "t.star", {"007": TS_01}).rows["tomogram"].tolist() == ["007"]


@st.composite
def tables(draw: st.DrawFn) -> ObjectTable:
    count = draw(st.integers(0, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    texts = st.text(
        st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="\"'#_;"), min_size=1
    )
    odd = st.sampled_from(["NA", "None", "null", "1.0", "007", "1e5", "a b", "True"])
    rows = pd.DataFrame(rng.uniform(0, 10, (count, 3)), columns=["x", "y", "z"])
    rows[["rot", "tilt", "psi"]] = rng.uniform([-180, 1, -180], [180, 179, 180], (count, 3))
    rows.loc[rng.random(count) < 0.3, ["rot", "tilt", "psi"]] = np.nan
    rows["tomogram"] = rng.choice(["TS_01", "b c"], count)
    names = texts.filter(lambda name: name not in ("nan", "NaN") and not name.startswith(("data", "loop")))
    rows["class"] = draw(st.lists(names | odd, min_size=count, max_size=count))
    rows["score"] = rng.choice([0.25, np.nan, 1e-9, -3.0, 1e12], count)
    rows["size"] = rng.choice([12.0, np.nan], count)
    rows["id"] = draw(st.lists(st.integers(1, 10**12), min_size=count, max_size=count, unique=True))
    return ObjectTable(rows, {"TS_01": TS_01, "b c": ODD})


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables())
def test_there_and_back(tmp_path: Path, table: ObjectTable) -> None:
    relion5.write(table, tmp_path / "t.star")
    back = relion5.read(tmp_path / "t.star", table.tomograms)
    optics = [name for name in back.rows if name.startswith("rln")]
    pd.testing.assert_frame_equal(back.rows.drop(columns=optics), table.rows, rtol=1e-8, atol=1e-6)
    np.testing.assert_allclose(back.rows["score"], table.rows["score"], rtol=1e-8)
    relion5.write(back, tmp_path / "again.star")
    assert (tmp_path / "again.star").read_bytes() == (tmp_path / "t.star").read_bytes()


def test_real_list(tmp_path: Path, data_folder: Path) -> None:
    lists = data_folder / "lists"
    tomograms = relion5.read_tomograms(lists / "relion5_tomograms.star")
    assert tomograms["TS_43"] == TomogramGeometry((2000, 4000, 4000), (1.35, 1.35, 1.35))
    with collected() as notes:
        table = relion5.read(lists / "relion5_particles.star", tomograms)
    assert notes == [] and validate(table) == []
    assert table.rows["tomogram"].value_counts().to_dict() == {
        "TS_43": 2428, "TS_01": 1829, "TS_03": 1826, "TS_45": 1605, "TS_54": 1365,
    }  # fmt: skip
    # First row: 1774.846956 Å in x; the origin of 1.11 Å moves it by no more than one pixel.
    assert table.rows.loc[0, "x"] == pytest.approx(1774.846956 / 1.35 + 2000, abs=1.0)
    assert table.rows.loc[0, ["rlnRandomSubset", "rlnVoltage", "rlnTomoSubTomosAre2DStacks"]].tolist() == [2, 300, 1]
    relion5.write(table, tmp_path / "t.star")
    again = relion5.read(tmp_path / "t.star", tomograms)
    pd.testing.assert_frame_equal(again.rows, table.rows, rtol=1e-5, atol=1e-5, check_like=True)
    turned = (
        rotation_from_relion(again.rows[["rot", "tilt", "psi"]])
        * rotation_from_relion(table.rows[["rot", "tilt", "psi"]]).inv()
    )
    assert np.degrees(turned.magnitude().max()) < 1e-3
    # The blocks that RELION needs to find the stacks again.
    given, written = (starfile.read(p) for p in (lists / "relion5_particles.star", tmp_path / "t.star"))
    assert given["general"] == {"rlnTomoSubTomosAre2DStacks": 1}
    assert written["general"]["rlnTomoSubTomosAre2DStacks"].tolist() == [1]
    pd.testing.assert_frame_equal(written["optics"][given["optics"].columns], given["optics"])
    same = written["particles"][given["particles"].columns]
    pd.testing.assert_frame_equal(same, given["particles"], rtol=1e-6, atol=1e-5)


def test_real_list_on_a_binned_tomogram(data_folder: Path) -> None:
    lists = data_folder / "lists"
    whole = relion5.read(
        lists / "relion5_particles.star", relion5.read_tomograms(lists / "relion5_tomograms.star")
    ).rows
    star = lists / "relion5_tomograms.star"
    binned = relion5.read(
        lists / "relion5_particles.star",
        relion5.binned_tomograms(star),
        relion5.Reading(tomograms_star=str(star)),
    ).rows
    np.testing.assert_allclose(binned["x"] * 7.407407, whole["x"], atol=1e-3)


def test_what_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.star"
    with pytest.raises(UserError, match="no position"):
        relion5.write(ribosome(z=np.nan), path)
    for name in ('my "best"', "no #1", "NaN", "", "loop_", "data_1", "a\tb"):
        with pytest.raises(UserError, match="cannot be written to a STAR file"):
            relion5.write(ribosome(**{"class": name}), path)
    with pytest.raises(UserError, match=r"rlnMicrographMovieName cannot be written"):
        relion5.write(ribosome(rlnMicrographMovieName='a "b"'), path)
    with pytest.raises(UserError, match="'TS_01' is not known"):
        relion5.write(ObjectTable(ribosome().rows), path)
    assert not path.exists()
    relion5.write(ribosome(), path)
    with pytest.raises(UserError, match=r"'TS_01', whose size .*: give its size, or add the tomogram"):
        relion5.read(path, {"TS_02": TS_01})
    text = path.read_text()
    path.write_text(text.replace("-802.500000", "abc"))
    with pytest.raises(UserError, match=r"line \d+: rlnCenteredCoordinateZAngst = 'abc' is not a number"):
        relion5.read(path, {"TS_01": TS_01})
    path.write_text(text.replace("_rlnCenteredCoordinateYAngst", "_rlnCoordinateY"))
    with pytest.raises(UserError, match="has no column rlnCenteredCoordinateYAngst: a RELION 5 list has"):
        relion5.read(path, {"TS_01": TS_01})
    path.write_text(text.replace("\t1\tribosome", "\t7\tribosome").replace("\n1\topticsGroup1", "\n2\topticsGroup1"))
    with pytest.raises(UserError, match=r"rlnOpticsGroup 1 is not in its block data_optics"):
        relion5.read(path, {"TS_01": TS_01})
    with pytest.raises(UserError, match="no such file"):
        relion5.read(tmp_path / "none.star", {})


def test_further_columns_with_gaps_are_said(tmp_path: Path) -> None:
    rows = pd.concat([ribosome(rlnRandomSubset=1, flag=1).rows, ribosome(id=2).rows])
    with collected() as notes:
        relion5.write(ObjectTable(rows, {"TS_01": TS_01}), tmp_path / "t.star")
    assert notes == [
        "RELION has numbers for classes: 1 = ribosome.",
        "Not written, because RELION has no place for them: flag.",
        "Not written, because some objects have no value in them: rlnRandomSubset.",
    ]
    assert "rlnRandomSubset" not in (tmp_path / "t.star").read_text()


def test_no_objects(tmp_path: Path) -> None:
    relion5.write(empty_table({"TS_01": TS_01}), tmp_path / "t.star")
    assert len(relion5.read(tmp_path / "t.star", {"TS_01": TS_01})) == 0
    assert relion5.beside(empty_table({"TS_01": TS_01}), tmp_path / "t.star") == {}


def test_recognised(tmp_path: Path, data_folder: Path) -> None:
    relion5.write(ribosome(), tmp_path / "t.star")
    assert relion5.recognised(head_of(tmp_path / "t.star")) == 3
    for path in (data_folder / "lists").iterdir():
        assert relion5.recognised(head_of(path)) == (3 if path.name == "relion5_particles.star" else 0)
