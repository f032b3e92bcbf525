"""What is written reads back the same, here and with mrcfile; a failure leaves nothing behind."""

from pathlib import Path

import mrcfile
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.volumes import create_mrc, mrc_dtype, open_volume, read_info, write_mrc

VOXEL_SIZES = st.floats(0.1, 200.0).map(lambda v: float(f"{v:.5g}"))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.tuples(VOXEL_SIZES, VOXEL_SIZES, VOXEL_SIZES),
    origin=st.tuples(*[st.floats(-1e4, 1e4, width=32)] * 3),
    shape=st.tuples(*[st.integers(1, 7)] * 3),
    dtype=st.sampled_from(["int8", "int16", "uint16", "float16", "float32"]),
)
def test_round_trip_keeps_voxels_voxel_size_and_origin(tmp_path: Path, sizes, origin, shape, dtype) -> None:
    data = np.random.default_rng(1).integers(0, 100, shape).astype(dtype)
    path = tmp_path / "t.mrc"
    write_mrc(path, data, sizes, origin)
    with open_volume(path) as volume:
        assert volume.voxel_size == pytest.approx(sizes, rel=1e-5)
        assert volume.origin == origin
        assert volume.info.dtype == dtype
        np.testing.assert_array_equal(volume.read(), data)
        # Written again, it is the same to the last byte: nothing drifts from step to step.
        write_mrc(tmp_path / "again.mrc", volume.array, volume.voxel_size, volume.origin)
    assert (tmp_path / "again.mrc").read_bytes() == path.read_bytes()


def test_other_programs_find_a_valid_file(tmp_path: Path) -> None:
    data = np.random.default_rng(2).normal(size=(5, 6, 7)).astype(np.float32)
    path = tmp_path / "t.mrc"
    write_mrc(path, data, (4.0, 3.0, 2.0), (30.0, 20.0, 10.0))
    with open(tmp_path / "report.txt", "w") as report:
        assert mrcfile.validate(path, print_file=report), (tmp_path / "report.txt").read_text()
    with mrcfile.open(path) as mrc:
        np.testing.assert_array_equal(mrc.data, data)
        assert mrc.voxel_size.tolist() == (2.0, 3.0, 4.0)
        assert mrc.header.origin.tolist() == (10.0, 20.0, 30.0)
        assert float(mrc.header.dmax) == data.max()
        assert float(mrc.header.rms) == pytest.approx(data.std(), rel=1e-5)


@pytest.mark.parametrize(
    ("dtype", "low", "high", "stored"),
    [
        ("bool", 0, 1, "int8"),
        ("int8", -5, 5, "int8"),
        ("uint8", 0, 127, "int8"),
        ("uint8", 0, 128, "int16"),
        ("int16", -5, 5, "int16"),
        ("uint16", 0, 5, "uint16"),
        ("int32", -32768, 32767, "int16"),
        ("int64", 0, 65535, "uint16"),
        ("int64", -1, 40000, "float32"),
        ("uint64", 0, 2**24, "float32"),
        ("float16", 0, 1, "float16"),
        ("float32", 0, 1, "float32"),
        ("float64", 0, 1, "float32"),
    ],
)
def test_types_are_narrowed_without_loss(tmp_path: Path, dtype: str, low: int, high: int, stored: str) -> None:
    assert mrc_dtype(dtype, low, high) == np.dtype(stored)
    data = np.array([[[low, high]]], dtype=dtype)
    write_mrc(tmp_path / "t.mrc", data, (1, 1, 1))
    with open_volume(tmp_path / "t.mrc") as volume:
        assert volume.info.dtype == stored
        assert volume.read().astype(np.int64).tolist() == [[[low, high]]]


def test_numbers_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="16777217"):
        write_mrc(tmp_path / "t.mrc", np.array([[[2**24 + 1]]]), (1, 1, 1))
    with pytest.raises(UserError, match="complex64"):
        write_mrc(tmp_path / "t.mrc", np.zeros((1, 1, 1), np.complex64), (1, 1, 1))
    with (
        pytest.raises(ValueError, match="mrc_dtype"),
        create_mrc(tmp_path / "t.mrc", (1, 1, 1), "int64", None),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_created_file_appears_when_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.mrc"
    with create_mrc(path, (3, 4, 5), "float32", (2.0, 2.0, 2.0)) as volume:
        assert not path.exists()
        assert not volume.any()
        volume[1] = 7
    with open_volume(path) as written:
        assert written.read().sum() == 7 * 20
    assert [p.name for p in tmp_path.iterdir()] == ["t.mrc"]


def test_exception_keeps_the_old_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "t.mrc"
    write_mrc(path, np.ones((2, 2, 2), np.int8), None)
    before = path.read_bytes()
    with pytest.raises(KeyError), create_mrc(path, (3, 4, 5), "float32", None) as volume:
        volume[:] = 1
        raise KeyError("cancelled")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.mrc"]


def test_not_a_number_leaves_header_statistics_open(tmp_path: Path) -> None:
    data = np.ones((2, 2, 2), np.float32)
    data[0, 0, 0] = np.nan
    write_mrc(tmp_path / "t.mrc", data, (10, 10, 10))
    with mrcfile.open(tmp_path / "t.mrc", header_only=True) as mrc:
        assert mrc.header.dmax < mrc.header.dmin
    assert read_info(tmp_path / "t.mrc").voxel_size == (10, 10, 10)


def test_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        write_mrc(tmp_path / "none" / "t.mrc", np.zeros((1, 1, 1), np.int8), None)
