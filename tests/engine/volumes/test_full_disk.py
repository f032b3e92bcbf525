"""A full disk is one sentence, never a crash: refused reservation, and a real small disk."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.errors import UserError
from engine.volumes import create_mrc, write_hdf5, write_mrc


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() != 0 or not sys.platform.startswith("linux"):
        pytest.skip("mounting a small disk needs root on Linux")
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_refused_reservation_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def full(*args: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UserError, match="disk or quota is full") as caught:
        write_mrc(tmp_path / "t.mrc", np.zeros((2, 2, 2), np.float32), (1, 1, 1))
    assert str(tmp_path / "t.mrc") in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_small_disk_mrc(small_disk: Path) -> None:
    write_mrc(small_disk / "old.mrc", np.ones((10, 10, 10), np.int8), (1, 1, 1))
    before = (small_disk / "old.mrc").read_bytes()
    with pytest.raises(UserError, match="full"):
        write_mrc(small_disk / "old.mrc", np.ones((100, 100, 100), np.float32), (1, 1, 1))
    entered = False
    with pytest.raises(UserError, match="full"):
        with create_mrc(small_disk / "new.mrc", (100, 100, 100), "float32", (1, 1, 1)):
            entered = True
    assert not entered
    assert (small_disk / "old.mrc").read_bytes() == before
    assert [p.name for p in small_disk.iterdir()] == ["old.mrc"]


def test_small_disk_hdf5(small_disk: Path) -> None:
    with pytest.raises(UserError, match="full"):
        write_hdf5(small_disk / "t.h5", "dataset", np.ones((100, 100, 100), np.float32), (1, 1, 1))
    assert list(small_disk.iterdir()) == []
