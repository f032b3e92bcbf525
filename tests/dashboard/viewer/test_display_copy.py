"""The 8-bit bricks give the same planes as the file, and never take the disk."""

import shutil
import time
from collections import namedtuple

import numpy as np
import pytest

from dashboard import served
from dashboard.viewer import display_copy, layers
from engine.project import Project
from engine.volumes import take_slice, to_display, write_mrc

SHAPE = (40, 70, 50)  # no multiple of a brick's edge


@pytest.fixture
def layer(tmp_path, monkeypatch) -> layers.Layer:
    (tmp_path / "data").mkdir()
    write_mrc(
        tmp_path / "data" / "a.mrc",
        np.random.default_rng(0).normal(size=SHAPE).astype(np.float32),
        (10.0, 10.0, 10.0),
    )
    project = Project.create(tmp_path / "project")
    project.add_source(str(tmp_path / "data"))
    monkeypatch.setattr(served, "_root", project.root)
    monkeypatch.setattr(display_copy, "SMALLEST", 1000)
    return layers.open_layer("tomogram:a")


def wait_for_copy(layer: layers.Layer) -> None:
    deadline = time.monotonic() + 20
    while display_copy.plane(layer, "y", 0, 1) is None and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize(("axis", "index"), [("y", 0), ("y", 33), ("y", 69), ("x", 31), ("x", 49)])
def test_planes_are_those_of_the_file(layer, axis, index, step):
    wait_for_copy(layer)
    display = layer.display()
    wanted = to_display(take_slice(layer.array, axis, index, step=step), display.low, display.high)
    assert np.array_equal(display_copy.plane(layer, axis, index, step), wanted)


def test_small_volumes_and_xy_planes_need_none(layer, monkeypatch):
    assert display_copy.plane(layer, "z", 3, 1) is None
    monkeypatch.setattr(display_copy, "SMALLEST", 10**9)
    assert display_copy.plane(layer, "y", 3, 1) is None
    assert not (served.root() / ".cache").exists()


def test_nothing_is_written_where_the_disk_is_nearly_full(layer, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 95 * 10**7, 5 * 10**7))
    assert display_copy.plane(layer, "y", 3, 1) is None
    with display_copy._building:  # the attempt is over
        pass
    time.sleep(0.1)
    assert display_copy.plane(layer, "y", 3, 1) is None
    assert list((served.root() / ".cache" / "display").iterdir()) == []


def test_old_copies_and_leftovers_make_room(layer, monkeypatch):
    folder = served.root() / ".cache" / "display"
    folder.mkdir(parents=True)
    (folder / "old.bricks").write_bytes(bytes(500_000))
    (folder / ".killed.bricks.x.part").write_bytes(bytes(10))
    monkeypatch.setattr(display_copy, "MOST", 700_000)
    wait_for_copy(layer)
    assert len(list(folder.iterdir())) == 1
    assert not (folder / "old.bricks").exists()


def test_broken_copy_is_not_used(layer):
    wait_for_copy(layer)
    (copy,) = (served.root() / ".cache" / "display").glob("*.bricks")
    display_copy._open.clear()
    copy.write_bytes(b"short")
    assert display_copy.plane(layer, "y", 0, 1) is None
