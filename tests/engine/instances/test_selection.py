import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.instances import Instances, filter_border, keep_apart


def instances(places, sizes=None, labels=None):
    places = np.array(places, float).reshape(-1, 3)
    n = len(places)
    sizes = np.full(n, 10) if sizes is None else np.array(sizes)
    labels = np.arange(1, n + 1) if labels is None else np.array(labels)
    return Instances(labels, places, sizes, np.tile([0, 1], (n, 3, 1)), np.linspace(0.1, 0.9, n))


def test_the_border_is_counted_from_the_outermost_voxels():
    found = instances([(2, 5, 5), (1.9, 5, 5), (7, 5, 5), (7.1, 5, 5), (5, 5, 2), (5, 5, 27.5)])
    kept = filter_border(found, (10, 12, 30), 2)
    assert kept.labels.tolist() == [1, 3, 5]
    np.testing.assert_array_equal(kept.scores, found.scores[[0, 2, 4]])
    assert len(filter_border(found, (10, 12, 30), 0)) == 6


def test_borders_that_make_no_sense():
    with pytest.raises(UserError, match="border to leave out is -1"):
        filter_border(instances([]), (10, 12, 30), -1)
    with pytest.raises(UserError, match="border of 5 voxels leaves nothing of a volume of 10 × 12 × 30"):
        filter_border(instances([]), (10, 12, 30), 5)


def test_the_larger_of_two_stays():
    found = instances([(0, 0, 0), (0, 0, 4), (0, 0, 8), (0, 9, 0)], sizes=[5, 7, 6, 1])
    assert keep_apart(found, 5).labels.tolist() == [2, 4]
    assert keep_apart(found, 4).labels.tolist() == [1, 2, 3, 4], "exactly as far stays"
    assert keep_apart(found, 0).labels.tolist() == [1, 2, 3, 4]


def test_one_that_is_removed_removes_none():
    found = instances([(0, 0, 0), (0, 0, 4), (0, 0, 8)], sizes=[9, 8, 7])
    assert keep_apart(found, 5).labels.tolist() == [1, 3]


def test_of_equal_sizes_the_lower_label_stays():
    assert keep_apart(instances([(0, 0, 0), (0, 0, 1)], labels=[3, 8]), 2).labels.tolist() == [3]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 30), st.floats(0.1, 6))
def test_equal_to_taking_one_after_the_other(seed, count, separation):
    rng = np.random.default_rng(seed)
    found = instances(rng.integers(0, 8, (count, 3)), sizes=rng.integers(1, 5, count))
    kept = []
    for i in sorted(range(count), key=lambda i: (-found.sizes[i], found.labels[i])):
        if all(np.linalg.norm(found.centroids[i] - found.centroids[j]) >= separation for j in kept):
            kept.append(i)
    assert keep_apart(found, separation).labels.tolist() == [int(found.labels[i]) for i in sorted(kept)]


@pytest.mark.parametrize("separation", [-0.5, float("nan"), float("inf")])
def test_separations_that_make_no_sense(separation):
    with pytest.raises(UserError, match="least separation"):
        keep_apart(instances([]), separation)
