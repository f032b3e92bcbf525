import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.instances import connected_components, divide_at_dips
from engine.instances.dips import landscape


def rod(dark: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """A rod one voxel thick along x with these darknesses."""
    mask = np.zeros((3, 3, len(dark) + 2), bool)
    values = np.zeros(mask.shape, np.float32)
    mask[1, 1, 1:-1] = True
    values[1, 1, 1:-1] = dark
    return mask, values


def test_a_dip_divides_where_it_is_deeper_than_asked():
    mask, dark = rod([5, 9, 6, 4, 7, 8, 5])  # two tops, 9 and 8, with a pass at 4
    row = (1, 1, slice(1, -1))
    divided = divide_at_dips(mask, dark, 3.9)[row]
    assert divided.max() == 2
    assert len(set(divided[:3])) == 1 and len(set(divided[4:])) == 1 and divided[0] != divided[-1]
    assert set(divide_at_dips(mask, dark, 4.0)[row]) == {1}


def test_the_lower_top_counts():
    mask, dark = rod([20, 1, 3])
    assert divide_at_dips(mask, dark, 2.5).max() == 1
    assert divide_at_dips(mask, dark, 1.5).max() == 2


def test_necks_are_measured_on_the_boundary(balls):
    # Two balls of radius 4 whose centres are 6 apart, as dark as each other, faint between them; two single ones.
    mask = balls == 1
    x = np.indices(mask.shape)[2]
    dark = np.where(np.abs(x - 11) <= 1, 0, 10).astype(np.float32)
    pieces = divide_at_dips(mask, dark, 3)
    assert pieces.max() == 4
    assert pieces[10, 8, 6] != pieces[10, 8, 16] != 0
    land = landscape(mask, dark)
    touch = {int(land.basins[10, 8, 6]), int(land.basins[10, 8, 16])}
    (neck,) = (neck for pair, neck in zip(land.pairs.tolist(), land.necks, strict=True) if set(pair) == touch)
    assert 2 < neck < 4
    assert divide_at_dips(mask, dark, 3, neck).max() == 3
    assert divide_at_dips(mask, dark, 3, neck + 0.01).max() == 4


def test_depth_divides_at_a_neck_without_any_density(balls):
    pieces = divide_at_dips(balls == 1, np.zeros(balls.shape, np.float32), 0.5)
    assert sorted(np.bincount(pieces.ravel())[1:])[0] == 33
    assert pieces.max() == 4


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 1.0, 3.0]), st.sampled_from([0.5, 1.5, np.inf]))
def test_pieces_fill_the_mask_and_only_join_as_limits_rise(seed, dip, neck):
    rng = np.random.default_rng(seed)
    mask = rng.random((5, 6, 7)) < 0.6
    dark = rng.normal(0, 3, mask.shape).astype(np.float32)
    pieces = divide_at_dips(mask, dark, dip, neck)
    np.testing.assert_array_equal(pieces > 0, mask)
    assert set(np.unique(pieces[mask])) == set(range(1, pieces.max() + 1))
    for label in range(1, pieces.max() + 1):
        assert connected_components(pieces == label).max() == 1
    assert divide_at_dips(mask, dark, dip + 1, neck).max() <= pieces.max()
    assert divide_at_dips(mask, dark, np.inf).max() == connected_components(mask).max()


def test_an_empty_mask_has_no_pieces():
    empty = np.zeros((4, 5, 6), bool)
    assert not divide_at_dips(empty, np.zeros(empty.shape, np.float32)).any()


def test_what_a_person_can_cause(balls):
    mask, dark = balls == 1, np.zeros(balls.shape, np.float32)
    with pytest.raises(UserError, match="20 × 24 × 30 voxels, the darkness 19 × 24 × 30"):
        divide_at_dips(mask, dark[1:])
    with pytest.raises(UserError, match="-1 noise units"):
        divide_at_dips(mask, dark, -1)
    with pytest.raises(UserError, match="widest neck is 0 voxels"):
        divide_at_dips(mask, dark, 3, 0)
