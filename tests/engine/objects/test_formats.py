"""Exchange formats: an example worked out by hand, there and back, real lists, files that are refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import starfile
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, empty_table, table_from_centroids, validate
from engine.objects.formats import FORMATS, csv_table, export, get_format, losses, picket, relion5

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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables())
def test_relion5_there_and_back(tmp_path: Path, table: ObjectTable) -> None:
    unwritable = ["nan", "NaN", "<NA>", "loop_", "data_x"]
    table = table.with_rows(table.rows.replace({"class": dict.fromkeys(unwritable, "other")}))
    path = tmp_path / "t.star"
    relion5.write(table, path)
    back = relion5.read(path, table.tomograms)
    pd.testing.assert_frame_equal(back.rows, table.rows, check_exact=False, rtol=0, atol=1e-6)
    relion5.write(table, tmp_path / "again.star")
    assert (tmp_path / "again.star").read_bytes() == path.read_bytes()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(*[st.floats(0, 9.99)] * 3), max_size=8))
def test_picket_there_and_back_cuts_fractions(tmp_path: Path, centroids: list) -> None:
    table = table_from_centroids("ts", ODD, np.array(centroids).reshape(-1, 3))
    picket.write(table, tmp_path / "t.yaml")
    back = picket.read(tmp_path / "t.yaml", {"ts": ODD, "other": EVEN})
    np.testing.assert_array_equal(back.coordinates_zyx(), np.floor(table.coordinates_zyx()))


def test_relion5_by_hand(tmp_path: Path) -> None:
    """Shape z 11, y 21, x 30 at 4, 5, 6 Å: middles 5.5, 10.5, 15."""
    table = one_object(rot=10.0, tilt=20.0, psi=30.0, score=0.5, rlnRandomSubset=2)
    relion5.write(table, tmp_path / "t.star", tilt_series_pixel_size=1.35)
    text = (tmp_path / "t.star").read_text()
    assert "data_optics" in text and "data_particles" in text and text.startswith("\n# version 50001\n")
    blocks = starfile.read(tmp_path / "t.star", parse_as_string=["rlnTomoName"])
    row = blocks["particles"].iloc[0]
    assert row["rlnTomoName"] == "TS_01" and row["rlnTomoParticleName"] == "TS_01/1"
    assert row["rlnCenteredCoordinateXAngst"] == (29 - 15) * 6
    assert row["rlnCenteredCoordinateYAngst"] == (2.5 - 10.5) * 5
    assert row["rlnCenteredCoordinateZAngst"] == (1 - 5.5) * 4
    assert [row[label] for label in relion5.PARTICLE_ANGLES] == [10, 20, 30]
    assert (row["rlnClassNumber"], row["tomodeckClassName"], row["rlnRandomSubset"]) == (1, "70S ribosome", 2)
    assert blocks["optics"]["rlnTomoTiltSeriesPixelSize"].tolist() == [1.35]
    assert row["rlnOpticsGroup"] == blocks["optics"]["rlnOpticsGroup"].iloc[0] == 1
    # What RELION makes of it: px = Å / pixel size + size / 2, with the pixels of this tomogram.
    assert row["rlnCenteredCoordinateZAngst"] / 4.0 + 11 / 2.0 == 1.0


def test_relion5_unknown_angles_are_not_written(tmp_path: Path) -> None:
    relion5.write(one_object(), tmp_path / "t.star")
    assert "rlnAngle" not in (tmp_path / "t.star").read_text()


def test_relion5_one_optics_group_per_voxel_size(tmp_path: Path) -> None:
    table = ObjectTable(pd.DataFrame({"tomogram": ["a", "b", "a"], "class": "c", "x": 1, "y": 1, "z": 1}))
    table = ObjectTable(table.rows, {"a": ODD, "b": EVEN})
    relion5.write(table, tmp_path / "t.star")
    blocks = starfile.read(tmp_path / "t.star")
    assert blocks["optics"]["rlnTomoTiltSeriesPixelSize"].tolist() == [6.0, 10.0]
    assert blocks["particles"]["rlnOpticsGroup"].tolist() == [1, 2, 1]
    assert blocks["particles"]["rlnTomoParticleName"].tolist() == ["a/1", "b/1", "a/2"]


def test_relion5_origin_and_subtomogram_angles(tmp_path: Path) -> None:
    """Subtomogram turned by rot 90: its x axis lies along −y, so an origin of 6 Å in x shifts by +6 Å in y."""
    labels = ["rlnTomoName", *relion5.CENTRED, *relion5.ORIGIN, *relion5.SUBTOMOGRAM_ANGLES]
    block = pd.DataFrame([["a", 0.0, 0.0, 0.0, 6.0, 0.0, 0.0, 90.0, 0.0, 0.0]], columns=labels)
    starfile.write({"particles": block}, tmp_path / "t.star")
    geometry = TomogramGeometry((10, 10, 10), (2.0, 2.0, 2.0))
    table = relion5.read(tmp_path / "t.star", {"a": geometry})
    np.testing.assert_allclose(table.rows.loc[0, ["x", "y", "z"]].to_numpy(float), [5, 8, 5])
    np.testing.assert_allclose(table.rows.loc[0, ["rot", "tilt", "psi"]].to_numpy(float), [90, 0, 0], atol=1e-9)


def test_relion5_numeric_tomogram_names_stay_text(tmp_path: Path) -> None:
    table = table_from_centroids("007", EVEN, np.ones((1, 3)))
    relion5.write(table, tmp_path / "t.star")
    assert relion5.read(tmp_path / "t.star", {"007": EVEN}).rows["tomogram"].tolist() == ["007"]


def test_relion5_real_list(tmp_path: Path, data_folder: Path) -> None:
    lists = data_folder / "lists"
    tomograms = relion5.read_tomograms(lists / "relion5_tomograms.star")
    assert tomograms["TS_43"] == TomogramGeometry((2000, 4000, 4000), (1.35, 1.35, 1.35))
    table = relion5.read(lists / "relion5_particles.star", tomograms)
    assert table.rows["tomogram"].value_counts().to_dict() == {
        "TS_43": 2428, "TS_01": 1829, "TS_03": 1826, "TS_45": 1605, "TS_54": 1365,
    }  # fmt: skip
    assert validate(table) == []
    # First row: 1774.846956 Å in x; the origin of 1.11 Å moves it by no more than one pixel.
    assert table.rows.loc[0, "x"] == pytest.approx(1774.846956 / 1.35 + 2000, abs=1.0)
    assert table.rows.loc[0, "rlnRandomSubset"] == 2
    relion5.write(table, tmp_path / "t.star")
    again = relion5.read(tmp_path / "t.star", tomograms)
    pd.testing.assert_frame_equal(again.rows, table.rows, check_exact=False, rtol=1e-5, atol=1e-5)


def test_csv_by_hand(tmp_path: Path) -> None:
    csv_table.write(one_object(score=0.5), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == (
        "tomogram,class,x,y,z,rot,tilt,psi,score,size,id\nTS_01,70S ribosome,29.0,2.5,1.0,,,,0.5,,1\n"
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


def test_picket_by_hand(tmp_path: Path) -> None:
    picket.write(one_object(), tmp_path / "t.yaml", {"pex_min_distance": np.int64(5), "voxel_size": np.ones(3)})
    content = yaml.safe_load((tmp_path / "t.yaml").read_text())
    assert content == {
        "Predicted_Particle_Centroid_Coordinates": [{"x": 29, "y": 2, "z": 1}],
        "metadata": {
            "tomogram_path": "TS_01",
            "tomogram_shape": [11, 21, 30],
            "voxel_size": [1.0, 1.0, 1.0],
            "pex_min_distance": 5,
        },
    }


def test_picket_holds_one_tomogram(tmp_path: Path) -> None:
    table = ObjectTable(pd.DataFrame({"tomogram": ["a/b", "c"], "x": [1, 2], "y": 3, "z": 4}), {"a/b": ODD, "c": ODD})
    with pytest.raises(UserError, match=r"2 \(a/b, c\).*one file per tomogram"):
        picket.write(table, tmp_path / "t.yaml")
    assert "one file per tomogram" in losses(table, get_format("picket"))[0]
    written = export(table, get_format("picket"), tmp_path / "t.yaml")
    assert [path.name for path in written] == ["t_a_b.yaml", "t_c.yaml"]
    assert picket.read(written[1], {"c": ODD}).rows["x"].tolist() == [2.0]


@pytest.mark.parametrize("name", list(FORMATS))
def test_every_format(tmp_path: Path, name: str) -> None:
    chosen = get_format(name)
    table = table_from_centroids("ts", EVEN, np.array([[3.0, 4.0, 5.0]]))
    path = tmp_path / f"t{chosen.suffix}"
    assert export(table, chosen, path) == [path]
    np.testing.assert_array_equal(chosen.read(path, {"ts": EVEN}).coordinates_zyx(), [[3.0, 4.0, 5.0]])
    assert losses(table, chosen) == [] and chosen.conventions
    chosen.write(empty_table({"ts": EVEN}), path)
    assert len(chosen.read(path, {"ts": EVEN})) == 0
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    for content in (b"", b"\x00\xff\xfe junk \n , [", b"data_\n\nloop_\n_a #1\n1\n"):
        path.write_bytes(content)
        with pytest.raises(UserError) as caught:
            chosen.read(path, {"ts": EVEN})
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no such file"):
        chosen.read(tmp_path / "none", {"ts": EVEN})
    with pytest.raises(UserError, match="no such file or folder"):
        chosen.write(table, tmp_path / "none" / "t")


def test_what_cannot_be_written_or_found(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="relion5, csv, picket"):
        get_format("mod")
    lost = one_object(z=np.nan)
    for writer in (relion5.write, picket.write):
        with pytest.raises(UserError, match="no position"):
            writer(lost, tmp_path / "t")
    for name in ('my "best"', "no #1", "NaN", "", "loop_", "data_1", "a\tb"):
        with pytest.raises(UserError, match="cannot be written to a STAR file"):
            relion5.write(one_object(**{"class": name}), tmp_path / "t.star")
    with pytest.raises(UserError, match="'TS_01' is not known"):
        relion5.write(ObjectTable(one_object().rows), tmp_path / "t.star")
    relion5.write(one_object(), tmp_path / "t.star")
    with pytest.raises(UserError, match="'TS_01', whose size is not known here"):
        relion5.read(tmp_path / "t.star", {"TS_02": ODD})
    (tmp_path / "t.csv").write_text("x,y,z\n1,2,three\n")
    with pytest.raises(UserError, match="column z: 'three' is not a number"):
        csv_table.read(tmp_path / "t.csv", {"a": ODD})
    (tmp_path / "t.csv").write_text("x,y,z\n1,2,3\n")
    with pytest.raises(UserError, match="which tomogram"):
        csv_table.read(tmp_path / "t.csv", {"a": ODD, "b": ODD})
    orientations = one_object(rot=1.0, tilt=2.0, psi=3.0, score=1.0)
    assert len(losses(orientations, get_format("picket"))) == 2
