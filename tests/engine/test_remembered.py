"""Files are read again when they changed, and only then."""

import os
from pathlib import Path

import pytest

from engine.remembered import Remembered


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.txt"
    path.write_text("first")
    return path


def test_a_file_is_read_again_when_it_changed(file: Path) -> None:
    read: list[str] = []

    def make(path: Path) -> str:
        read.append(path.read_text())
        return read[-1]

    remembered = Remembered(make)
    assert remembered.of(file) == remembered.of(file) == "first" and read == ["first"]
    status = file.stat()
    replacement = file.with_name("new")
    replacement.write_text("other")  # as long, and of the same time: another file all the same
    os.utime(replacement, ns=(status.st_atime_ns, status.st_mtime_ns))
    replacement.replace(file)
    assert remembered.of(file) == "other"
    with file.open("a") as handle:
        handle.write(" words")
    assert remembered.of(file) == "other words"
    assert read == ["first", "other", "other words"]


def test_what_was_written_just_now_is_not_read(file: Path) -> None:
    remembered: Remembered[str] = Remembered(Path.read_text)
    remembered.keep(file, "known")
    assert remembered.of(file) == "known"
    file.write_text("something else")
    assert remembered.of(file) == "something else"


def test_failures_are_not_kept(file: Path) -> None:
    def number(path: Path) -> int:
        return int(path.read_text())

    remembered = Remembered(number)
    with pytest.raises(ValueError, match="first"):
        remembered.of(file)
    file.write_text("12")
    assert remembered.of(file) == 12
    with pytest.raises(FileNotFoundError):
        remembered.of(file.with_name("none"))


def test_the_files_asked_for_last_are_kept(tmp_path: Path) -> None:
    read: list[str] = []

    def make(path: Path) -> None:
        read.append(path.name)

    remembered = Remembered(make, most=2)
    files = [tmp_path / name for name in "abc"]
    for path in files:
        path.write_text("")
        remembered.of(path)
    remembered.of(files[2])
    remembered.of(files[0])
    assert read == ["a", "b", "c", "a"]
