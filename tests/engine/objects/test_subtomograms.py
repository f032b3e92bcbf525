"""Subtomograms against plain indexing of a padded volume, and the rule for the centre."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.objects import box_starts, boxes_inside, cut_boxes

DATA = np.random.default_rng(0).normal(3.0, 2.0, size=(12, 14, 16)).astype(np.float32)
CENTRES = st.lists(st.tuples(st.floats(-0.5, 11.5), st.floats(-0.5, 13.5), st.floats(-0.5, 15.5)), max_size=5)


def plain(centre: tuple, size: int) -> np.ndarray:
    """The box with NaN where it lies outside."""
    padded = np.pad(DATA, 30, constant_values=np.nan)
    starts = [round(c) + 30 - size // 2 for c in centre]
    return padded[tuple(slice(s, s + size) for s in starts)]


@settings(max_examples=60, deadline=None)
@given(CENTRES, st.integers(1, 18), st.booleans(), st.booleans())
def test_equal_the_plain_definition(centres: list, size: int, normalise: bool, invert: bool) -> None:
    found = {b.index: b for b in cut_boxes(DATA, np.array(centres), size, "pad", normalise, invert)}
    assert sorted(found) == list(range(len(centres)))
    for index, centre in enumerate(centres):
        wanted = plain(centre, size).astype(np.float64)
        box = found[index]
        if not np.isfinite(wanted).any():
            assert box.voxels is None and "outside" in box.reason
            continue
        if normalise:
            spread = np.nanstd(wanted)
            wanted = (wanted - np.nanmean(wanted)) / (spread if np.isfinite(wanted).sum() > 1 else 1)
        wanted = (-1 if invert else 1) * wanted
        wanted = np.where(np.isfinite(wanted), wanted, np.nanmean(wanted))
        assert box.voxels is not None and box.voxels.dtype == np.float32
        np.testing.assert_allclose(box.voxels, wanted, atol=2e-5)


@settings(max_examples=60, deadline=None)
@given(CENTRES, st.integers(1, 14))
def test_skip_leaves_out_exactly_the_incomplete_boxes(centres: list, size: int) -> None:
    inside = boxes_inside(np.array(centres), size, DATA.shape)
    for box in cut_boxes(DATA, np.array(centres), size, "skip"):
        whole = plain(centres[box.index], size)
        assert inside[box.index] == np.isfinite(whole).all() == (box.voxels is not None)
        assert (box.reason == "") == (box.voxels is not None)
        if box.voxels is not None:
            np.testing.assert_array_equal(box.voxels, whole)


@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_the_object_lies_in_voxel_half_the_size_of_odd_and_even_boxes(size: int) -> None:
    volume = np.zeros((9, 9, 9), dtype=np.int8)
    volume[4, 3, 5] = 1
    (box,) = cut_boxes(volume, [[4.2, 2.9, 5.4]], size, "skip")
    assert box.voxels is not None and box.voxels.shape == (size,) * 3
    assert box.voxels[(size // 2,) * 3] == 1 and box.voxels.sum() == 1


def test_the_largest_even_box_fits_exactly() -> None:
    """PickET keeps no box of an even size."""
    volume = np.arange(4**3, dtype=np.uint8).reshape(4, 4, 4)
    (box,) = cut_boxes(volume, [[2, 2, 2]], 4, "skip")
    np.testing.assert_array_equal(box.voxels, volume)
    assert box_starts([[2, 2, 2]], 4).tolist() == [[0, 0, 0]]
    assert boxes_inside([[1, 2, 2], [2, 2, 3]], 4, (4, 4, 4)).tolist() == [False, False]


def test_the_volume_is_read_box_by_box_in_the_order_of_z() -> None:
    class Watched:
        shape = DATA.shape
        keys: list[tuple] = []  # noqa: RUF012

        def __getitem__(self, key: tuple) -> np.ndarray:
            self.keys.append(key)
            return DATA[key]

    boxes = list(cut_boxes(Watched(), [[9, 5, 5], [2, 5, 5], [6, 5, 5]], 3))
    assert [b.index for b in boxes] == [1, 2, 0]
    assert [(k[0].start, k[0].stop) for k in Watched.keys] == [(1, 4), (5, 8), (8, 11)]


def test_what_is_no_number_is_left_out_and_a_flat_box_is_zero_when_normalised() -> None:
    volume = np.full((8, 8, 8), 5.0, np.float32)
    volume[6, 6, 6] = np.nan
    flat, holed = cut_boxes(volume, [[2, 2, 2], [6, 6, 6]], 3, normalise=True)
    assert flat.voxels is not None and not flat.voxels.any()
    assert holed.voxels is None and "not numbers" in holed.reason


def test_the_volume_is_not_changed() -> None:
    before = DATA.copy()
    list(cut_boxes(DATA, [[5, 5, 5]], 4, normalise=True, invert=True))
    np.testing.assert_array_equal(DATA, before)


def test_refused() -> None:
    with pytest.raises(UserError, match="0 voxels"):
        list(cut_boxes(DATA, [[1, 1, 1]], 0))
    with pytest.raises(UserError, match="no position"):
        list(cut_boxes(DATA, [[1, np.nan, 1]], 3))
