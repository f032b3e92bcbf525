"""The task "extract": its files and index, what is kept, refused and left out."""

from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd
import pytest

from engine.cli import EchoJob
from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry
from engine.project import Project
from engine.tasks import extract, find_task, validated
from engine.volumes import write_mrc

TASK = find_task("extract")
SHAPE = (20, 24, 28)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "data").mkdir()
    rng = np.random.default_rng(0)
    for name in ("ts_01", "ts_02"):
        write_mrc(tmp_path / "data" / f"{name}.mrc", rng.normal(5, 2, SHAPE).astype(np.float32), (8.0, 9.0, 10.0))
    made = Project.create(tmp_path / "project")
    made.add_source(str(tmp_path / "data"))
    rows = pd.DataFrame(
        {
            "tomogram": ["ts_01", "ts_01", "ts_02"],
            "class": ["a", "b", "a"],
            "x": [10.25, 1.0, 14.0],
            "y": [11.5, 12.0, 12.0],
            "z": [9.0, 10.0, 10.0],
            "id": [7, 123, 8],
        }
    )
    made.tables.create("picks", ObjectTable(rows, {n: made.geometry(n) for n in ("ts_01", "ts_02")}), {"task": "pick"})
    return made


def run(project: Project, **parameters: object) -> EchoJob:
    job = EchoJob()
    TASK.run(validated(TASK, {"table": "picks", "size": 6, **parameters}), project, job)
    return job


def index(project: Project, name: str = "boxes_picks") -> pd.DataFrame:
    return pd.read_csv(project.root / "exports" / name / "index.csv")


def data(project: Project, name: str) -> np.ndarray:
    with project.open_tomogram(name) as volume:
        return volume.read()


def test_boxes_and_index(project: Project) -> None:
    job = run(project)
    folder = project.root / "exports" / "boxes_picks"
    rows = index(project)
    assert rows["file"].tolist() == ["ts_01/ts_01_000007.mrc", "ts_01/ts_01_000123.mrc", "ts_02/ts_02_000008.mrc"]
    assert rows["id"].tolist() == [7, 123, 8] and rows["class"].tolist() == ["a", "b", "a"]
    # y = 11.5 goes to the even neighbour 12: the object lies half a voxel of 9 Å before the central voxel.
    assert rows.loc[0, ["x", "y", "z", "offset_x", "offset_y", "offset_z"]].tolist() == [10.25, 11.5, 9, 2.5, -4.5, 0]
    with mrcfile.open(folder / rows["file"][0]) as file:
        assert [float(file.voxel_size[axis]) for axis in "zyx"] == [8.0, 9.0, 10.0]
        np.testing.assert_array_equal(file.data, data(project, "ts_01")[6:12, 9:15, 7:13])
    with mrcfile.open(folder / rows["file"][1]) as file:
        inside = data(project, "ts_01")[7:13, 9:15, 0:4]
        np.testing.assert_array_equal(file.data[:, :, 2:], inside)
        np.testing.assert_allclose(file.data[:, :, :2], inside.mean(), rtol=1e-6)
    assert not (folder / "skipped.csv").exists()
    assert [(o["kind"], o["objects"]) for o in job.outputs] == [("boxes", 2), ("boxes", 1)]
    _, count, n_bytes = extract.prepare(validated(TASK, {"table": "picks", "size": 6}), project)  # type: ignore[arg-type]
    assert count == 3 and n_bytes == sum((folder / file).stat().st_size for file in rows["file"])


def test_skip_lists_what_is_left_out(project: Project) -> None:
    run(project, padding="skip", format="npy", normalise=True, invert=True)
    folder = project.root / "exports" / "boxes_picks"
    assert index(project)["id"].tolist() == [7, 8]
    skipped = pd.read_csv(folder / "skipped.csv")
    assert skipped[["id", "reason"]].values.tolist() == [[123, "the box reaches out of the tomogram"]]
    box = np.load(folder / "ts_02" / "ts_02_000008.npy")
    part = data(project, "ts_02")[7:13, 9:15, 11:17].astype(np.float64)
    np.testing.assert_allclose(box, -(part - part.mean()) / part.std(), atol=1e-5)
    parameters = validated(TASK, {"table": "picks", "size": 6, "padding": "skip", "format": "npy", "name": "other"})
    _, count, n_bytes = extract.prepare(parameters, project)  # type: ignore[arg-type]
    assert count == 2 and n_bytes == 2 * (folder / "ts_02" / "ts_02_000008.npy").stat().st_size


def test_a_rerun_does_only_what_is_missing(project: Project) -> None:
    run(project)
    before = index(project)
    folder = project.root / "exports" / "boxes_picks"
    first = (folder / "ts_01" / "ts_01_000007.mrc").stat().st_mtime_ns
    # As a run leaves it that was ended during the second tomogram.
    (folder / "ts_02").rename(folder / ".ts_02.part")
    (folder / "index.csv").unlink()
    run(project)
    assert (folder / "ts_01" / "ts_01_000007.mrc").stat().st_mtime_ns == first
    pd.testing.assert_frame_equal(index(project), before)
    assert sorted(p.name for p in folder.iterdir()) == ["index.csv", "ts_01", "ts_02"]


@pytest.mark.parametrize("changed", [{"size": 8}, {"invert": True}, {"ids": [7]}, {"ids": [8]}])
def test_other_boxes_are_never_replaced(project: Project, changed: dict) -> None:
    run(project)
    before = {p: p.read_bytes() for p in (project.root / "exports").rglob("*") if p.is_file()}
    with pytest.raises(UserError, match=r"holds something else.*choose another name"):
        run(project, **changed)
    assert {p: p.read_bytes() for p in (project.root / "exports").rglob("*") if p.is_file()} == before
    run(project, name="others", **changed)
    assert len(index(project, "others")) in (1, 3)


def test_only_some_objects(project: Project) -> None:
    run(project, ids=[123, 8])
    assert index(project)["id"].tolist() == [123, 8]
    with pytest.raises(UserError, match="no object 99"):
        run(project, ids=[99], name="other")


def test_one_bad_tomogram_does_not_stop_the_others(project: Project, tmp_path: Path) -> None:
    write_mrc(tmp_path / "data" / "ts_01.mrc", np.zeros((5, 5, 5), np.float32), (8.0, 9.0, 10.0))
    with pytest.raises(UserError, match=r"1 of 2 failed.*differ in shape"):
        run(project)
    assert index(project)["id"].tolist() == [8]
    assert not list((project.root / "exports").rglob(".*"))


def test_boxes_of_no_numbers(project: Project, tmp_path: Path) -> None:
    holes = data(project, "ts_02")
    holes[10] = np.nan
    write_mrc(tmp_path / "data" / "ts_02.mrc", holes, (8.0, 9.0, 10.0))
    with pytest.raises(UserError, match=r"1 of 2 failed.*not numbers"):
        run(project)
    assert index(project)["id"].tolist() == [7, 123]


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"size": 0}, "size = 0"),
        ({"table": "../x"}, "does not work as a file name"),
        ({"table": "none"}, "no object table 'none'"),
        ({"name": "a/b"}, "does not work as a file name"),
        ({"ids": []}, "the list is empty"),
        ({"size": 26, "padding": "skip"}, "No box of 26 voxels lies whole inside"),
        ({"format": "em"}, "format = 'em'"),
    ],
)
def test_refused_before_anything_is_written(project: Project, parameters: dict, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        run(project, **parameters)
    assert sentence in str(caught.value) and not list((project.root / "exports").iterdir())


def test_no_room(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "free_space", lambda path: 1000)
    with pytest.raises(UserError, match=r"3 boxes of 6 voxels take 0.*MB free"):
        run(project)


def test_an_empty_table(project: Project) -> None:
    empty = ObjectTable(pd.DataFrame({"tomogram": []}), {"ts_01": TomogramGeometry(SHAPE, (8.0, 9.0, 10.0))})
    project.tables.create("nothing", empty, {})
    with pytest.raises(UserError, match="holds no objects"):
        run(project, table="nothing")
