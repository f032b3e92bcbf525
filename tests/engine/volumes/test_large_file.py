"""Opening and looking into a file of 3 GB takes milliseconds and next to no memory."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from engine.volumes import create_mrc, open_volume, read_info

SHAPE = (500, 1440, 1024)


@pytest.fixture
def large_file(tmp_path: Path) -> Path:
    """A file with the header of a large tomogram and holes instead of voxels."""
    path = tmp_path / "large.mrc"
    with create_mrc(path, (1, 1, 1), "float32", (10.0, 10.0, 10.0)):
        pass
    raw = bytearray(path.read_bytes()[:1024])
    raw[0:12] = np.array(SHAPE[::-1], dtype="<i4").tobytes()
    raw[28:40] = np.array(SHAPE[::-1], dtype="<i4").tobytes()
    path.write_bytes(raw)
    with open(path, "r+b") as file:
        file.truncate(1024 + 4 * int(np.prod(SHAPE)))
    return path


def test_header_and_opening_take_milliseconds(large_file: Path) -> None:
    read_info(large_file)
    start = time.perf_counter()
    for _ in range(20):
        open_volume(large_file).close()
    assert (time.perf_counter() - start) / 20 < 0.02


def test_opening_and_looking_takes_little_memory(large_file: Path) -> None:
    """In a process of its own, so that nothing else is counted."""
    script = (
        "import sys, psutil\n"
        "from engine.volumes import open_volume, sample_statistics, take_slice, thumbnail\n"
        "process = psutil.Process(); before = process.memory_info().rss\n"
        "volume = open_volume(sys.argv[1])\n"
        "opened = process.memory_info().rss - before\n"
        "take_slice(volume.array, 'z', 250)\n"
        "print(opened, process.memory_info().rss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(large_file)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    opened, looked = (int(word) / 1e6 for word in done.stdout.split())
    assert opened < 5
    assert looked < 50
