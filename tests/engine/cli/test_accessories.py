"""The commands beside PickET's two steps, as people and scripts meet them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd
import pytest
import yaml

from engine.cli import main
from engine.volumes import write_hdf5, write_mrc

SHAPE = (20, 24, 28)
COMMANDS = ("extract-subtomograms", "shift-origin", "compare-segmentations", "h5-to-mrc")
POINTS = [{"x": 14, "y": 12, "z": 10}, {"x": 1, "y": 12, "z": 10}, {"x": 15, "y": 9, "z": 4}]

Engine = Callable[..., tuple[int, str, str]]


@pytest.fixture
def engine(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Engine:
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["engine", *map(str, arguments)])
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as ended:
            status = int(ended.code or 0)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def volume() -> np.ndarray:
    return np.random.default_rng(0).normal(5, 2, SHAPE).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path, volume: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_mrc(tmp_path / "ts.mrc", volume, (8.0, 9.0, 10.0))
    content = {"Predicted_Particle_Centroid_Coordinates": POINTS, "metadata": {"tomogram_path": "tomo/ts.mrc"}}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_boxes_that_do_not_fit_are_left_out_as_in_picket(folder: Path, engine: Engine, volume: np.ndarray) -> None:
    status, out, err = engine("extract-subtomograms", "c.yaml", "ts.mrc", 8, "boxes")
    assert status == 0 and out.strip() == "boxes/index.csv" and "2 boxes of 8 voxels, 1 left out" in err
    assert sorted(p.name for p in (folder / "boxes").iterdir()) == ["index.csv", "skipped.csv", "st_0.npy", "st_1.npy"]
    np.testing.assert_array_equal(np.load(folder / "boxes" / "st_0.npy"), volume[6:14, 8:16, 10:18])
    np.testing.assert_array_equal(np.load(folder / "boxes" / "st_1.npy"), volume[0:8, 5:13, 11:19])
    index = pd.read_csv(folder / "boxes" / "index.csv")
    assert index["file"].tolist() == ["st_0.npy", "st_1.npy"] and index["x"].tolist() == [14, 15]
    assert index["id"].tolist() == [1, 3] and index["offset_x"].tolist() == [0, 0]
    assert pd.read_csv(folder / "boxes" / "skipped.csv")["x"].tolist() == [1]


def test_padded_boxes_as_mrc(folder: Path, engine: Engine, volume: np.ndarray) -> None:
    status, out, _ = engine("extract-subtomograms", "c.yaml", "ts.mrc", 7, "b", "--format", "mrc", "--pad", "--json")
    assert status == 0
    assert json.loads(out) == {"state": "done", "boxes": 3, "skipped": 0, "outputs": ["b/index.csv"]}
    with mrcfile.open(folder / "b" / "st_1.mrc") as file:
        assert [float(file.voxel_size[axis]) for axis in "zyx"] == [8.0, 9.0, 10.0]
        np.testing.assert_array_equal(file.data[:, :, 2:], volume[7:14, 9:16, 0:5])
        np.testing.assert_allclose(file.data[:, :, :2], volume[7:14, 9:16, 0:5].mean(), rtol=1e-6)


def test_half_a_set_of_boxes_is_not_left_behind(
    folder: Path, engine: Engine, volume: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.errors import UserError
    from engine.tasks import boxes

    def full(*_: object) -> None:
        assert list((folder / "boxes").iterdir())
        raise UserError("the disk is full")

    monkeypatch.setattr(boxes, "write_index", full)
    assert engine("extract-subtomograms", "c.yaml", "ts.mrc", 8, "boxes")[0] == 2
    assert not list((folder / "boxes").iterdir())


def test_boxes_refused(folder: Path, engine: Engine) -> None:
    def refused(*arguments: object) -> str:
        status, out, err = engine("extract-subtomograms", *arguments)
        assert status == 2 and not out and "Traceback" not in err
        return err

    assert "None of the 3 boxes of 24 voxels" in refused("c.yaml", "ts.mrc", 24, "boxes")
    write_mrc(folder / "small.mrc", np.zeros((8, 13, 20), np.float32), (1, 1, 1))
    said = refused("c.yaml", "small.mrc", 4, "boxes")
    assert "2 of the 3 positions in c.yaml lie outside small.mrc (8×13×20 voxels; the first is x 14" in said
    (folder / "full").mkdir()
    (folder / "full" / "st_0.npy").touch()
    assert "full holds files already" in refused("c.yaml", "ts.mrc", 4, "full")
    assert "no such file" in refused("none.yaml", "ts.mrc", 4, "boxes")
    (folder / "empty.yaml").write_text("Predicted_Particle_Centroid_Coordinates: []\n")
    assert "no positions" in refused("empty.yaml", "ts.mrc", 4, "boxes")
    assert "greater than or equal to 1" in refused("c.yaml", "ts.mrc", 0, "boxes")
    assert not (folder / "boxes").exists()


@pytest.mark.parametrize("origin", ["4,-3,5", "(4,-3,5)", " ( 4, -3 ,+5 )"])
def test_shift_origin(folder: Path, engine: Engine, origin: str) -> None:
    status, out, err = engine("shift-origin", "c.yaml", "--origin", origin, "--output", "o.csv")
    assert status == 0 and out.strip() == "o.csv" and "1 of 3 positions are negative now" in err
    assert (folder / "o.csv").read_text() == "x,y,z\n9,15,6\n-4,15,6\n10,12,0\n"
    status, _, err = engine("shift-origin", "c.yaml", "--origin", origin, "--output", "o.csv")
    assert status == 2 and "o.csv exists already" in err


@pytest.mark.parametrize("origin", ["1,2", "1,2,3,4", "1.5,2,3", "a,b,c", "", "1;2;3"])
def test_an_origin_that_is_none(folder: Path, engine: Engine, origin: str) -> None:
    status, _, err = engine("shift-origin", "c.yaml", "--origin", origin, "--output", "o.csv")
    assert status == 2 and "not three whole numbers z,y,x" in err and not (folder / "o.csv").exists()


def test_compare_segmentations(folder: Path, engine: Engine) -> None:
    labels = np.zeros((4, 5, 5), np.int64)
    labels[:, :2] = 1
    labels[0] = -1
    other = np.where(labels >= 0, 1 - labels, labels)
    other[1, 4, 4] = 0
    write_hdf5(folder / "a.h5", "segmentations/semantic_segmentation", labels, (10, 10, 10))
    write_mrc(folder / "b.mrc", other, (10, 10, 10))
    status, out, _ = engine("compare-segmentations", "a.h5", "b.mrc", "--json")
    found = json.loads(out)
    assert status == 0 and (found["equal"], found["total"], found["fraction"]) == (26, 100, 0.26)
    assert sum(pair["voxels"] for pair in found["confusion"]) == 100
    assert {"first": 0, "second": 0, "voxels": 1} in found["confusion"]
    exchanged = found["exchanged"]
    assert exchanged["better"] and exchanged["equal"] == 99
    assert exchanged["labels"][2] == {
        "label": 1, "first": 30, "second": 31, "both": 30, "dice": 60 / 61, "iou": 30 / 31,
    }  # fmt: skip
    status, out, _ = engine("compare-segmentations", "a.h5", "b.mrc")
    assert status == 0 and "26 of 100 voxels are equal (26.0000%)" in out
    assert "99 of 100 voxels are equal" in out and "1 voxels are 0 in A and 1 in B" in out
    status, out, _ = engine("compare-segmentations", "a.h5", "a.h5")
    assert "exchanged" not in out and "100 of 100" in out


def test_what_cannot_be_compared(folder: Path, engine: Engine) -> None:
    write_mrc(folder / "l.mrc", np.zeros(SHAPE, np.int8), (10, 10, 10))
    write_mrc(folder / "s.mrc", np.zeros((4, 5, 6), np.int8), (10, 10, 10))
    status, _, err = engine("compare-segmentations", "l.mrc", "s.mrc")
    assert status == 2 and "l.mrc and s.mrc differ in shape (20×24×28 and 4×5×6 voxels)" in err
    status, out, err = engine("compare-segmentations", "l.mrc", "ts.mrc", "--json")
    assert status == 2 and "which is no label" in err and json.loads(out)["state"] == "failed"
    status, _, err = engine("compare-segmentations", "l.mrc", "none.mrc")
    assert status == 2 and "no such file" in err


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([-1, 0, 1], np.int64), np.int8),
        (np.array([0, 300, 5], np.int32), np.int16),
        (np.array([0, 40000, 5], np.int32), np.uint16),
        (np.array([0, 70000, 5], np.int32), np.float32),
        (np.array([0.5, 1, 2], np.float64), np.float32),
    ],
)
def test_h5_to_mrc(folder: Path, engine: Engine, values: np.ndarray, dtype: type) -> None:
    data = np.resize(values, (3, 4, 5))
    write_hdf5(folder / "seg.h5", "segmentations/semantic_segmentation", data, (8.0, 9.0, 10.0))
    status, out, err = engine("h5-to-mrc", "seg.h5", "new/folder")
    assert status == 0 and out.strip() == "new/folder/seg.mrc" and not err
    with mrcfile.open(folder / "new/folder/seg.mrc") as file:
        assert file.data.dtype == dtype
        np.testing.assert_array_equal(file.data, data)
        assert [float(file.voxel_size[axis]) for axis in "zyx"] == [8.0, 9.0, 10.0]
    status, _, err = engine("h5-to-mrc", "seg.h5", "new/folder")
    assert status == 2 and "seg.mrc exists already" in err


def test_h5_with_two_volumes_and_without(folder: Path, engine: Engine) -> None:
    import h5py

    with h5py.File(folder / "i.h5", "w") as handle:
        for name in ("semantic_segmentation", "instance_segmentation"):
            handle[f"segmentations/{name}"] = np.ones((2, 3, 4), np.int16)
    status, out, err = engine("h5-to-mrc", "i.h5", "m")
    assert status == 0 and sorted(out.split()) == ["m/i_instance_segmentation.mrc", "m/i_semantic_segmentation.mrc"]
    assert "no voxel size" in err
    with h5py.File(folder / "none.h5", "w") as handle:
        handle["x"] = 1
    status, _, err = engine("h5-to-mrc", "none.h5", "m")
    assert status == 2 and "holds no volume" in err
    status, _, err = engine("h5-to-mrc", "ts.mrc", "m")
    assert status == 2 and "ts.mrc" in err and "Traceback" not in err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(engine: Engine, command: str) -> None:
    status, out, _ = engine(command, "--help")
    assert status == 0 and f"python -m engine {command}" in " ".join(out.split())


def test_they_stand_beside_the_other_commands() -> None:
    done = subprocess.run([sys.executable, "-m", "engine", "--help"], capture_output=True, text=True)
    assert all(command in done.stdout for command in (*COMMANDS, "picket-s1", "run"))
