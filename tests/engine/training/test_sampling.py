"""Where patches are cut: DeepFinder's numbers, and what the balanced sampler promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UserError
from engine.training.sampling import (
    TRAINING,
    BalancedSampler,
    DeepFinderSampler,
    Places,
    bootstrap_pool,
    clamped_centre,
    hard_share,
    step_generator,
)

SHAPE = (50, 100, 120)


def places(channels, centres=None, tomogram=None):
    count = len(channels)
    centres = np.full((count, 3), 30.0) if centres is None else np.asarray(centres, float)
    return Places(np.zeros(count, int) if tomogram is None else np.asarray(tomogram), centres, np.asarray(channels))


@pytest.mark.parametrize(
    ("centre_xyz", "clamped_xyz"), [((0, 0, 0), (16, 16, 16)), ((119, 99, 49), (104, 84, 34)), ((60, 50, 25),) * 2]
)
def test_centres_are_clamped_as_in_deepfinder(centre_xyz, clamped_xyz):
    assert clamped_centre(np.array(centre_xyz[::-1]), SHAPE, 32) == clamped_xyz[::-1]


def test_the_pool_of_a_bootstrap_holds_as_many_of_each_class():
    channels = np.array([3, 1, 1, 2, 1, 1, 1, 3])
    pool = bootstrap_pool(channels, 5, np.random.default_rng(0))
    assert channels[pool].tolist() == [1] * 5 + [2] * 5 + [3] * 5


def test_fractions_are_cut_off_and_patches_begin_half_an_edge_before_the_centre():
    sampler = DeepFinderSampler(places([1], [(20.9, 30.9, 40.9)]), [SHAPE], 16, 0, False)
    (place,) = sampler.draw(1, np.random.default_rng(0))
    assert (place.tomogram, place.start) == (0, (12, 22, 32))


def test_shifts_are_whole_numbers_up_to_the_limit_along_each_axis():
    sampler = DeepFinderSampler(places([1], [(25, 50, 60)]), [SHAPE], 8, 3, False)
    starts = np.array([place.start for place in sampler.draw(3000, np.random.default_rng(1))]) + 4 - (25, 50, 60)
    assert starts.min(axis=0).tolist() == [-3, -3, -3] and starts.max(axis=0).tolist() == [3, 3, 3]
    counts = np.bincount(starts[:, 0] + 3)
    assert counts.min() > 300  # 3000 / 7 = 429 each


def test_bootstrap_makes_classes_alike_and_without_it_objects_are_alike():
    one_in_ten = places([1] * 90 + [2] * 10, np.r_[np.full((90, 3), 20.0), np.full((10, 3), 30.0)])
    share = {}
    for bootstrap in (False, True):
        sampler = DeepFinderSampler(one_in_ten, [SHAPE], 8, 0, bootstrap)
        share[bootstrap] = np.mean([p.start[0] == 26 for p in sampler.draw(4000, np.random.default_rng(2))])
    assert share[False] == pytest.approx(0.1, abs=0.02)
    assert share[True] == pytest.approx(0.5, abs=0.03)


def test_deepfinder_needs_an_object():
    with pytest.raises(UserError, match="no object"):
        DeepFinderSampler(places([]), [SHAPE], 8, 0, False)


def test_the_balanced_sampler_takes_a_share_anywhere_and_classes_alike():
    known = places([1] * 50 + [2], np.r_[np.full((50, 3), 10.0), [[30.0, 30.0, 30.0]]])
    sampler = BalancedSampler(known, [SHAPE], 4, 0, 0.2)
    starts = [place.start for place in sampler.draw(4000, np.random.default_rng(3))]
    assert np.mean([s == (8, 8, 8) for s in starts]) == pytest.approx(0.4, abs=0.03)
    assert np.mean([s == (28, 28, 28) for s in starts]) == pytest.approx(0.4, abs=0.03)


def test_background_comes_from_tomograms_by_their_size_and_alone_where_there_is_no_object():
    sampler = BalancedSampler(places([]), [(10, 10, 10), (10, 10, 30)], 4, 0, 0.0)
    share = np.mean([place.tomogram for place in sampler.draw(4000, np.random.default_rng(4))])
    assert share == pytest.approx(0.75, abs=0.03)


def test_examples_take_classes_in_turn():
    known = places([1, 1, 2], [(10, 10, 10), (12, 12, 12), (30, 30, 30)])
    sampler = BalancedSampler(known, [SHAPE], 4, 0, 0.5)
    starts = [place.start for place in sampler.one_of_each(3, np.random.default_rng(5))]
    assert starts[0] in ((8, 8, 8), (10, 10, 10)) and starts[1] == (28, 28, 28) and len(set(starts)) == 3


@given(
    st.tuples(*[st.integers(1, 40)] * 3), st.tuples(*[st.floats(-5, 45)] * 3), st.sampled_from([4, 8, 16, 32]),
    st.integers(0, 20),
)  # fmt: skip
def test_patches_lie_inside_or_reach_over_both_faces_of_a_thin_axis(shape, centre, patch, shift):
    sampler = DeepFinderSampler(places([1], [centre]), [shape], patch, shift, True)
    for place in sampler.draw(5, np.random.default_rng(0)):
        for first, length in zip(place.start, shape, strict=True):
            if length >= patch:
                assert 0 <= first <= length - patch
            else:
                assert first <= 0 and first + patch >= length


def test_a_step_depends_on_its_numbers_alone():
    one = step_generator(7, TRAINING, 3, 11).integers(0, 1 << 30, 4).tolist()
    assert step_generator(7, TRAINING, 3, 11).integers(0, 1 << 30, 4).tolist() == one
    others = [
        step_generator(*k).integers(0, 1 << 30, 4).tolist() for k in ((8, 0, 3, 11), (7, 0, 4, 11), (7, 0, 3, 12))
    ]
    assert one not in others and len({tuple(o) for o in others}) == 3
    assert step_generator(7, TRAINING, 3, 11, rank=1).integers(0, 1 << 30, 4).tolist() != one


def test_patches_about_places_without_object():
    known = places([1] * 6, np.full((6, 3), 10.0))
    negatives = places([0, 0], [(30.0, 30.0, 30.0), (40.0, 40.0, 40.0)])

    def shares(negatives, share, background=0.2):
        sampler = BalancedSampler(known, [SHAPE], 4, 0, background, negatives, share)
        starts = [place.start for place in sampler.draw(4000, np.random.default_rng(5))]
        return [np.mean([s == (n, n, n) for s in starts]) for n in (8, 28, 38)]

    assert shares(negatives, None) == pytest.approx([0.55, 0.125, 0.125], abs=0.03)  # 2 of 8 places
    assert shares(negatives, 0.5) == pytest.approx([0.3, 0.25, 0.25], abs=0.03)
    assert shares(None, 0.5) == shares(places([]), None) == pytest.approx([0.8, 0, 0], abs=0.03)


def test_the_share_of_places_without_object_is_theirs_and_not_above_a_quarter():
    assert [hard_share(*n) for n in ((0, 5), (1, 9), (3, 9), (90, 10), (5, 0))] == [0, 0.1, 0.25, 0.25, 0.25]


def test_without_objects_patches_lie_anywhere_and_about_places_without():
    sampler = BalancedSampler(places([]), [SHAPE], 4, 0, 0.1, places([0], [(20.0, 20.0, 20.0)]), None)
    starts = [place.start for place in sampler.draw(2000, np.random.default_rng(6))]
    assert np.mean([s == (18, 18, 18) for s in starts]) == pytest.approx(0.25, abs=0.03)


def test_places_without_object_change_nothing_where_there_are_none():
    known = places([1, 2], [(10.0, 10.0, 10.0), (20.0, 20.0, 20.0)])
    plain, with_none = (
        BalancedSampler(known, [SHAPE], 8, 3, 0.3, *more).draw(50, np.random.default_rng(7))
        for more in ((), (None, 0.5))
    )
    assert plain == with_none
