"""Planes, slabs, regions, thinning; bytes for display; thumbnails."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.volumes import take_slice, thumbnail, to_display

DATA = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)


def test_planes() -> None:
    np.testing.assert_array_equal(take_slice(DATA, "z", 3), DATA[3])
    np.testing.assert_array_equal(take_slice(DATA, "y", 1), DATA[:, 1])
    np.testing.assert_array_equal(take_slice(DATA, "x", 5), DATA[:, :, 5])
    assert take_slice(DATA, "x", 5).dtype == np.int16


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_slab_region_and_step_equal_the_plain_definition(data) -> None:
    axis = data.draw(st.sampled_from("zyx"))
    where = "zyx".index(axis)
    index = data.draw(st.integers(0, DATA.shape[where] - 1))
    slab, step = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 4))
    plane = [n for i, n in enumerate(DATA.shape) if i != where]
    origin = tuple(data.draw(st.integers(0, n - 1)) for n in plane)
    size = tuple(data.draw(st.integers(1, 8)) for _ in plane)
    turned = np.moveaxis(DATA, where, 0).astype(np.float64)
    members = [i for i in range(index - slab // 2, index - slab // 2 + slab) if 0 <= i < len(turned)]
    expected = turned[members].mean(axis=0)
    expected = expected[origin[0] : origin[0] + size[0] : step, origin[1] : origin[1] + size[1] : step]
    found = take_slice(DATA, axis, index, slab, step, origin, size)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == (np.int16 if slab == 1 else np.float32)
    assert index in members


def test_result_is_a_copy_in_native_order() -> None:
    swapped = DATA.astype(">i2")
    plane = take_slice(swapped, "z", 0)
    assert plane.dtype.isnative and not np.shares_memory(plane, swapped)
    np.testing.assert_array_equal(plane, DATA[0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("z", 4), "z = 0 … 3"),
        (("x", -1), "x = 0 … 5"),
        (("z", 0, 0), "Slab 0"),
        (("z", 0, 1, 0), "step 0"),
        (("z", 0, 1, 1, (5, 0)), "outside the plane of 5 × 6"),
        (("z", 0, 1, 1, (0, 0), (0, 3)), "outside the plane"),
    ],
)
def test_outside_is_said(arguments: tuple, words: str) -> None:
    with pytest.raises(UserError, match=words):
        take_slice(DATA, *arguments)


def test_display() -> None:
    plane = np.array([[-5.0, 0.0, 1.0], [2.0, 9.0, np.nan], [np.inf, -np.inf, 0.5]])
    assert to_display(plane, 0, 2).tolist() == [[0, 0, 128], [255, 255, 0], [255, 0, 64]]
    assert to_display(plane, 2, 2).tolist() == [[128] * 3] * 3
    assert to_display(np.array([[-128, 127]], np.int8), -128, 127).tolist() == [[0, 255]]


def test_display_and_averages_of_huge_densities() -> None:
    plane = np.array([[-3e38, 0.0, 3e38]], np.float32)
    assert to_display(plane, -3e38, 3e38).tolist() == [[0, 127, 255]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert take_slice(np.full((5, 2, 2), 3e38, np.float32), "z", 2, slab=5).tolist() == [[np.float32(3e38)] * 2] * 2
        assert thumbnail(np.full((3, 200, 200), 3e38, np.float32)).max() == 128
    assert np.isinf(take_slice(np.full((3, 1, 1), np.inf, np.float32), "z", 1, slab=3)).all()


def test_thumbnail_shows_the_central_slice() -> None:
    volume = np.zeros((9, 400, 200), dtype=np.float32)
    volume[3:6, :200] = 10.0  # upper half bright in the central slices only
    picture = thumbnail(volume, 96)
    assert picture.dtype == np.uint8
    assert max(picture.shape) <= 96 and picture.shape[0] == 2 * picture.shape[1]
    half = picture.shape[0] // 2
    assert (picture[: half - 1] == 255).all() and (picture[half + 1 :] == 0).all()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 500), (5, 97, 95), (2, 64, 1)])
def test_thumbnail_of_odd_shapes(shape: tuple[int, int, int]) -> None:
    picture = thumbnail(np.random.default_rng(0).normal(size=shape), 96)
    assert max(picture.shape) <= 96 and min(picture.shape) >= 1
    assert thumbnail(np.full(shape, np.nan), 96).max() == 0
