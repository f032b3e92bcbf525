import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from sklearn.cluster import MeanShift

from engine.errors import UserError
from engine.instances import mean_shift

# Of scikit-learn, where each voxel has a cell of its own; the same happens here without a word.
pytestmark = pytest.mark.filterwarnings("ignore:Binning data failed")


def plain_definition(mask, bandwidth):
    model = MeanShift(bandwidth=bandwidth, bin_seeding=True, cluster_all=True).fit(np.argwhere(mask))
    labels = np.zeros(mask.shape, int)
    labels[mask] = model.labels_ + 1
    return labels, model.cluster_centers_


def check(mask, bandwidth):
    labels, centres = mean_shift(mask, bandwidth)
    expected_labels, expected_centres = plain_definition(mask, bandwidth)
    assert labels.dtype == np.int32
    assert centres.shape == expected_centres.shape
    np.testing.assert_allclose(centres, expected_centres, atol=1e-6, rtol=0)
    np.testing.assert_array_equal(labels, expected_labels)


@pytest.mark.parametrize(("bandwidth", "sizes"), [(4, [235, 256, 123, 33]), (5, [491, 123, 33])])
def test_balls_of_the_regression_check(balls, bandwidth, sizes):
    labels, centres = mean_shift(balls == 1, bandwidth)
    assert np.bincount(labels.ravel())[1:].tolist() == sizes
    assert len(centres) == len(sizes)


@pytest.fixture
def deepfinder_balls():
    """Three balls of radius 4 in boxes of 8³, as DeepFinder draws them (without their last voxel along each axis)."""
    mask = np.zeros((20, 24, 40), bool)
    z, y, x = np.indices((8, 8, 8)) - 4
    ball = z**2 + y**2 + x**2 <= 16
    for x, y, z in ((10, 10, 10), (17, 10, 10), (30, 12, 9)):
        mask[z - 4 : z + 4, y - 4 : y + 4, x - 4 : x + 4] |= ball
    return mask


def test_balls_of_deepfinders_regression_check(deepfinder_balls):
    labels, centres = mean_shift(deepfinder_balls, 4)
    assert np.bincount(labels.ravel())[1:].tolist() == [253, 254, 254]
    np.testing.assert_allclose(centres[0], (9.9843, 9.9843, 16.9843), atol=1e-4)
    assert np.bincount(mean_shift(deepfinder_balls, 8)[0].ravel())[1:].tolist() == [507, 254]


@pytest.mark.parametrize("bandwidth", [0.5, 1, 3.3, 4, 5, 8, 100])
def test_equal_to_scikit_learn_on_balls_at_whole_numbers(balls, bandwidth):
    check(balls[:, :, ::2] == 1, bandwidth)


@pytest.mark.parametrize("bandwidth", [2, 4.3])
def test_equal_to_scikit_learn_on_blobs(bandwidth):
    smooth = ndimage.gaussian_filter(np.random.default_rng(4).normal(size=(16, 20, 24)), 1.5)
    check(smooth > smooth.std(), bandwidth)


def test_equal_to_scikit_learn_on_a_shell():
    z, y, x = np.indices((18, 18, 18)) - 8.5
    radius = np.sqrt(z**2 + y**2 + x**2)
    check((radius < 8) & (radius > 7), 3)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(0.005, 0.08),
    st.sampled_from([1, 1.5, 2, 3, 5, 7.25]),
    st.tuples(*[st.integers(1, 12)] * 3),
)
def test_equal_to_scikit_learn_on_any_small_mask(seed, share, bandwidth, shape):
    mask = np.random.default_rng(seed).random(shape) < share
    mask[tuple(n // 2 for n in shape)] = True
    check(mask, bandwidth)


def test_the_densest_comes_first_and_no_voxel_is_lost(balls):
    mask = balls == 1
    labels, _ = mean_shift(mask, 4)
    np.testing.assert_array_equal(labels > 0, mask)
    assert labels[10, 8, 14] == 1, "two equally dense: the one farther along the axes"


def test_one_voxel_and_none():
    mask = np.zeros((4, 5, 6), bool)
    labels, centres = mean_shift(mask, 3)
    assert centres.shape == (0, 3)
    assert not labels.any()
    mask[1, 2, 3] = True
    labels, centres = mean_shift(mask, 3)
    assert centres.tolist() == [[1, 2, 3]]
    assert labels.sum() == labels[1, 2, 3] == 1


@pytest.mark.parametrize("bandwidth", [0, -2, float("nan"), float("inf")])
def test_bad_bandwidths(balls, bandwidth):
    with pytest.raises(UserError, match="bandwidth is"):
        mean_shift(balls == 1, bandwidth)
