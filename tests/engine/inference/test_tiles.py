"""Plans of tiles: they cover the volume, keep their distance, fit into memory, and waste as little as possible."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.inference.tiles import plan_tiles, usable_bytes


def voxels(edges, valid, padded):
    return math.prod(edges)


def plan(shape, halo=8, multiple_of=4, memory=1e12, **more):
    return plan_tiles(shape, halo, multiple_of, more.pop("bytes_for", voxels), memory, **more)


def test_a_volume_that_fits_is_one_tile_and_nothing_is_computed_twice():
    found = plan((40, 64, 52))
    assert (found.count, found.work, found.shape, found.origin) == (1, 1.0, (40, 64, 52), (0, 0, 0))
    assert found.overlap == 0


def test_axes_that_are_no_multiple_are_padded_at_their_end():
    found = plan((41, 63, 2))
    assert (found.shape, found.origin) == ((44, 64, 4), (0, 0, 0))


def test_short_axes_are_padded_on_both_sides():
    found = plan((10, 64, 64), least_edge=40)
    assert (found.shape, found.origin) == ((40, 64, 64), (-12, 0, 0))


def test_the_axis_that_wastes_least_is_divided():
    # Half of the volume fits: dividing the longest axis recomputes the fewest voxels.
    found = plan((40, 64, 200), memory=40 * 64 * 120)
    assert found.edges == (40, 64, 108)
    assert found.axes[2].read == ((0, 108), (92, 200))
    assert found.axes[2].valid == ((0, 100), (100, 200))
    assert found.work == pytest.approx(216 / 200)


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(*[st.integers(1, 300)] * 3),
    st.integers(0, 20),
    st.sampled_from([1, 2, 4, 8, 16]),
    st.integers(0, 20),
    st.floats(1.0, 40.0),
    st.sampled_from(["linear", "gaussian"]),
)
def test_any_plan_covers_the_volume_once_within_memory(shape, halo, multiple_of, overlap, part, blending):
    memory = math.prod(shape) / part
    try:
        found = plan(shape, halo, multiple_of, memory, overlap=overlap, blending=blending)
    except UserError as error:
        assert "not enough memory" in str(error)
        return
    assert math.prod(found.edges) <= memory
    for axis, length, full in zip(found.axes, shape, found.shape, strict=True):
        assert full >= length and full % multiple_of == 0
        covered = np.zeros(full, int)
        for (read, read_end), (valid, valid_end) in zip(axis.read, axis.valid, strict=True):
            assert read % multiple_of == 0 and read_end % multiple_of == 0
            assert read == 0 or valid - read >= halo
            assert read_end == full or read_end - valid_end >= halo
            covered[valid:valid_end] += 1
        assert covered.min() == 1
        assert covered.max() <= 2 and (found.overlap > 0 or covered.max() == 1)
    totals = [np.zeros(n) for n in found.shape]
    tiles = list(itertools.chain.from_iterable(found.rows()))
    assert len(tiles) == found.count
    for number, total in enumerate(totals):
        for place, weights in {(t.valid[number].start, t.valid[number].stop): t.weights[number] for t in tiles}.items():
            total[slice(*place)] += weights
        np.testing.assert_allclose(total, 1, rtol=1e-6)


def test_an_edge_asked_for_is_the_longest():
    found = plan((100, 300, 20), edge=64)
    assert max(found.edges) <= 64
    assert found.edges[2] == 20


@pytest.mark.parametrize(("edge", "least"), [(16, 20), (8, 20)])
def test_an_edge_that_leaves_nothing(edge, least):
    with pytest.raises(UserError, match=f"Tiles of {edge} voxels leave nothing .* at least {least}"):
        plan((100, 100, 100), edge=edge)
    assert plan((100, 100, 100), edge=least).count > 1


def test_too_little_memory_says_so():
    with pytest.raises(UserError, match=r"not enough memory for this network.* 0\.0 GB"):
        plan((100, 100, 100), memory=1000)


def test_memory_that_may_be_taken_is_some_and_bounded():
    assert 1e6 < usable_bytes("cpu") <= 3e9
