import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial import cKDTree

from engine.errors import UserError
from engine.instances import LabelScores, ScoreMaps
from engine.instances.score_peaks import perfect_response, score_peaks
from engine.instances.smoothing import local_maxima, smooth

RADII = {1: 3.0, 2: 4.0, 3: 6.5}


def soft_ball(shape, centre, radius):
    """1 inside, falling to 0 over one voxel, as partial volumes do."""
    axes = np.ogrid[tuple(slice(0, n) for n in shape)]
    distance = np.sqrt(sum((axis - c) ** 2 for axis, c in zip(axes, centre, strict=True)))
    return np.clip(radius + 0.5 - distance, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def scene():
    """Balls of three classes at random places that are no whole voxels; the nearest almost touch."""
    random = np.random.default_rng(0)
    shape = (40, 64, 60)
    maps = {label: np.zeros(shape, np.float32) for label in RADII}
    placed = []
    for _ in range(2000):
        label = int(random.integers(1, 4))
        centre = random.uniform(RADII[label] + 1, np.array(shape) - RADII[label] - 2)
        if all(np.linalg.norm(centre - c) > RADII[label] + RADII[other] for other, c in placed):
            placed.append((label, centre))
            np.maximum(maps[label], soft_ball(shape, centre, RADII[label]), out=maps[label])
    return maps, placed


def centres_of(placed, label):
    return np.array([centre for other, centre in placed if other == label])


def test_centres_between_voxels_are_found(scene):
    maps, placed = scene
    assert len(placed) > 40
    found = score_peaks(ScoreMaps(maps), RADII)
    assert len(found) == len(placed)
    for label, radius in RADII.items():
        true = centres_of(placed, label)
        mine = found.where(found.labels == label)
        distance, which = cKDTree(mine.centres).query(true)
        assert len(set(which)) == len(true) == len(mine)
        assert distance.max() < 0.3
        assert mine.scores.min() > 0.9
        np.testing.assert_allclose(mine.sizes, 4 / 3 * np.pi * radius**3, rtol=0.2)


def test_bytes_and_hard_labels_give_nearly_the_same(scene):
    maps, placed = scene
    exact = score_peaks(ScoreMaps(maps), RADII)
    coarse = score_peaks(ScoreMaps({k: np.rint(m * 255).astype(np.uint8) for k, m in maps.items()}), RADII)
    # MRC has no unsigned bytes without doubt: what a writer makes 16-bit numbers means the same.
    wide = score_peaks(ScoreMaps({k: np.rint(m * 255).astype(np.int16) for k, m in maps.items()}), RADII)
    np.testing.assert_array_equal(coarse.centres, wide.centres)
    assert cKDTree(coarse.centres).query(exact.centres)[0].max() < 0.1, "a voxel on the face of a ball may be in or out"
    labels = np.zeros(maps[1].shape, np.int8)
    for label, values in maps.items():
        labels[values >= 0.5] = label
    hard = score_peaks(LabelScores(labels, (1, 2, 3)), RADII)
    for label in RADII:
        distance, _ = cKDTree(hard.centres[hard.labels == label]).query(centres_of(placed, label))
        assert distance.max() < 0.3


@pytest.mark.parametrize("slices", [1, 3, 7, 39])
def test_slabs_give_the_bytes_of_the_whole(scene, slices):
    maps, _ = scene
    whole = score_peaks(ScoreMaps(maps), RADII)
    parts = score_peaks(ScoreMaps(maps), RADII, slab_bytes=slices * 64 * 60 * 4)
    np.testing.assert_array_equal(parts.labels, whole.labels)
    np.testing.assert_array_equal(parts.centres, whole.centres)
    np.testing.assert_array_equal(parts.scores, whole.scores)
    np.testing.assert_array_equal(parts.sizes, whole.sizes)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 1.7, 3.0]), st.integers(1, 5))
def test_slabs_give_the_bytes_of_the_whole_on_noise(seed, radius, slices):
    noise = np.random.default_rng(seed).random((13, 11, 12)).astype(np.float32) ** 3
    maps = ScoreMaps({1: noise, 4: noise[::-1].copy()})
    radii = {1: radius, 4: 2.0}
    whole, parts = score_peaks(maps, radii), score_peaks(maps, radii, slab_bytes=slices * 11 * 12 * 4)
    np.testing.assert_array_equal(parts.centres, whole.centres)
    np.testing.assert_array_equal(parts.scores, whole.scores)


def test_only_a_slab_is_read_at_once():
    class Watched:
        """Zeros that remember how many slices were asked for."""

        shape, dtype, most = (400, 8, 8), np.dtype(np.float32), 0

        def __getitem__(self, part):
            self.most = max(self.most, part.stop - part.start)
            return np.zeros((part.stop - part.start, 8, 8), np.float32)

    watched = Watched()
    assert len(score_peaks(ScoreMaps({1: watched}), {1: 4.0}, slab_bytes=20 * 8 * 8 * 4)) == 0
    assert 20 < watched.most <= 20 + 2 * 10, "a slab and its surroundings"


def test_the_score_is_one_for_a_ball_of_the_right_size_and_less_for_a_smaller_one():
    shape = (31, 31, 31)
    z, y, x = np.indices(shape) - 15
    square = z**2 + y**2 + x**2
    right = score_peaks(ScoreMaps({1: (square <= 25).astype(np.float32)}), {1: 5.0})
    assert right.scores.tolist() == pytest.approx([1.0], abs=1e-6)
    assert right.centres.tolist() == [[15, 15, 15]]
    assert right.sizes.tolist() == [515], "as many voxels as DeepFinder's ball of radius 5"
    small = score_peaks(ScoreMaps({1: (square <= 9).astype(np.float32)}), {1: 5.0})
    assert 0.3 < small.scores[0] < 0.7
    large = score_peaks(ScoreMaps({1: (square <= 100).astype(np.float32)}), {1: 5.0})
    assert large.scores.max() == 1.0
    half = score_peaks(ScoreMaps({1: (square <= 25).astype(np.float32) / 2}), {1: 5.0})
    assert half.scores.tolist() == pytest.approx([0.5], abs=1e-6)


def test_touching_balls_are_two_and_the_lower_of_two_too_close_goes():
    shape = (24, 24, 40)
    touching = np.maximum(soft_ball(shape, (12, 12, 12), 5), soft_ball(shape, (12, 12, 21), 5))
    found = score_peaks(ScoreMaps({1: touching}), {1: 5.0})
    assert sorted(found.centres[:, 2].round().tolist()) == [12, 21]
    spots = np.zeros(shape, np.float32)
    spots[12, 12, 12], spots[12, 12, 16] = 1.0, 0.9
    # Two single voxels 4 apart: with a radius of 1.5 two things, with a radius of 5 one.
    assert len(score_peaks(ScoreMaps({1: spots}), {1: 1.5}, floor=0.01)) == 2
    assert len(score_peaks(ScoreMaps({1: spots}), {1: 5.0}, floor=0.001)) == 1


def test_a_place_belongs_to_the_class_that_scores_highest_there():
    shape = (20, 20, 20)
    ball = soft_ball(shape, (10, 10, 10), 4)
    found = score_peaks(ScoreMaps({3: 0.6 * ball, 7: 0.4 * ball}), {3: 4.0, 7: 4.0})
    assert found.labels.tolist() == [3]
    equal = score_peaks(ScoreMaps({3: 0.5 * ball, 7: 0.5 * ball}), {3: 4.0, 7: 4.0})
    assert equal.labels.tolist() == [3], "of equals the lower label"
    small = score_peaks(ScoreMaps({3: 0.5 * ball, 7: 0.6 * ball}), {3: 4.0, 7: 12.0})
    assert small.labels.tolist() == [3], "of a class three times as large it fills but a small part"


def test_peaks_at_the_faces_and_in_the_corner():
    shape = (12, 12, 12)
    values = np.maximum(soft_ball(shape, (0, 0, 0), 3), soft_ball(shape, (11, 6, 11), 3))
    found = score_peaks(ScoreMaps({1: values}), {1: 3.0})
    assert len(found) == 2
    assert (found.centres >= 0).all()
    assert (found.centres <= 11).all()


def test_smoothing_against_scipy():
    values = np.random.default_rng(1).random((17, 20, 5)).astype(np.float32)
    for sigma in (0.5, 1.5, 3.0):
        expected = ndimage.gaussian_filter(values.astype(np.float64), sigma, mode="constant", truncate=3.0)
        got = smooth(torch.from_numpy(values), sigma).numpy()
        np.testing.assert_allclose(got, expected, atol=2e-6)
    assert perfect_response(4.0) == pytest.approx(0.74, abs=0.02), "of a large ball 0.7385 of the weights lie inside"


@pytest.mark.parametrize("reach", [1, 2, 4])
def test_local_maxima_against_a_running_maximum(reach):
    values = np.random.default_rng(2).integers(0, 200, (14, 9, 11)).astype(np.float32)
    highest = ndimage.maximum_filter(values, 2 * reach + 1, mode="nearest")
    tops = [tuple(place) for place in np.argwhere((values == highest) & (values >= 50)).tolist()]
    near = lambda one, other: max(abs(a - b) for a, b in zip(one, other, strict=True)) <= reach  # noqa: E731
    # Two maxima in reach of each other are equally high: each goes that has another before it.
    expected = [top for top in tops if not any(other < top and near(other, top) for other in tops)]
    expected = [top for top in expected if 2 <= top[0] < 10]
    got = local_maxima(torch.from_numpy(values), reach, 50.0, slice(2, 10))
    assert [tuple(place) for place in got.tolist()] == expected


def test_a_map_that_is_high_everywhere_costs_no_more_and_has_one_peak():
    everywhere = np.ones((70, 60, 50), np.float32)
    assert len(score_peaks(ScoreMaps({1: everywhere}), {1: 3.0}, slab_bytes=60 * 50 * 4 * 9)) == 1
    assert len(score_peaks(ScoreMaps({1: np.zeros_like(everywhere)}), {1: 3.0})) == 0


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ({1: np.array([[[0.1, np.nan]]], np.float32)}, "class 1 holds NaN"),
        ({1: np.array([[[0.1, 7.0]]], np.float32)}, "values from 0 to 7"),
        ({1: np.array([[[0, 300]]], np.int16)}, "values from 0 to 300"),
        ({1: np.array([[[-0.5, 0]]], np.float32)}, "values from -0.5"),
    ],
)
def test_values_that_are_no_scores(maps, message):
    with pytest.raises(UserError, match=message):
        score_peaks(ScoreMaps(maps), {1: 0.8})


def test_bad_maps_and_numbers():
    ones = np.ones((4, 4, 4), np.float32)
    with pytest.raises(UserError, match=r"differ in shape \(4 × 4 × 5 and 4 × 4 × 4 voxels\)"):
        ScoreMaps({1: ones, 2: np.ones((4, 4, 5), np.float32)})
    with pytest.raises(UserError, match="no score map of any class"):
        ScoreMaps({0: ones})
    with pytest.raises(UserError, match="three dimensions"):
        ScoreMaps({1: ones[0]})
    with pytest.raises(UserError, match="radius of the class with label 1 is -2"):
        score_peaks(ScoreMaps({1: ones}), {1: -2.0})
    with pytest.raises(UserError, match="larger than the volume"):
        score_peaks(ScoreMaps({1: ones}), {1: 90.0})
    with pytest.raises(UserError, match="lowest score of a peak is 0"):
        score_peaks(ScoreMaps({1: ones}), {1: 2.0}, floor=0.0)
    with pytest.raises(UserError, match="no score map of the class with label 4"):
        ScoreMaps({1: ones}).read(4, 0, 1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_the_gpu_finds_the_same(scene):
    maps, _ = scene
    here, there = score_peaks(ScoreMaps(maps), RADII), score_peaks(ScoreMaps(maps), RADII, device="cuda")
    assert here.labels.tolist() == there.labels.tolist()
    np.testing.assert_allclose(there.centres, here.centres, atol=1e-3)
    np.testing.assert_allclose(there.scores, here.scores, atol=1e-5)
