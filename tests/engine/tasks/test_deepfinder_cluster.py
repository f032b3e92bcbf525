"""DeepFinder's cluster command on files: the recorded example of the reference, and what can be wrong."""

from pathlib import Path

import numpy as np
import pytest

from engine.cli import EchoJob
from engine.errors import UserError
from engine.objects.formats import read_objects
from engine.tasks.deepfinder_cluster import run_files
from engine.volumes import write_mrc


def three_balls() -> np.ndarray:
    labels = np.zeros((20, 24, 40), np.int8)
    grid = np.stack(np.mgrid[:20, :24, :40], axis=-1)
    for label, (x, y, z) in ((1, (10, 10, 10)), (2, (17, 10, 10)), (1, (30, 12, 9))):
        away = grid - (z, y, x)
        labels[((away**2).sum(-1) <= 16) & (away < 4).all(-1)] = label  # DeepFinder's spheres lack these three tips
    return labels


@pytest.fixture
def label_map(tmp_path: Path) -> Path:
    path = tmp_path / "labels.mrc"
    write_mrc(path, three_balls(), (10.0, 10.0, 10.0))
    return path


def test_the_recorded_example(label_map: Path, tmp_path: Path) -> None:
    output = tmp_path / "objects.xml"
    run_files(label_map, 4, output, EchoJob())
    rows = read_objects(output).rows
    assert rows["class"].tolist() == ["class 2", "class 1", "class 1"]
    assert rows["size"].tolist() == [253, 254, 254]
    first = rows.iloc[0]
    assert (first.z, first.y, first.x) == pytest.approx((9.984, 9.984, 16.984), abs=1e-9)
    run_files(label_map, 8, output, EchoJob(), replace=True)
    assert read_objects(output).rows["size"].tolist() == [507, 254]
    run_files(label_map, 8, output, EchoJob(), min_size=300, replace=True)
    assert len(read_objects(output)) == 1


def test_an_empty_label_map_is_an_empty_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_mrc(tmp_path / "empty.mrc", np.zeros((8, 8, 8), np.int8), (10.0, 10.0, 10.0))
    run_files(tmp_path / "empty.mrc", 5, tmp_path / "o.xml", EchoJob())
    assert "every voxel is background" in capsys.readouterr().err
    assert (tmp_path / "o.xml").exists()


def test_what_can_be_wrong(label_map: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not say its format"):
        run_files(label_map, 5, tmp_path / "o.star", EchoJob())
    with pytest.raises(UserError, match="radius of -1 voxels"):
        run_files(label_map, -1, tmp_path / "o.xml", EchoJob())
    (tmp_path / "o.xml").write_text("mine")
    with pytest.raises(UserError, match="exists"):
        run_files(label_map, 5, tmp_path / "o.xml", EchoJob())
    assert (tmp_path / "o.xml").read_text() == "mine"
    write_mrc(tmp_path / "density.mrc", np.full((8, 8, 8), 0.5, np.float32), (10.0, 10.0, 10.0))
    with pytest.raises(UserError, match="holds fractions"):
        run_files(tmp_path / "density.mrc", 5, tmp_path / "p.xml", EchoJob())
