import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.errors import UserError
from engine.instances import component_sizes, connected_components, size_histogram, suggest_sizes


@pytest.fixture
def speckle():
    return np.random.default_rng(0).geometric(0.5, 2000)


@pytest.fixture
def particles():
    return np.random.default_rng(1).normal(500, 80, 60).astype(int)


def test_sizes_of_a_mask_and_of_an_instance_map(balls):
    assert component_sizes(balls == 1).tolist() == [33, 491, 123]
    assert component_sizes(connected_components(balls == 1)).tolist() == [33, 491, 123]
    assert component_sizes(np.array([[[-1, 0, 4, 4, 2]]], np.int8)).tolist() == [1, 2]
    for dtype in (bool, np.int32):
        assert component_sizes(np.zeros((2, 2, 2), dtype)).tolist() == []


def test_a_clear_gap_is_found(speckle, particles):
    found = suggest_sizes(np.concatenate([speckle, particles]))
    assert found.clear
    assert speckle.max() < found.minimum < particles.min()
    assert found.maximum is None
    assert "2,000 have 1 to 11 and hold 12 % of the volume, 60 have 283 or more" in found.reason


def test_the_huge_are_left_out(speckle, particles):
    found = suggest_sizes(np.concatenate([particles, [30000, 25000, 41000], speckle]))
    assert speckle.max() < found.minimum < particles.min()
    assert particles.max() < found.maximum < 25000
    assert f"3 of more than {found.maximum:,} voxels" in found.reason
    assert "74 %" in found.reason


def test_few_huge_are_kept_and_told():
    sizes = np.concatenate([np.random.default_rng(1).normal(500, 80, 1000).astype(int), [12000]])
    found = suggest_sizes(sizes)
    assert found.maximum is None
    assert "1 far larger than the typical" in found.reason


def test_without_a_gap_it_says_so():
    sizes = np.round(10 ** np.random.default_rng(0).uniform(0, 3.2, 2000)).astype(int)
    found = suggest_sizes(sizes)
    assert not found.clear
    assert "no clear gap" in found.reason
    assert sizes[sizes < found.minimum].sum() == pytest.approx(0.1 * sizes.sum(), rel=0.05)


def test_pieces_alike_are_all_kept(particles):
    found = suggest_sizes(particles)
    assert (found.minimum, found.maximum, found.clear) == (None, None, False)
    assert "none is too small" in found.reason


def test_too_few_pieces():
    found = suggest_sizes(np.array([3, 5, 4]))
    assert (found.minimum, found.maximum) == (None, None)
    assert "only 3 pieces, of 3 to 5 voxels" in found.reason
    assert "There is only 1 piece, of 7 voxels:" in suggest_sizes(np.array([7])).reason


def test_no_piece():
    with pytest.raises(UserError, match="no piece"):
        suggest_sizes(np.array([], int))


@settings(max_examples=100, deadline=None)
@given(arrays(np.int64, st.integers(1, 60), elements=st.one_of(st.integers(1, 40), st.integers(1, 10**7))))
def test_any_sizes_have_a_histogram_a_reason_and_limits_in_order(sizes):
    found = suggest_sizes(sizes)
    assert found.counts.sum() == len(sizes)
    assert len(found.edges) == len(found.counts) + 1
    assert (np.diff(np.floor(found.edges)) >= 1).all(), "each bin holds a whole number"
    assert found.edges[0] == 0.5
    assert found.reason.endswith(".")
    assert found.minimum is None or 1 <= found.minimum <= sizes.max()
    if found.minimum is not None and found.maximum is not None:
        assert found.minimum < found.maximum
    kept = sizes[(sizes >= (found.minimum or 0)) & (sizes <= (found.maximum or np.inf))]
    assert len(kept)


def test_bins_grow_by_decades():
    edges, counts = size_histogram(np.array([1, 1, 2, 10, 100, 1000]), per_decade=1)
    assert edges.tolist() == [0.5, 9.5, 99.5, 999.5, 9999.5]
    assert counts.tolist() == [3, 1, 1, 1]
