import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.instances import Candidates, ClassSetting, count_by_class, passing
from engine.instances.candidates import nothing, together


def candidates(*rows):
    """Rows of label, (z, y, x), size, score."""
    labels, centres, sizes, scores = zip(*rows, strict=True)
    return Candidates(np.array(labels), np.array(centres, float), np.array(sizes), np.array(scores, float))


FOUND = candidates(
    (1, (10, 10, 10), 200, 0.9),
    (1, (10, 10, 30), 20, 0.3),
    (2, (10, 10, 13), 900, 0.6),
    (2, (40, 40, 40), 5000, np.nan),
)


def which(classes, **more):
    return np.flatnonzero(passing(FOUND, classes, **more)).tolist()


def test_limits_per_class():
    assert which([ClassSetting(1, 4), ClassSetting(2, 6)]) == [0, 1, 2, 3]
    assert which([ClassSetting(1, 4, min_score=0.9), ClassSetting(2, 6)]) == [0, 2, 3]
    assert which([ClassSetting(1, 4, min_size=200), ClassSetting(2, 6, max_size=900)]) == [0, 2]
    assert which([ClassSetting(1, 4), ClassSetting(2, 6, min_score=0.7)]) == [0, 1, 3], "no score is not judged"
    assert which([ClassSetting(2, 6)]) == [2, 3], "a class that is not asked for"
    assert which([]) == []


def test_counts_name_every_class():
    kept = passing(FOUND, [ClassSetting(1, 4, min_score=0.99), ClassSetting(2, 6)])
    assert count_by_class(FOUND, kept) == {1: 0, 2: 2}
    assert count_by_class(FOUND) == {1: 2, 2: 2}


def test_border_counts_from_the_outermost_voxels():
    both = [ClassSetting(1, 4), ClassSetting(2, 6)]
    assert which(both, shape=(51, 51, 51), exclude_border=10) == [0, 1, 2, 3]
    assert which(both, shape=(50, 51, 51), exclude_border=10) == [0, 1, 2]
    assert which(both, shape=(51, 51, 51), exclude_border=10.5) == []


def test_of_two_too_close_the_higher_score_stays():
    both = [ClassSetting(1, 4), ClassSetting(2, 6)]  # the mean of both radii is 5; they are 3 apart
    assert which(both, merge=1) == [0, 1, 3]
    assert which(both, merge=0.6) == [0, 1, 2, 3], "exactly as far stays"
    assert which(both, merge=0.61) == [0, 1, 3]
    # What is left out for its own reasons removes nothing.
    assert which([ClassSetting(1, 4, min_score=0.95), ClassSetting(2, 6)], merge=1) == [2, 3]


def test_without_scores_the_larger_stays():
    found = candidates((1, (0, 0, 0), 10, np.nan), (1, (0, 0, 1), 11, np.nan), (1, (0, 0, 2), 9, np.nan))
    assert passing(found, [ClassSetting(1, 1.5)], merge=1).tolist() == [False, True, False]


def plain_merge(found, radii, merge):
    """By the definition: from the best down, each that stays removes all that are too close to it."""
    rank = sorted(
        range(len(found)), key=lambda i: (-found.scores[i], -found.sizes[i], found.labels[i], *found.centres[i])
    )
    kept = []
    for i in rank:
        if all(
            np.linalg.norm(found.centres[i] - found.centres[j])
            >= merge * (radii[found.labels[i]] + radii[found.labels[j]]) / 2
            for j in kept
        ):
            kept.append(i)
    return sorted(kept)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.sampled_from([0.5, 1.0, 1.7]))
def test_merging_equals_its_definition(seed, count, merge):
    random = np.random.default_rng(seed)
    found = Candidates(
        random.integers(1, 4, count),
        random.integers(0, 12, (count, 3)).astype(float),
        random.integers(1, 5, count),
        random.integers(0, 4, count) / 4,
    )
    radii = {1: 2.0, 2: 3.5, 3: 5.0}
    kept = passing(found, [ClassSetting(label, r) for label, r in radii.items()], merge=merge)
    assert np.flatnonzero(kept).tolist() == plain_merge(found, radii, merge)


def test_lists_of_candidates():
    assert len(nothing()) == len(together([])) == 0
    both = together([FOUND, FOUND.where(np.array([2]))])
    assert both.labels.tolist() == [1, 1, 2, 2, 2]
    assert both.sizes[-1] == 900
    assert not passing(nothing(), [ClassSetting(1, 3)], (9, 9, 9), 1, 1).any()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"label": 0, "radius": 3}, "label 0: it must be 1 or more"),
        ({"label": 2, "radius": 0}, "radius of the class with label 2 is 0 voxels"),
        ({"label": 2, "radius": 3, "bandwidth": -5}, "bandwidth of the class with label 2 is -5"),
        ({"label": 2, "radius": 3, "min_score": 1.5}, "smallest score of the class with label 2 is 1.5"),
        ({"label": 2, "radius": 3, "min_size": -1}, "smallest size of the class with label 2 is -1"),
        ({"label": 2, "radius": 3, "min_size": 9, "max_size": 8}, "9 … 8 voxels"),
    ],
)
def test_bad_settings(setting, message):
    with pytest.raises(UserError, match=message):
        ClassSetting(**setting)


def test_bad_limits():
    with pytest.raises(UserError, match="Two classes have the label 1"):
        which([ClassSetting(1, 4), ClassSetting(1, 5)])
    with pytest.raises(UserError, match="leaves nothing of a volume of 9 × 50 × 50"):
        which([ClassSetting(1, 4)], shape=(9, 50, 50), exclude_border=5)
    with pytest.raises(UserError, match="must not be negative"):
        which([ClassSetting(1, 4)], shape=(9, 50, 50), exclude_border=-5)
    with pytest.raises(UserError, match="-1 radii"):
        which([ClassSetting(1, 4)], merge=-1)
