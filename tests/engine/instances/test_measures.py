import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from engine.errors import UserError
from engine.instances import centroids, connected_components, filter_sizes, keep_only


def test_components_of_the_regression_check(balls):
    found = centroids(connected_components(balls == 1))
    assert found.labels.tolist() == [1, 2, 3]
    assert found.sizes.tolist() == [33, 491, 123]
    np.testing.assert_allclose(found.centroids, [(2, 18, 6), (10, 8, 11), (10, 17, 24)])
    assert found.boxes[0] == (slice(0, 5), slice(16, 21), slice(4, 9))


@settings(max_examples=60, deadline=None)
@given(arrays(np.int32, (4, 5, 6), elements=st.sampled_from([0, 0, 1, 2, 5, 9])))
def test_measures_equal_the_plain_definition(labels):
    found = centroids(labels)
    present = [n for n in np.unique(labels) if n]
    assert found.labels.tolist() == present
    for i, n in enumerate(present):
        voxels = np.argwhere(labels == n)
        np.testing.assert_allclose(found.centroids[i], voxels.mean(0), atol=1e-6)
        assert found.sizes[i] == len(voxels)
        assert found.boxes[i] == ndimage.find_objects((labels == n).astype(int))[0]
        moment = ((voxels - voxels.mean(0)) ** 2).sum(1).mean() + 0.25
        assert found.scores[i] == pytest.approx(0.6 * (3 * len(voxels) / (4 * np.pi)) ** (2 / 3) / moment)
        assert 0 < found.scores[i] <= 1


def test_a_ball_scores_high_and_a_rod_low():
    z, y, x = np.indices((31, 31, 31)) - 15
    labels = np.where(z**2 + y**2 + x**2 <= 12**2, 1, 0)
    labels[0, 0] = 2
    ball, rod = centroids(labels).scores
    assert ball > 0.995
    assert rod < 0.1


def test_sizes_between_limits_both_included(balls):
    found = centroids(connected_components(balls == 1))
    kept = filter_sizes(found, 33, 123)
    assert kept.labels.tolist() == [1, 3]
    assert kept.boxes == [found.boxes[0], found.boxes[2]]
    assert len(filter_sizes(found, 34)) == 2
    assert len(filter_sizes(found, None, 490)) == 2
    assert len(filter_sizes(found)) == 3
    np.testing.assert_array_equal(kept.scores, found.scores[[0, 2]])


def test_dropped_instances_leave_the_map(balls):
    labels = connected_components(balls == 1)
    only = keep_only(labels, filter_sizes(centroids(labels), maximum=200))
    assert only.dtype == labels.dtype
    assert np.unique(only).tolist() == [0, 1, 3]
    np.testing.assert_array_equal(only[only > 0], labels[only > 0])


def test_an_empty_map_has_no_instances():
    found = centroids(np.zeros((3, 3, 3), np.int32))
    assert len(found) == 0
    assert found.centroids.shape == (0, 3)
    assert len(filter_sizes(found, 5)) == 0


def test_limits_that_make_no_sense(balls):
    found = centroids(connected_components(balls == 1))
    with pytest.raises(UserError, match="9 … 3 voxels"):
        filter_sizes(found, 9, 3)
    with pytest.raises(UserError, match="smallest size is -1"):
        filter_sizes(found, -1)
