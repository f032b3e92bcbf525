"""Every file that cannot be read gives one sentence that names the file and the reason."""

import bz2
import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
import zarr

from engine.errors import UserError
from engine.volumes import list_hdf5_volumes, open_volume, read_info


def good_mrc(folder: Path, shape: tuple[int, ...] = (4, 5, 6)) -> bytes:
    with mrcfile.new(folder / "good.mrc", overwrite=True) as mrc:
        mrc.set_data(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    return (folder / "good.mrc").read_bytes()


def with_mode(raw: bytes, mode: int) -> bytes:
    return raw[:12] + struct.pack("<i", mode) + raw[16:]


def refused(path: Path, *words: str, dataset: str | None = None, header_too: bool = True) -> None:
    for reader in (read_info, open_volume) if header_too else (open_volume,):
        with pytest.raises(UserError) as caught:
            reader(path, dataset)
        sentence = str(caught.value)
        assert str(path) in sentence
        assert "\n" not in sentence
        for word in words:
            assert word in sentence


MRC_CASES: dict[str, tuple[Callable[[bytes], bytes], tuple[str, ...]]] = {
    "empty": (lambda raw: b"", ("empty", "0 bytes")),
    "less than a header": (lambda raw: raw[:700], ("700 bytes", "1024")),
    "truncated": (lambda raw: raw[:-100], ("truncated", "1,504", "1,404")),
    "extended header missing": (
        lambda raw: raw[:92] + struct.pack("<i", 5000) + raw[96:],
        ("truncated", "6,504"),
    ),
    "text": (lambda raw: b"_rlnTomoName #1\n" * 200, ("no MRC, HDF5 or TIFF",)),
    "zeros": (lambda raw: bytes(5000), ("no MRC, HDF5 or TIFF",)),
    "complex": (lambda raw: with_mode(raw, 4), ("complex", "mode 4")),
    "complex integers": (lambda raw: with_mode(raw, 3), ("complex", "mode 3")),
    "4-bit": (lambda raw: with_mode(raw, 101), ("4-bit",)),
    "unknown mode": (lambda raw: with_mode(raw, 77), ("mode 77",)),
    "negative size": (lambda raw: struct.pack("<i", -6) + raw[4:], ("-6",)),
    "stack of volumes": (
        lambda raw: raw[:36] + struct.pack("<i", 2) + raw[40:88] + struct.pack("<i", 401) + raw[92:],
        ("stack of 2 volumes",),
    ),
}


@pytest.mark.parametrize("case", list(MRC_CASES))
def test_bad_mrc(tmp_path: Path, case: str) -> None:
    change, words = MRC_CASES[case]
    path = tmp_path / "bad.mrc"
    path.write_bytes(change(good_mrc(tmp_path)))
    refused(path, *words)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_truncated_streams_are_found_on_opening(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    raw = good_mrc(tmp_path, (20, 50, 60))
    path = tmp_path / "bad.mrc.gz"
    packed = compress(raw)
    path.write_bytes(packed[: len(packed) // 2])
    if compress is gzip.compress:
        assert read_info(path).shape == (20, 50, 60)
    refused(path, "truncated", header_too=False)
    path.write_bytes(compress(raw[:-4000]))
    assert read_info(path).shape == (20, 50, 60)
    refused(path, "truncated", "241,024", "237,024", header_too=False)
    path.write_bytes(packed[:40] + bytes(200) + packed[240:])
    refused(path, "Copy it again", header_too=False)
    path.write_bytes(packed[:8])
    refused(path)


def test_missing_folder_and_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(tmp_path / "none.mrc", "no such file")
    refused(tmp_path, "folder")
    os.mkfifo(tmp_path / "pipe.mrc")
    refused(tmp_path / "pipe.mrc", "device or pipe")
    path = tmp_path / "locked.mrc"
    path.write_bytes(good_mrc(tmp_path))
    path.chmod(0)
    if os.geteuid() == 0:  # root may read everything: let the system call refuse

        def denied(*args: object, **kwargs: object) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr("builtins.open", denied)
    refused(path, "permission denied")


def test_bad_hdf5(tmp_path: Path) -> None:
    path = tmp_path / "bad.h5"
    with h5py.File(path, "w") as file:
        file["a/flat"] = np.zeros((4, 4))
        file["text"] = "hello"
    refused(path, "holds no volume")
    with h5py.File(path, "a") as file:
        file["one"] = np.zeros((2, 3, 4))
        file["b/two"] = np.zeros((2, 3, 4))
        file["wave"] = np.zeros((2, 3, 4), dtype=np.complex64)
    refused(path, "2 volumes", "'one'", "'b/two'")
    refused(path, "no dataset 'three'", "'one'", dataset="three")
    refused(path, "complex", dataset="wave")
    refused(path, "(4, 4)", dataset="a/flat")
    assert read_info(path, "b/two").shape == (2, 3, 4)
    path.write_bytes(path.read_bytes()[:-1000])
    refused(path, "truncated", "eof")
    path.write_bytes(bytes(4096))
    refused(path, "no MRC, HDF5 or TIFF file")
    with pytest.raises(UserError, match="does not begin as HDF5 files do"):
        list_hdf5_volumes(path)


def test_bad_tiff(tmp_path: Path) -> None:
    path = tmp_path / "bad.tif"
    tifffile.imwrite(path, np.zeros((4, 40, 50), np.float32), photometric="minisblack")
    raw = path.read_bytes()
    for missing in (100, len(raw) // 2):
        path.write_bytes(raw[:-missing])
        refused(path, "truncated", f"{len(raw) - missing:,}")
    tifffile.imwrite(path, np.zeros((4, 40, 50), np.float32), photometric="minisblack", compression="zlib")
    path.write_bytes(path.read_bytes()[:-100])
    refused(path, "truncated")
    path.write_bytes(raw[:6])
    refused(path, "damaged")
    tifffile.imwrite(path, np.zeros((20, 30, 3), np.uint8), photometric="rgb")
    refused(path, "colour")
    tifffile.imwrite(path, np.zeros((2, 3, 20, 30), np.uint8), photometric="minisblack")
    refused(path, "(2, 3, 20, 30)")
    tifffile.imwrite(path, np.zeros((2, 20, 30), np.complex64), photometric="minisblack")
    refused(path, "complex")


def test_bad_ome_zarr(tmp_path: Path) -> None:
    path = tmp_path / "bad.zarr"
    path.mkdir()
    refused(path, "not an OME-Zarr")
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    refused(path, "not an OME-Zarr")
    group.attrs["multiscales"] = [{"axes": ["z", "y", "x"], "datasets": [{"path": "0"}]}]
    refused(path, "incomplete", "'0'")
    group.create_array("0", shape=(2, 3, 4, 5), dtype="f4")
    group.attrs["multiscales"] = [{"axes": ["c", "z", "y", "x"], "datasets": [{"path": "0"}]}]
    refused(path, "c 2, z 3, y 4, x 5")
    refused(path, "'9'", dataset="9")
    zarr.open_array(str(tmp_path / "array.zarr"), mode="w", shape=(2, 3, 4), dtype="f4")
    refused(tmp_path / "array.zarr", "not an OME-Zarr")
