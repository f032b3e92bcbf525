import numpy as np
import pytest
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.segmentation import watershed as flood

from engine.errors import UserError
from engine.instances import centroids, watershed
from engine.instances.watersheds import distance_to_background


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


def flooded_group_by_group(mask, min_distance):
    """The plain definition on the whole volume with all other groups left out of the last step."""
    distance = ndimage.distance_transform_edt(mask)
    peaks = np.zeros(mask.shape, bool)
    peaks[tuple(peak_local_max(distance, min_distance=min_distance).T)] = True
    markers, groups = ndimage.label(peaks)[0], ndimage.label(mask)[0]
    result = np.zeros(mask.shape, np.int32)
    for group in range(1, groups.max() + 1):
        inside = groups == group
        result += flood(-distance, markers * inside, mask=inside)
    return result


@pytest.mark.parametrize("min_distance", [1, 2, 3, 5])
def test_equal_to_scipy_and_scikit_image(blobs, min_distance):
    got = watershed(blobs, min_distance)
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, flooded_group_by_group(blobs, min_distance))

    at_once = plain_definition(blobs, min_distance)
    assert at_once.max() > 5
    assert got.max() == at_once.max()
    assert np.count_nonzero(got != at_once) <= 5e-3 * blobs.size, "more than ties differ"
    np.testing.assert_array_equal(got == 0, at_once == 0)


@pytest.mark.parametrize("min_distance", [2, 3, 4])
def test_each_peak_of_the_rule_has_its_basin(blobs, min_distance):
    peaks = peaks_by_the_rule(ndimage.distance_transform_edt(blobs).astype(np.float32), min_distance)
    basins = watershed(blobs, min_distance)
    assert [int(basins[peak]) for peak in peaks] == list(range(1, len(peaks) + 1))


def test_touching_balls_of_the_regression_check(balls):
    found = centroids(watershed(balls == 1, 2))
    assert found.sizes.tolist() == [33, 256, 235, 123]
    np.testing.assert_allclose(found.centroids[1], (10, 8, 7.984375))
    np.testing.assert_allclose(found.centroids[2], (10, 8, 14.285106), atol=1e-6)


def test_a_component_near_a_face_vanishes(balls):
    assert centroids(watershed(balls == 1, 3)).sizes.tolist() == [256, 235, 123]


def test_a_flat_object_shatters_as_in_picket():
    mask = np.zeros((20, 40, 40), bool)
    mask[7:13, 10:30, 10:30] = True
    assert watershed(mask, 2).max() == plain_definition(mask, 2).max()


@pytest.mark.parametrize(("halo", "planes"), [(1, 3), (2, 16), (32, 64)])
def test_distance_by_slabs(blobs, halo, planes):
    for mask in (blobs, np.ones((6, 5, 5), bool), np.pad(np.ones((30, 20, 20), bool), 2)):
        expected = ndimage.distance_transform_edt(mask).astype(np.float32)
        np.testing.assert_array_equal(distance_to_background(mask, halo, planes), expected)


def test_bad_distances(balls):
    with pytest.raises(UserError, match="least distance is 0"):
        watershed(balls == 1, 0)
    with pytest.raises(UserError, match="longer than 20 voxels, this volume has 20 × 24 × 30"):
        watershed(balls == 1, 10)
