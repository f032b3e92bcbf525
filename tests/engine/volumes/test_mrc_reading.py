"""Every mode, byte order, packing and axis order of MRC, against mrcfile as the independent writer."""

import bz2
import gzip
import struct
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from engine.volumes import open_volume, read_info

TYPES = ["int8", "int16", "uint16", "float16", "float32"]
PACKINGS = {"": lambda raw: raw, ".gz": gzip.compress, ".bz2": bz2.compress}
MODE, MAPC, EXTENDED, DMIN, MAP, MACHINE, STAMP, FLAGS = 12, 64, 92, 76, 208, 212, 152, 156


def some_data(dtype: str, shape: tuple[int, int, int] = (3, 4, 5)) -> np.ndarray:
    return (np.arange(np.prod(shape)).reshape(shape) - (20 if dtype[0] != "u" else 0)).astype(dtype)


def mrc_bytes(folder: Path, data: np.ndarray, extended: bytes = b"", voxel_size: float = 13.48) -> bytes:
    path = folder / "made_by_mrcfile.mrc"
    with mrcfile.new(path, overwrite=True) as mrc:
        mrc.set_data(data)
        if extended:
            mrc.set_extended_header(np.frombuffer(extended, dtype="V1"))
        mrc.voxel_size = voxel_size
        mrc.header.origin = (30.0, 20.0, -10.0)
    return path.read_bytes()


def patched(raw: bytes, offset: int, layout: str, *values: object) -> bytes:
    changed = bytearray(raw)
    struct.pack_into(layout, changed, offset, *values)
    return bytes(changed)


@pytest.mark.parametrize("packing", list(PACKINGS))
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", TYPES)
def test_every_mode_order_and_packing(tmp_path: Path, dtype: str, order: str, packing: str) -> None:
    data = some_data(dtype)
    raw = mrc_bytes(tmp_path, data.astype(np.dtype(dtype).newbyteorder(order)), extended=b"x" * 80)
    assert raw[MACHINE] == (0x44 if order == "<" or dtype == "int8" else 0x11)
    path = tmp_path / f"t.mrc{packing}"
    path.write_bytes(PACKINGS[packing](raw))
    info = read_info(path)
    assert (info.format, info.shape, info.dtype) == ("mrc", (3, 4, 5), dtype)
    assert info.voxel_size == (13.48, 13.48, 13.48)
    assert info.origin == (-10.0, 20.0, 30.0)
    assert info.size_on_disk == path.stat().st_size
    assert info.memory_mapped == (packing == "")
    assert info.warnings == ()
    with open_volume(path) as volume:
        assert volume.info == info
        assert isinstance(volume.array, np.memmap) == (packing == "")
        whole = volume.read()
        assert whole.dtype == np.dtype(dtype) and whole.dtype.isnative
        np.testing.assert_array_equal(whole, data)
        np.testing.assert_array_equal(volume[1, ::2, 3], data[1, ::2, 3])


def test_big_endian_int8_header_is_read(tmp_path: Path) -> None:
    raw = mrc_bytes(tmp_path, some_data("int8"))
    header = bytearray(np.frombuffer(raw, "<u4", 52).astype(">u4").tobytes())  # words 1 … 52 are numbers
    path = tmp_path / "t.mrc"
    path.write_bytes(bytes(header) + b"MAP " + bytes([0x11, 0x11, 0, 0]) + raw[216:])
    with open_volume(path) as volume:
        np.testing.assert_array_equal(volume.read(), some_data("int8"))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("stamp", [b"\x00\x00\x00\x00", b"\x44\x44\x00\x00", b"\x11\x11\x00\x00"])
def test_missing_or_wrong_machine_stamp(tmp_path: Path, order: str, stamp: bytes) -> None:
    raw = mrc_bytes(tmp_path, some_data("int16").astype(f"{order}i2"))
    path = tmp_path / "t.mrc"
    path.write_bytes(patched(raw, MACHINE, "4s", stamp))
    right = stamp[0] in (0, 0x44 if order == "<" else 0x11)
    info = read_info(path)
    assert any("machine stamp" in sentence for sentence in info.warnings) != right
    with open_volume(path) as volume:
        np.testing.assert_array_equal(volume.read(), some_data("int16"))


def test_malformed_map_identifier_is_tolerated_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "t.rec"
    path.write_bytes(patched(mrc_bytes(tmp_path, some_data("float32")), MAP, "4s", b"\x00\x00\x91E"))
    info = read_info(path)
    assert info.memory_mapped
    assert any("map identifier" in sentence for sentence in info.warnings)
    with open_volume(path) as volume:
        assert isinstance(volume.array, np.memmap)
        np.testing.assert_array_equal(volume.read(), some_data("float32"))


@pytest.mark.parametrize("axes", [(1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1)])
def test_axis_order_is_turned_into_zyx(tmp_path: Path, axes: tuple[int, int, int]) -> None:
    """`axes` says along which of x (1), y (2), z (3) the columns, rows and sections run."""
    data = some_data("float32")
    stored = data.transpose([3 - code for code in reversed(axes)])  # sections, rows, columns
    raw = patched(mrc_bytes(tmp_path, np.ascontiguousarray(stored)), MAPC, "<3i", *axes)
    raw = patched(raw, 28, "<3i3f", 5, 4, 3, 5 * 1.5, 4 * 2.0, 3 * 2.5)  # m and cell are x, y, z
    raw = patched(raw, 196, "<3f", 0, 0, 0)
    starts = {1: 10, 2: -20, 3: 30}
    raw = patched(raw, 16, "<3i", *(starts[code] for code in axes))
    path = tmp_path / "t.map"
    path.write_bytes(raw)
    info = read_info(path)
    assert info.shape == (3, 4, 5)
    assert info.voxel_size == (2.5, 2.0, 1.5)
    assert info.origin == (75.0, -40.0, 15.0)
    with open_volume(path) as volume:
        np.testing.assert_array_equal(volume.read(), data)


@pytest.mark.parametrize(
    ("changes", "dtype"),
    [
        ([], "int8"),
        ([(STAMP, "<2i", 1146047817, 0)], "uint8"),
        ([(STAMP, "<2i", 1146047817, 1)], "int8"),
        ([(DMIN, "<3f", 0.0, 255.0, 100.0)], "uint8"),
        ([(DMIN, "<3f", -100.0, 100.0, 0.0)], "int8"),
        ([(STAMP, "<2i", 1146047817, 1), (DMIN, "<3f", 0.0, 255.0, 100.0)], "int8"),
    ],
)
def test_bytes_with_and_without_sign(tmp_path: Path, changes: list[tuple], dtype: str) -> None:
    raw = mrc_bytes(tmp_path, np.array([[[-1, 5]]], dtype=np.int8))
    for offset, layout, *values in changes:
        raw = patched(raw, offset, layout, *values)
    path = tmp_path / "t.mrc"
    path.write_bytes(raw)
    with open_volume(path) as volume:
        assert volume.read().tolist() == [[[255 if dtype == "uint8" else -1, 5]]]
        assert read_info(path).dtype == dtype


def test_surplus_bytes_and_odd_voxel_sizes_are_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "t.mrc"
    path.write_bytes(mrc_bytes(tmp_path, some_data("int8"), voxel_size=0.0) + b"tail")
    info = read_info(path)
    assert info.voxel_size is None
    assert "4 bytes longer" in " ".join(info.warnings)
    assert "no voxel size" in " ".join(info.warnings)
    path.write_bytes(mrc_bytes(tmp_path, some_data("int8"), voxel_size=1.0))
    assert "exactly 1 Å" in " ".join(read_info(path).warnings)


def test_a_single_image_is_one_slice(tmp_path: Path) -> None:
    path = tmp_path / "t.mrc"
    path.write_bytes(mrc_bytes(tmp_path, some_data("float32")[0]))
    with open_volume(path) as volume:
        assert volume.shape == (1, 4, 5)
        np.testing.assert_array_equal(volume.read()[0], some_data("float32")[0])


def test_closed_volume_says_so(tmp_path: Path) -> None:
    path = tmp_path / "t.mrc"
    path.write_bytes(mrc_bytes(tmp_path, some_data("float32")))
    with open_volume(path) as volume:
        kept = volume[0]
    np.testing.assert_array_equal(kept, some_data("float32")[0])
    with pytest.raises(ValueError, match="closed"):
        volume[0]


def test_real_files(data_folder: Path) -> None:
    real = data_folder / "real"
    crystal = read_info(real / "EMD-3001.map.bz2")  # columns z, rows x, sections y
    assert crystal.shape == (73, 25, 43)
    assert crystal.voxel_size == (0.45875, 0.3925, 0.44825)
    with mrcfile.open(real / "EMD-3001.map.bz2") as mrc, open_volume(real / "EMD-3001.map.bz2") as volume:
        np.testing.assert_array_equal(volume.read(), mrc.data.transpose(2, 0, 1))
    with open_volume(real / "EMD-3197.map") as plain, open_volume(real / "emd_3197.map.gz") as packed:
        assert plain.voxel_size == packed.voxel_size == (11.4, 11.4, 11.4)
        np.testing.assert_array_equal(plain.read(), packed.read())
    with open_volume(real / "tardis_rec3D.rec") as rec, open_volume(real / "tardis_mrc3D.mrc") as mrc:
        assert rec.shape == (78, 64, 32) and rec.info.memory_mapped
        assert rec.voxel_size == (23.2, 23.2, 23.2)
        assert "map identifier" in rec.info.warnings[0]
        np.testing.assert_array_equal(rec.read(), mrc.read())
        assert (rec.read().min(), rec.read().max()) == (141, 163)
    with open_volume(real / "colabseg_labels.mrc.gz") as labels:
        assert labels.shape == (225, 464, 464) and labels.voxel_size == (10.0, 10.0, 10.0)
        assert sorted(np.unique(labels[100])) == [0, 1, 2, 3]
