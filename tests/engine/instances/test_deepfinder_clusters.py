import json
from pathlib import Path

import numpy as np
import pytest

from engine.errors import UserError
from engine.instances import ClassSetting, ScoreMaps, class_clusters, deepfinder_clusters, find_objects, mean_shift
from engine.instances.deepfinder_clusters import majority_labels

NEAR = [(9.9843, 9.9843, 16.9843), (9.9843, 9.9843, 10.0157), (8.9843, 11.9843, 29.9843)]


def target(second: int = 2) -> np.ndarray:
    """Balls of radius 4 as DeepFinder draws them, the last written wins: 1, `second`, 1."""
    labels = np.zeros((20, 24, 40), np.int8)
    z, y, x = np.indices((8, 8, 8)) - 4
    ball = z**2 + y**2 + x**2 <= 16
    for label, x, y, z in ((1, 10, 10, 10), (second, 17, 10, 10), (1, 30, 12, 9)):
        labels[z - 4 : z + 4, y - 4 : y + 4, x - 4 : x + 4][ball] = label
    return labels


def test_check_10_radius_4():
    found = deepfinder_clusters(target(), 4)
    assert found.sizes.tolist() == [253, 254, 254]
    assert found.labels.tolist() == [2, 1, 1]
    np.testing.assert_allclose(found.centres, NEAR, atol=5e-5)
    assert np.isnan(found.scores).all()


def test_check_10_radius_8():
    found = deepfinder_clusters(target(), 8)
    assert found.sizes.tolist() == [507, 254]
    assert found.labels.tolist() == [2, 1], "254 voxels of label 2 against 253 of label 1"
    np.testing.assert_allclose(found.centres, [(9.9842, 9.9842, 13.4852), (8.9843, 11.9843, 29.9843)], atol=5e-5)


def test_every_number_of_the_recorded_checks(data_folder: Path):
    file = data_folder.parent / "reference" / "deepfinder_checks.json"
    if not file.is_file():
        pytest.skip(f"no recorded checks at {file}")
    recorded = json.loads(file.read_text())
    for radius in (4, 8):
        found = deepfinder_clusters(target(), radius)
        rows = recorded[f"cluster_r{radius}"]
        assert found.labels.tolist() == [row["label"] for row in rows]
        assert found.sizes.tolist() == [row["size"] for row in rows]
        np.testing.assert_allclose(found.centres, [[row[a] for a in "zyx"] for row in rows], atol=5e-5)


def test_an_absent_class_does_not_change_the_others():
    # The original calls the first of these 1, because class 2 is absent.
    found = deepfinder_clusters(target(second=3), 4)
    assert found.labels.tolist() == [3, 1, 1]
    assert found.sizes.tolist() == [253, 254, 254]
    np.testing.assert_allclose(found.centres, NEAR, atol=5e-5)


def test_equal_votes_go_to_the_lowest_label():
    labels = np.zeros((3, 3, 6), np.int8)
    labels[1, 1, 1:3] = 5
    labels[1, 1, 3:5] = 2
    found = deepfinder_clusters(labels, 10)
    assert found.labels.tolist() == [2]
    assert found.sizes.tolist() == [4]


def test_votes_equal_counting_one_by_one():
    random = np.random.default_rng(5)
    labels = np.where(random.random((12, 14, 16)) < 0.2, random.integers(1, 6, (12, 14, 16)), 0).astype(np.int8)
    clusters, centres = mean_shift(labels > 0, 4)
    classes, sizes = majority_labels(clusters, labels, len(centres))
    for number in range(1, len(centres) + 1):
        votes = np.bincount(labels[clusters == number])
        assert classes[number - 1] == votes.argmax()
        assert sizes[number - 1] == votes.sum()


def test_each_class_alone_keeps_neighbours_apart():
    found = class_clusters(target(), {1: 8, 2: 8})
    assert found.labels.tolist() == [1, 1, 2]
    assert found.sizes.tolist() == [254, 253, 254]
    # Of the first, the voxels that the second took are missing at its far side.
    np.testing.assert_allclose(found.centres[1:], [(9.98, 9.98, 9.97), (9.98, 9.98, 16.98)], atol=0.05)


def test_the_score_is_the_mean_over_the_members():
    labels = target()
    maps = {1: np.full(labels.shape, 0.25, np.float32), 2: (labels == 2) * np.uint8(204)}
    found = deepfinder_clusters(labels, 4, ScoreMaps(maps))
    members = mean_shift(labels > 0, 4)[0] == 1
    assert found.scores[1:].tolist() == [0.25, 0.25]
    assert found.scores[0] == pytest.approx((labels[members] == 2).mean() * 0.8)


def test_one_way_in_gives_the_same():
    classes = [ClassSetting(1, 4), ClassSetting(2, 4)]
    direct = deepfinder_clusters(target(), 8)
    found = find_objects(target(), None, "mean shift", classes, compat_radius=8)
    np.testing.assert_array_equal(found.candidates.centres, direct.centres)
    assert found.kept.all()
    alone = find_objects(target(), None, "mean shift", [ClassSetting(1, 4, bandwidth=8), ClassSetting(2, 8)])
    assert alone.candidates.sizes.tolist() == [254, 253, 254]


def test_nothing_in_an_empty_map():
    empty = np.zeros((4, 5, 6), np.int8)
    assert len(deepfinder_clusters(empty, 5)) == 0
    assert len(class_clusters(empty, {1: 5})) == 0
    assert len(deepfinder_clusters(empty - 1, 5)) == 0, "what is below 0 does not count"


@pytest.mark.parametrize("radius", [0, -1, float("nan")])
def test_bad_radius(radius):
    with pytest.raises(UserError, match="bandwidth is"):
        deepfinder_clusters(target(), radius)
    with pytest.raises(UserError, match="bandwidth is"):
        class_clusters(target(), {1: radius})


def test_what_is_no_label_map():
    with pytest.raises(UserError, match="not whole"):
        deepfinder_clusters(np.full((3, 3, 3), 0.5), 4)
    with pytest.raises(UserError, match="three dimensions"):
        deepfinder_clusters(np.ones((3, 3), np.int8), 4)
