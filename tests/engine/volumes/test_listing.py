"""Which files a folder or pattern gives, in which order."""

from pathlib import Path

import numpy as np
import pytest
import zarr

from engine.errors import UserError
from engine.volumes import list_volume_files, write_mrc


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(found: list[Path], folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in found]


def test_folder_in_natural_order_with_known_endings(tmp_path: Path) -> None:
    wanted = [
        "ts_1.mrc",
        "ts_2.REC",
        "ts_10.mrc.gz",
        "ts_11.map.bz2",
        "v.hdf",
        "w.h5",
        "x.hdf5",
        "y.tif",
        "z.tiff",
    ]
    others = ["ts_1.st", "ts_1.mdoc", ".t.mrc.ab12.part", ".hidden.mrc", "n.h5.gz", "mrc", "below/deep.mrc"]
    touch(*(tmp_path / name for name in wanted + others))
    zarr.open_group(str(tmp_path / "o.zarr"), mode="w")
    (tmp_path / "plain.zarr").mkdir()
    expected = ["o.zarr", *wanted]
    assert names(list_volume_files(tmp_path), tmp_path) == expected
    assert names(list_volume_files(str(tmp_path)), tmp_path) == expected


def test_one_level_below_where_the_folder_has_none(tmp_path: Path) -> None:
    touch(tmp_path / "ts_10" / "rec.mrc", tmp_path / "ts_2" / "rec.mrc", tmp_path / "a" / "b" / "deep.mrc")
    assert names(list_volume_files(tmp_path), tmp_path) == ["ts_2/rec.mrc", "ts_10/rec.mrc"]


def test_pattern(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "b" / "t.mrc", tmp_path / "t.mrc", tmp_path / "t.st", tmp_path / "t.txt")
    assert names(list_volume_files(f"{tmp_path}/**/*.mrc"), tmp_path) == ["a/b/t.mrc", "t.mrc"]
    assert names(list_volume_files(tmp_path / "*.st"), tmp_path) == ["t.st"]
    assert names(list_volume_files(tmp_path / "t.*"), tmp_path) == ["t.mrc", "t.st"]


def test_one_file_and_a_folder_with_brackets(tmp_path: Path) -> None:
    touch(tmp_path / "set[1]" / "t.mrc")
    assert names(list_volume_files(tmp_path / "set[1]"), tmp_path) == ["set[1]/t.mrc"]
    assert names(list_volume_files(tmp_path / "set[1]" / "t.mrc"), tmp_path) == ["set[1]/t.mrc"]


def test_broken_link_is_listed_so_that_its_row_can_say_so(tmp_path: Path) -> None:
    (tmp_path / "gone.mrc").symlink_to(tmp_path / "nowhere.mrc")
    assert names(list_volume_files(tmp_path), tmp_path) == ["gone.mrc"]


def test_nothing_to_find(tmp_path: Path) -> None:
    assert list_volume_files(tmp_path) == []
    with pytest.raises(UserError, match="no folder"):
        list_volume_files(tmp_path / "none")
    with pytest.raises(UserError, match="matches no volume"):
        list_volume_files(tmp_path / "*.mrc")
    with pytest.raises(UserError, match="No folder given"):
        list_volume_files("  ")


def test_a_file_being_written_is_not_listed(tmp_path: Path) -> None:
    from engine.volumes import create_mrc

    write_mrc(tmp_path / "a.mrc", np.zeros((1, 1, 1), np.int8), None)
    with create_mrc(tmp_path / "b.mrc", (1, 1, 1), "int8", None):
        assert names(list_volume_files(tmp_path), tmp_path) == ["a.mrc"]
