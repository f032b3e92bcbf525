import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from engine.errors import UserError
from engine.instances import ClassSetting, ScoreMaps, class_components, deepfinder_clusters, find_objects

RADII = {1: 2.5, 2: 4.0, 3: 6.0}


def ball(shape, centre, radius):
    axes = np.ogrid[tuple(slice(0, n) for n in shape)]
    return sum((axis - c) ** 2 for axis, c in zip(axes, centre, strict=True)) <= radius**2


@pytest.fixture(scope="module")
def crowded():
    """A perfect label map: balls of three classes that touch those of other classes, never those of their own."""
    random = np.random.default_rng(4)
    shape = (40, 70, 70)
    labels, placed = np.zeros(shape, np.int8), []
    centres, kinds = np.zeros((0, 3)), np.zeros(0, int)
    radii = np.array([0, *RADII.values()])
    for _ in range(3000):
        label = int(random.integers(1, 4))
        centre = random.integers(7, np.array(shape) - 7)
        apart = np.linalg.norm(centres - centre, axis=1) - radii[label] - radii[kinds]
        if (apart > np.where(kinds == label, 1.5, 0)).all():
            centres, kinds = np.vstack([centres, centre]), np.append(kinds, label)
            placed.append((label, centre))
            labels[ball(shape, centre, RADII[label])] = label
    return labels, placed


def f1(found, placed, reach=8.0):
    """F1 that knows classes, pairs by the nearest; on this map nothing is within reach of two."""
    hits = 0
    for label in RADII:
        true = np.array([c for other, c in placed if other == label], float)
        mine = found.centres[found.labels == label]
        if len(mine):
            distance, which = cKDTree(mine).query(true)
            hits += len(set(which[distance <= min(reach, RADII[label])].tolist()))
    return 2 * hits / (len(found) + len(placed))


def test_perfect_labels_give_a_perfect_score(crowded):
    labels, placed = crowded
    assert len(placed) > 120
    found = class_components(labels, RADII)
    assert f1(found, placed) == 1.0
    # DeepFinder's own step joins neighbours of different classes; on its less crowded example it reaches 0.98.
    assert f1(deepfinder_clusters(labels, 5), placed) < 0.9


def test_the_other_methods_do_nearly_as_well_on_perfect_labels(crowded):
    labels, placed = crowded
    settings = [ClassSetting(label, radius) for label, radius in RADII.items()]
    assert f1(find_objects(labels, None, "peaks", settings).candidates, placed) == 1.0
    assert f1(find_objects(labels, None, "mean shift", settings).candidates, placed) > 0.98


def test_unsplit_pieces_are_those_of_scipy():
    random = np.random.default_rng(8)
    labels = random.integers(0, 4, (9, 12, 11)).astype(np.int16)
    found = class_components(labels, {1: 1.0, 2: 1.0, 3: 1.0}, split=0)
    expected = []
    for label in (1, 2, 3):
        pieces, count = ndimage.label(labels == label)
        numbers = range(1, count + 1)
        centres = ndimage.center_of_mass(pieces > 0, pieces, numbers)
        sizes = ndimage.sum_labels(pieces > 0, pieces, numbers)
        expected += [(label, *c, s) for c, s in zip(centres, sizes, strict=True)]
    got = np.column_stack([found.labels, found.centres, found.sizes])
    np.testing.assert_allclose(got, np.array(expected), atol=1e-5)


@pytest.fixture
def fused():
    """Two balls of radius 6 that overlap, one alone, and a bar of another class."""
    shape = (20, 24, 60)
    labels = np.zeros(shape, np.int8)
    for x in (10, 19, 45):
        labels[ball(shape, (9, 11, x), 6)] = 1
    labels[8:11, 2:20, 30:33] = 2
    return labels


def test_pieces_larger_than_their_class_are_divided(fused):
    whole = class_components(fused, {1: 6.0, 2: 2.0}, split=0)
    assert whole.labels.tolist() == [1, 1, 2]
    found = class_components(fused, {1: 6.0, 2: 2.0})
    ones = found.where(found.labels == 1)
    assert len(ones) == 3
    np.testing.assert_allclose(np.sort(ones.centres[:, 2]), [10, 19, 45], atol=1.0)
    assert ones.sizes.sum() == whole.sizes[whole.labels == 1].sum()
    # The bar is larger than four balls of its class, but has no neck.
    assert (found.labels == 2).sum() == 1
    assert len(class_components(fused, {1: 9.0, 2: 2.0})) == 3, "not larger than 1.5 balls of radius 9"


def test_scores_are_means_over_the_parts(fused):
    x = np.arange(60, dtype=np.float32) / 100
    maps = {1: np.broadcast_to(x, fused.shape).copy(), 2: np.ones(fused.shape, np.float32)}
    found = class_components(fused, {1: 6.0, 2: 2.0}, ScoreMaps(maps))
    np.testing.assert_allclose(found.scores[:3], found.centres[:3, 2] / 100, atol=1e-6)
    assert found.scores[3] == 1.0


def test_labels_that_are_not_asked_for_are_left_out(fused):
    assert class_components(fused, {2: 2.0}).labels.tolist() == [2]
    assert len(class_components(fused, {9: 2.0})) == 0
    assert len(class_components(np.zeros_like(fused), {1: 2.0})) == 0
    assert class_components(np.where(fused == 2, -1, fused).astype(np.float32), {1: 6.0}).labels.tolist() == [1, 1, 1]


def test_bad_input(fused):
    with pytest.raises(UserError, match="score maps and the label map differ in shape"):
        class_components(fused, {1: 6.0}, ScoreMaps({1: np.ones((2, 2, 2), np.float32)}))
    with pytest.raises(UserError, match="radius of the class with label 1 is 0"):
        class_components(fused, {1: 0.0})
    with pytest.raises(UserError, match="from -1 times"):
        class_components(fused, {1: 6.0}, split=-1)
    with pytest.raises(UserError, match="no score map of the class with label 2"):
        class_components(fused, {1: 6.0, 2: 2.0}, ScoreMaps({1: np.ones(fused.shape, np.float32)}))
