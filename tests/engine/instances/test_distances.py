import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from engine.instances.distances import squared_distance


def plain_definition(mask):
    return np.rint(ndimage.distance_transform_edt(mask) ** 2)


def test_equal_to_scipy(blobs):
    got = squared_distance(blobs)
    assert got.dtype == np.uint16
    np.testing.assert_array_equal(got, plain_definition(blobs))


@settings(max_examples=100, deadline=None)
@given(arrays(bool, array_shapes(min_dims=3, max_dims=3, max_side=9), elements=st.sampled_from([True] * 9 + [False])))
def test_equal_to_scipy_in_small_masks(mask):
    np.testing.assert_array_equal(squared_distance(mask), plain_definition(mask))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("length", [128, 129, 300])
def test_deep_masks(axis, length):
    mask = np.ones((length, 3, 2), bool)
    mask[0, 0, 0] = False
    mask = np.moveaxis(mask, 0, axis)
    got = squared_distance(mask)
    assert got.max() == (length - 1) ** 2 + 4 + 1
    np.testing.assert_array_equal(got, plain_definition(mask))


def test_nothing_and_everything():
    assert not squared_distance(np.zeros((3, 4, 5), bool)).any()
    full = np.ones((3, 4, 5), bool)
    np.testing.assert_array_equal(squared_distance(full), plain_definition(full))
