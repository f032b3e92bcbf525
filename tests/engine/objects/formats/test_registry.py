"""All formats through the registry: detection, what is lost, several files, files that are none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, empty_table, table_from_centroids
from engine.objects.formats import FORMATS, detect, export, get_format, losses, options_of, read_objects, targets
from engine.objects.formats.tomogram_names import match_names

EVEN = TomogramGeometry((100, 200, 300), (10.0, 10.0, 10.0))
EXPECTED = {
    "correct111.mod": "imod",
    "correct189.mod": "imod",
    "dynamo_crop.tbl": "dynamo",
    "dynamo_small.tbl": "dynamo",
    "empty111.mod": "imod",
    "object_list_tomo0.xml": "deepfinder-xml",
    "object_list_valid.xml": "deepfinder-xml",
    "particle_locations_model_9.txt": "deepfinder-txt",
    "relion5_particles.star": "relion5",
    "relion_3.0.star": "relion3",
    "relion_3.1_optics2.star": "relion3",
    "relion_4.0.star": "relion4",
    "stopgap_motl.star": "stopgap",
    "warp2_particles_matching.star": "warp",
}


def test_real_lists_are_told_by_their_content(real_lists: list[Path], tmp_path: Path) -> None:
    found = {}
    for path in real_lists:
        unnamed = tmp_path / f"{path.stem}.list"  # the ending says nothing
        unnamed.write_bytes(path.read_bytes()[:200_000])
        try:
            found[path.name] = detect(unnamed).name
        except UserError:
            assert path.name == "relion5_tomograms.star"
    assert found == EXPECTED


@pytest.mark.parametrize("name", list(FORMATS))
def test_what_was_written_is_recognised_and_nothing_else_left(tmp_path: Path, name: str) -> None:
    chosen = get_format(name)
    table = table_from_centroids("ts_1", EVEN, np.array([[3.0, 4.0, 5.0]]), class_name="ribosome")
    written = export(table, chosen, tmp_path / f"t{chosen.suffix}")
    assert detect(written[0]) is chosen
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in written)
    assert losses(table, chosen) == []
    assert chosen.unit.endswith(".") and chosen.origin.endswith(".")


@pytest.mark.parametrize("name", list(FORMATS))
def test_an_empty_table_and_files_that_are_none(tmp_path: Path, name: str) -> None:
    chosen = get_format(name)
    path = tmp_path / f"t{chosen.suffix}"
    export(empty_table({"ts": EVEN}), chosen, path)
    assert len(read_objects(path, {"ts": EVEN}, chosen)) == 0
    for content in (b"", b"\x00\xff\xfe junk \n , [", b"data_\n\nloop_\n_a #1\n1\n"):
        path.write_bytes(content)
        with pytest.raises(UserError) as caught:
            read_objects(path, {"ts": EVEN}, chosen)
        assert path.name in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no such file"):
        read_objects(tmp_path / "none", {"ts": EVEN}, chosen)
    one = table_from_centroids("ts", EVEN, np.array([[3.0, 4.0, 5.0]]))
    with pytest.raises(UserError, match="no such file or folder"):
        export(one, chosen, tmp_path / "none" / f"t{chosen.suffix}")
    if name in ("csv", "xlsx"):
        return  # they hold a table as it is, empty cells too
    with pytest.raises(UserError, match="no position"):
        export(one.with_rows(one.rows.assign(z=np.nan)), chosen, tmp_path / f"u{chosen.suffix}")


def test_one_file_for_each_tomogram_and_class(tmp_path: Path) -> None:
    rows = pd.DataFrame({"tomogram": ["a/b", "c", "c"], "class": ["r", "r", "p"], "x": [1, 2, 3], "y": 3, "z": 4})
    table = ObjectTable(rows, {"a/b": EVEN, "c": EVEN})
    picket = get_format("picket")
    assert "one tomogram: one file each" in losses(table, picket)[0]
    assert [path.name for path in targets(table, picket, tmp_path / "t.yaml")] == ["t_a_b.yaml", "t_c.yaml"]
    written = export(table, picket, tmp_path / "t.yaml")
    assert read_objects(written[1], {"c": EVEN}).rows["x"].tolist() == [2.0, 3.0]
    copick = get_format("copick")
    assert "one tomogram and one class" in losses(table, copick)[0]
    assert len(targets(table, copick, tmp_path / "t.json")) == 3
    clash = ObjectTable(rows.assign(tomogram=["a/b", "a_b", "c"]), {"a/b": EVEN, "a_b": EVEN, "c": EVEN})
    with pytest.raises(UserError, match="would both be written to"):
        targets(clash, picket, tmp_path / "t.yaml")


def test_what_is_lost_is_said_in_full() -> None:
    table = table_from_centroids("ts", EVEN, np.array([[3.5, 4.0, 5.0]]), [12.0], [0.5])
    table = table.with_rows(table.rows.assign(rot=1.0, tilt=2.0, psi=3.0, note="x"))
    said = " ".join(losses(table, get_format("picket")))
    for word in ("orientations", "scores", "sizes", "fractions are lost", "no place for the column note"):
        assert word in said


def test_options_are_checked() -> None:
    warp = get_format("warp")
    assert options_of(warp.writing, {"coords_angpix": "4"}, "Writing warp").coords_angpix == 4.0
    with pytest.raises(UserError, match="has no option 'depth'"):
        options_of(warp.writing, {"depth": 1}, "Writing warp")
    with pytest.raises(UserError, match="coords_angpix = 'wide' is not allowed"):
        options_of(warp.writing, {"coords_angpix": "wide"}, "Writing warp")


def test_names_of_tomograms() -> None:
    known = ["TS_01", "TS_02", "other"]
    found = match_names(["TS_01.tomostar", "/data/TS_02_10.00Apx.mrc", "rec_TS_01.mrc", "2", "7", "OTHER"], known)
    assert list(found.values()) == ["TS_01", "TS_02", "TS_01", "TS_02", "7", "other"]
    # Two tomograms end in 1: a number alone does not tell which is meant.
    assert match_names(["1"], ["a_1", "b_1"]) == {"1": "1"}


@pytest.mark.parametrize("name", list(FORMATS))
def test_columns_that_come_back_are_not_said_to_be_lost(tmp_path: Path, name: str) -> None:
    """A list read and written again by the same format keeps the columns that it brought, or says that it does not."""
    chosen = get_format(name)
    table = table_from_centroids("ts_1", EVEN, np.array([[3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]), class_name="ribosome")
    extra = dict.fromkeys(
        ("flag", "dynamo_dx", "dynamo_cc2", "dynamo_mine", "instance_id", "imod_contour", "eman2_boxsize"), 1
    )
    brought = table.with_rows(table.rows.assign(**extra))
    back = read_objects(export(brought, chosen, tmp_path / f"t{chosen.suffix}")[0], table.tomograms, chosen)
    if "further columns" in chosen.carries:
        return  # RELION's and STOPGAP's writers name what they leave out themselves
    said = " ".join(losses(brought, chosen))
    for column in extra:
        assert chosen.keeps(column) == (column in back.rows and back.rows[column].tolist() == [1, 1]), column
    assert "flag" in said


def test_a_list_that_lacks_a_coordinate_is_told_and_the_column_named(tmp_path: Path) -> None:
    for labels, missing in (
        (["rlnTomoName", "rlnCenteredCoordinateXAngst", "rlnCenteredCoordinateYAngst"], "rlnCenteredCoordinateZAngst"),
        (["rlnTomoName", "rlnCoordinateX", "rlnCoordinateY"], "rlnCoordinateZ"),
        (["rlnMicrographName", "rlnCoordinateX", "rlnCoordinateY"], "rlnCoordinateZ"),
    ):
        path = tmp_path / "t.list"
        header = "".join(f"_{label} #{number}\n" for number, label in enumerate(labels, 1))
        path.write_text(f"data_particles\n\nloop_\n{header}ts_1 1 2\n")
        with pytest.raises(UserError, match=f"has no column {missing}: a RELION"):
            read_objects(path, {"ts_1": EVEN})
