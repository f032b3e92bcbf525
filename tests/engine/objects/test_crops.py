"""Central slices for the gallery against plain indexing of a padded volume."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.objects import central_slices
from engine.objects.crops import contrast_limits, resampling_weights, small_cubes

DATA = np.random.default_rng(0).normal(size=(12, 14, 16)).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-3, 15), st.floats(-3, 17), st.floats(-3, 19)), max_size=5),
    st.integers(1, 9),
    st.integers(1, 4),
)
def test_equal_the_plain_definition(centres: list, box: int, average: int) -> None:
    found = central_slices(DATA, np.array(centres).reshape(-1, 3), box, average, planes=("z", "x"))
    assert found.shape == (len(centres), box, 2 * box) and found.dtype == np.float32
    padded = np.pad(DATA, 30, constant_values=np.nan)
    for crop, centre in zip(found, centres, strict=True):
        z, y, x = (round(c) + 30 for c in centre)
        first, half = -(average // 2), box // 2
        side, thick = slice(-half, box - half), slice(first, first + average)
        for part, axis in ((crop[:, :box], 0), (crop[:, box:], 2)):
            spans = [thick if a == axis else side for a in range(3)]
            block = padded[tuple(slice(c + s.start, c + s.stop) for c, s in zip((z, y, x), spans, strict=True))]
            counted = np.isfinite(block).sum(axis=axis)
            flat = np.nansum(block, axis=axis) / np.maximum(counted, 1)
            inside = counted > 0
            np.testing.assert_allclose(part[inside], flat[inside], atol=1e-5)
            outside = flat[inside].mean() if inside.any() else 0
            np.testing.assert_allclose(part[~inside], outside, atol=1e-5)


def test_centre_of_the_box_is_the_centre_of_the_particle() -> None:
    volume = np.zeros((9, 9, 9), dtype=np.int8)
    volume[4, 3, 5] = 1
    for box in (5, 6):
        for plane in "zyx":
            crop = central_slices(volume, np.array([[4.2, 2.9, 5.4]]), box, planes=(plane,))[0]
            assert crop[box // 2, box // 2] == 1 and crop.sum() == 1


def test_volume_is_read_in_the_order_of_z() -> None:
    class Watched:
        shape = DATA.shape
        starts: list[int] = []  # noqa: RUF012

        def __getitem__(self, key: tuple) -> np.ndarray:
            self.starts.append(key[0].start)
            return DATA[key]

    centres = np.array([[9, 5, 5], [2, 5, 5], [6, 5, 5]])
    found = central_slices(Watched(), centres, 3)
    assert Watched.starts == [2, 6, 9]
    np.testing.assert_array_equal(found[0], DATA[9, 4:7, 4:7])


@pytest.mark.parametrize(("box", "average", "planes"), [(0, 1, "z"), (3, 0, "z"), (3, 1, "w"), (3, 1, "")])
def test_refused(box: int, average: int, planes: str) -> None:
    with pytest.raises(UserError):
        central_slices(DATA, np.zeros((1, 3)), box, average, tuple(planes))


@pytest.mark.parametrize("step", [2, 3, 5])
def test_a_thinned_picture_is_every_nth_pixel_of_the_whole_one(step: int) -> None:
    centres = np.array([[6, 7, 8], [0, 13, 2], [11, 0, 15]])
    for box in (6, 7, 11):
        whole = central_slices(DATA, centres, box, 2)
        thin = central_slices(DATA, centres, box, 2, step=step)
        assert thin.shape[1:] == (-(-box // step),) * 2
        inside = np.zeros((3, box, box), dtype=bool)  # what is padded has the mean of what was read, which differs
        for i, (_, y, x) in enumerate(centres):
            rows, columns = np.arange(box) + y - box // 2, np.arange(box) + x - box // 2
            inside[i] = ((rows >= 0) & (rows < 14))[:, None] & ((columns >= 0) & (columns < 16))
        kept = inside[:, ::step, ::step]
        np.testing.assert_array_equal(thin[kept], whole[:, ::step, ::step][kept])


def test_a_position_that_is_no_number_is_an_empty_picture() -> None:
    found = central_slices(DATA, np.array([[np.nan, 5, 5], [6, 6, 6]]), 4)
    assert not found[0].any() and found[1].any()


def test_contrast_is_that_of_the_tomogram() -> None:
    volume = np.random.default_rng(1).normal(5, 2, size=(60, 80, 90)).astype(np.float32)
    volume[0, 0, 0] = 1e9  # a hot voxel in a corner
    low, high = contrast_limits(volume, 16)
    assert low == pytest.approx(5 - 2.576 * 2, abs=0.3) and high == pytest.approx(5 + 2.576 * 2, abs=0.3)
    thick = contrast_limits(volume, 16, average=9)
    assert thick[1] - thick[0] == pytest.approx((high - low) / 3, rel=0.1)
    assert contrast_limits(volume, 16) == (low, high)
    assert contrast_limits(np.full((9, 9, 9), np.nan, np.float32), 4) == (0.0, 0.0)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40))
def test_resampling_keeps_means_and_the_middle(box: int, edge: int) -> None:
    weights = resampling_weights(box, edge)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
    ramp = weights @ (np.arange(box) - (box - 1) / 2)
    assert ramp.mean() == pytest.approx(0, abs=1e-4)
    np.testing.assert_allclose(ramp, -ramp[::-1], atol=1e-4)
    if box % edge == 0:
        values = np.random.default_rng(box).normal(size=box)
        np.testing.assert_allclose(weights @ values, values.reshape(edge, -1).mean(axis=1), atol=1e-5)


def test_small_cubes_are_means_of_blocks() -> None:
    volume = np.random.default_rng(2).normal(size=(20, 20, 20)).astype(np.float32)
    done: list[int] = []
    centres = np.array([[10, 10, 10], [50, 0, 0], [np.nan, 0, 0], [1, 10, 10]])
    found = small_cubes(volume, centres, 9, 3, done.append)
    block = volume[6:15, 6:15, 6:15].reshape(3, 3, 3, 3, 3, 3).mean((1, 3, 5))
    np.testing.assert_allclose(found[0], block, atol=1e-5)
    assert np.isnan(found[1]).all() and np.isnan(found[2]).all()
    part = volume[0:6, 6:15, 6:15]
    padded = np.concatenate([np.full((3, 9, 9), part.mean()), part]).reshape(3, 3, 3, 3, 3, 3).mean((1, 3, 5))
    np.testing.assert_allclose(found[3], padded, atol=1e-5)
    assert done == [1, 2, 3]
    assert small_cubes(volume, centres[:1], 8, 3)[0] == pytest.approx(found[0])  # even boxes are made odd
