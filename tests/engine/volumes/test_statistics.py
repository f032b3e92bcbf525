"""Statistics of samples against NumPy; volumes that are refused."""

import time
import warnings

import numpy as np
import pytest

from engine.errors import UserError
from engine.volumes import check_finite, sample_statistics
from engine.volumes import slabs as slabs_of

RNG = np.random.default_rng(0)


def test_small_volume_is_read_whole() -> None:
    data = RNG.normal(5, 2, size=(20, 30, 40)).astype(np.float32)
    found = sample_statistics(data)
    assert (found.minimum, found.maximum) == (data.min(), data.max())
    assert found.mean == pytest.approx(data.mean(dtype=np.float64))
    assert found.std == pytest.approx(data.std(), rel=1e-5)
    for percent in (0.05, 0.5, 1.0, 99.0, 99.5, 99.95):
        assert found.percentiles[percent] == pytest.approx(np.percentile(data, percent), abs=1e-4)
    assert found.histogram.sum() == data.size and len(found.histogram) == 256 and len(found.edges) == 257
    assert found.finite_fraction == 1 and not found.constant


def test_sample_is_like_the_whole() -> None:
    data = RNG.integers(-100, 100, size=(60, 300, 300)).astype(np.int8)
    found = sample_statistics(data, max_voxels=100_000)
    assert 50_000 < found.histogram.sum() < 120_000
    assert found.mean == pytest.approx(data.mean(), abs=1)
    assert found.percentiles[99.0] == pytest.approx(np.percentile(data, 99), abs=2)


def test_central_slice_is_always_in_the_sample() -> None:
    data = np.zeros((61, 200, 200), dtype=np.uint16)
    data[30] = 9
    assert sample_statistics(data, max_voxels=50_000).maximum == 9


def test_not_a_number_is_left_out() -> None:
    data = np.ones((4, 4, 4), dtype=np.float32)
    data[0] = np.nan
    data[1, 0, 0] = np.inf
    found = sample_statistics(data)
    assert found.finite_fraction == pytest.approx(47 / 64)
    assert found.constant and found.maximum == 1.0 and found.histogram.sum() == 47
    nothing = sample_statistics(np.full((2, 2, 2), np.nan))
    assert nothing.finite_fraction == 0 and nothing.constant and nothing.histogram.sum() == 0


@pytest.mark.parametrize(
    "value", [1e6, -1e6, 1e17, 3e38, -3e38, np.float64(1e300), np.int8(-128), np.uint16(65535), np.float32(0)]
)
def test_one_value_everywhere_has_a_histogram_around_it(value: float) -> None:
    dtype = value.dtype if isinstance(value, np.generic) else np.float32
    found = sample_statistics(np.full((3, 4, 5), value, dtype))
    assert found.constant and found.std == 0 and found.mean == found.minimum == pytest.approx(float(value))
    assert (np.diff(found.edges) > 0).all() and found.edges[0] < found.minimum < found.edges[-1]
    assert found.histogram.sum() == 60 and found.histogram[127:129].max() == 60


def test_two_neighbouring_numbers_far_from_zero() -> None:
    data = np.full((8, 8, 8), 1e6, np.float32)
    data[0, 0, 0] = np.nextafter(np.float32(1e6), np.float32(2e6))
    found = sample_statistics(data)
    assert not found.constant and (np.diff(found.edges) > 0).all() and found.histogram.sum() == 512


def test_huge_values_give_the_statistics_of_small_ones_times_their_scale() -> None:
    small = RNG.normal(size=(8, 9, 10)).clip(-3, 3).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        huge, plain = sample_statistics(small * np.float32(1e38)), sample_statistics(small)
    assert huge.std == pytest.approx(plain.std * 1e38, rel=1e-5)
    assert huge.percentiles[99.0] == pytest.approx(plain.percentiles[99.0] * 1e38, rel=1e-5)
    assert np.abs(huge.histogram - plain.histogram).sum() <= 4  # rounding at the edges of bins


def test_check_finite() -> None:
    data = RNG.normal(size=(6, 7, 8))
    check_finite(data, "ts_1")
    check_finite(RNG.integers(0, 2, (6, 7, 8)).astype(np.int8), "ts_1")
    data[2, 3, 4] = np.nan
    data[5, 0, 0] = -np.inf
    with pytest.raises(UserError, match=r"ts_1 holds 2 not-a-number or infinite voxels.*x 4, y 3, z 2"):
        check_finite(data, "ts_1")
    with pytest.raises(UserError, match="ts_1 holds the same value 3"):
        check_finite(np.full((6, 7, 8), 3.0), "ts_1")
    with pytest.raises(UserError, match="same value 3"):
        check_finite(np.full((6, 7, 8), 3, np.int16), "ts_1")


def test_first_bad_voxel_is_found_in_a_later_slab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.volumes.statistics.slabs", lambda shape, size: slabs_of(shape, size, 100))
    data = RNG.normal(size=(6, 7, 8))
    data[4, 3, 2] = np.nan
    with pytest.raises(UserError, match="x 2, y 3, z 4"):
        check_finite(data, "ts_1")


def test_time_does_not_grow_with_the_volume() -> None:
    data = np.lib.stride_tricks.as_strided(RNG.normal(size=1440 * 1024), (500, 1440, 1024), (0, 1024 * 8, 8))
    start = time.perf_counter()
    sample_statistics(data)
    assert time.perf_counter() - start < 2


def test_slabs_cover_without_overlap() -> None:
    for largest in (1, 100, 10_000):
        found = list(slabs_of((17, 5, 3), 4, largest))
        assert [z for part in found for z in range(part.start, part.stop)] == list(range(17))
        assert all((part.stop - part.start) * 60 <= max(largest, 60) for part in found)
