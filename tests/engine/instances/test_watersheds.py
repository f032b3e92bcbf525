import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed as flood

from engine.errors import UserError
from engine.instances import centroids, h_maxima_watershed, watershed
from engine.instances.basins import merge_shallow_basins
from engine.instances.distances import squared_distance


def plain_definition(mask, min_distance):
    distance = ndimage.distance_transform_edt(mask)
    peaks = np.zeros(mask.shape, bool)
    peaks[tuple(peak_local_max(distance, min_distance=min_distance).T)] = True
    return flood(-distance, ndimage.label(peaks)[0], mask=mask)


def peaks_by_the_rule(distance, min_distance):
    """The peaks, written from the words of the rule."""
    side = 2 * min_distance + 1
    top = (distance == ndimage.maximum_filter(distance, side, mode="constant")) & (distance > distance.min())
    inner = np.zeros_like(top)
    inner[(slice(min_distance, -min_distance),) * 3] = True
    candidates = np.argwhere(top & inner)
    order = np.argsort(-distance[tuple(candidates.T)], kind="stable")
    kept = []
    for place in candidates[order]:
        if all(np.abs(place - other).max() >= min_distance for other in kept):
            kept.append(place)
    return sorted(tuple(int(n) for n in place) for place in kept)


@pytest.mark.parametrize("min_distance", [1, 2, 3, 5])
def test_equal_to_scipy_and_scikit_image(blobs, min_distance):
    got = watershed(blobs, min_distance)
    expected = plain_definition(blobs, min_distance)
    assert expected.max() > 5
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.5, 0.8, 0.95, 0.995])
def test_equal_in_random_masks_full_of_ties(seed, share):
    mask = np.random.default_rng(seed).random((22, 25, 28)) < share
    for min_distance in (1, 2, 4):
        np.testing.assert_array_equal(watershed(mask, min_distance), plain_definition(mask, min_distance))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 1.0), st.integers(1, 3), st.tuples(*[st.integers(7, 15)] * 3))
def test_equal_in_any_small_mask(seed, share, min_distance, shape):
    mask = np.random.default_rng(seed).random(shape) <= share
    np.testing.assert_array_equal(watershed(mask, min_distance), plain_definition(mask, min_distance))


def test_equal_where_everything_is_inside():
    mask = np.ones((9, 10, 11), bool)
    np.testing.assert_array_equal(watershed(mask, 2), plain_definition(mask, 2))
    assert not watershed(np.zeros((9, 10, 11), bool), 2).any()


@pytest.mark.parametrize("min_distance", [2, 3, 4])
def test_each_peak_of_the_rule_has_its_basin(blobs, min_distance):
    peaks = peaks_by_the_rule(ndimage.distance_transform_edt(blobs), min_distance)
    basins = watershed(blobs, min_distance)
    assert [int(basins[peak]) for peak in peaks] == list(range(1, len(peaks) + 1))


def test_touching_balls_of_the_regression_check(balls):
    found = centroids(watershed(balls == 1, 2))
    assert found.sizes.tolist() == [33, 256, 235, 123]
    np.testing.assert_allclose(found.centroids[1], (10, 8, 7.984375))
    np.testing.assert_allclose(found.centroids[2], (10, 8, 14.285106), atol=1e-6)


def test_a_component_near_a_face_vanishes(balls):
    assert centroids(watershed(balls == 1, 3)).sizes.tolist() == [256, 235, 123]


def test_a_flat_object_shatters_as_in_picket(plate):
    assert watershed(plate, 2).max() == 64


def test_bad_distances(balls):
    with pytest.raises(UserError, match="least distance is 0"):
        watershed(balls == 1, 0)
    with pytest.raises(UserError, match="longer than 20 voxels, this volume has 20 × 24 × 30"):
        watershed(balls == 1, 10)


def test_h_maxima_divide_balls_and_keep_what_lies_near_a_face(balls):
    found = centroids(h_maxima_watershed(balls == 1, 1.0))
    assert found.sizes.tolist() == [33, 123, 256, 235]
    assert centroids(h_maxima_watershed(balls == 1, 2.0)).sizes.tolist() == [33, 123, 491]


def test_h_maxima_leave_a_flat_object_whole(plate):
    assert h_maxima_watershed(plate, 1.0).max() == 1


@pytest.mark.parametrize("h", [0.4, 0.75, 1.0, 1.5, 2.5])
def test_as_many_basins_as_h_maxima(blobs, h):
    # Far below zero outside: the least of groups has a basin too.
    distance = np.where(blobs, ndimage.distance_transform_edt(blobs), -1e3)
    filled = reconstruction(distance - h, distance, footprint=ndimage.generate_binary_structure(3, 1))
    tops, count = ndimage.label(local_maxima(filled, connectivity=1) & blobs)
    got = h_maxima_watershed(blobs, h)
    # The deepest voxel of each h-maximum, all in different basins, none without one.
    owners = [np.unique(got[(tops == n) & (distance == distance[tops == n].max())]) for n in range(1, count + 1)]
    assert got.max() == count
    assert sorted(int(o) for owner in owners for o in owner) == list(range(1, count + 1))


def test_at_a_height_of_exactly_h_a_basin_ends(balls):
    mask = balls == 1
    assert squared_distance(mask)[10, 8, 8:15].tolist() == [17, 12, 9, 8, 9, 12, 17]
    height = 17**0.5 - 8**0.5
    assert h_maxima_watershed(mask, height - 1e-9).max() == 4
    assert h_maxima_watershed(mask, height).max() == 3


@pytest.mark.parametrize("h", [0.5, 1.5])
def test_h_maxima_basins_are_whole_and_leave_nothing_out(blobs, h):
    got = h_maxima_watershed(blobs, h)
    np.testing.assert_array_equal(got > 0, blobs)
    assert all(ndimage.label(got == n)[1] == 1 for n in range(1, got.max() + 1))
    flooded = h_maxima_watershed(blobs, 1e-9)
    assert all(len(np.unique(got[flooded == n])) == 1 for n in range(1, flooded.max() + 1)), "basins only merge"


def test_no_mask_no_basin():
    assert not h_maxima_watershed(np.zeros((3, 4, 5), bool), 1.0).any()


@pytest.mark.parametrize("h", [0, -1, float("nan"), float("inf")])
def test_bad_heights(balls, h):
    with pytest.raises(UserError, match="least height"):
        h_maxima_watershed(balls == 1, h)


def test_a_lower_basin_joins_over_its_highest_pass():
    # Depths 5 4 | 4 4.5 | 2 3 | 2 5: the second joins the first, the third stands 1 above both its passes.
    depth = np.array([[[5, 4, 4, 4.5, 2, 3, 2, 5]]]) ** 2
    basins = np.array([[[1, 1, 2, 2, 3, 3, 4, 4]]], np.int32)
    assert merge_shallow_basins(basins, depth, 0.4).ravel().tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert merge_shallow_basins(basins, depth, 0.5).ravel().tolist() == [1, 1, 1, 1, 2, 2, 3, 3]
    assert merge_shallow_basins(basins, depth, 1.0).ravel().tolist() == [1, 1, 1, 1, 1, 1, 2, 2]
    assert merge_shallow_basins(basins, depth, 2.9).ravel().tolist() == [1, 1, 1, 1, 1, 1, 2, 2]
    assert merge_shallow_basins(basins, depth, 3.0).ravel().tolist() == [1] * 8


def test_squares_order_voxels_as_distances_do(blobs):
    order = np.argsort(squared_distance(blobs), axis=None, kind="stable")
    np.testing.assert_array_equal(order, np.argsort(ndimage.distance_transform_edt(blobs), axis=None, kind="stable"))
