import numpy as np
import pytest

from engine.errors import UserError
from engine.instances import METHODS, ClassSetting, ScoreMaps, find_objects


@pytest.fixture
def labels():
    """A large ball of label 3 and a small one of label 5."""
    z, y, x = np.indices((24, 30, 36))
    found = np.zeros((24, 30, 36), np.int8)
    found[(z - 12) ** 2 + (y - 12) ** 2 + (x - 10) ** 2 <= 36] = 3
    found[(z - 8) ** 2 + (y - 22) ** 2 + (x - 28) ** 2 <= 9] = 5
    return found


CLASSES = [ClassSetting(3, 6.0), ClassSetting(5, 3.0)]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_both(labels, method):
    found = find_objects(labels, None, method, CLASSES)
    assert found.objects.labels.tolist() == [3, 5]
    # Mean shift gives the place where its ball came to rest, which is not quite the middle.
    tolerance = 0.3 if method == "mean shift" else 0.05
    np.testing.assert_allclose(found.objects.centres, [(12, 12, 10), (8, 22, 28)], atol=tolerance)
    assert found.objects.sizes.tolist() == [925, 123]


@pytest.mark.parametrize("method", METHODS)
def test_limits_leave_candidates_as_they_are(labels, method):
    classes = [ClassSetting(3, 6.0, min_size=926), ClassSetting(5, 3.0)]
    found = find_objects(labels, None, method, classes)
    assert len(found.candidates) == 2
    assert found.kept.tolist() == [False, True]
    near = find_objects(labels, None, method, CLASSES, exclude_border=9)
    assert near.kept.tolist() == [True, False]


@pytest.mark.parametrize("method", METHODS)
def test_score_maps_give_scores(labels, method):
    maps = ScoreMaps({3: (labels == 3) * np.float32(0.8), 5: (labels == 5) * np.float32(0.6)})
    found = find_objects(labels, maps, method, CLASSES)
    np.testing.assert_allclose(found.candidates.scores, [0.8, 0.6], atol=1e-5)


def test_peaks_need_no_label_map(labels):
    maps = ScoreMaps({3: (labels == 3).astype(np.float32), 5: (labels == 5).astype(np.float32)})
    np.testing.assert_array_equal(
        find_objects(None, maps, "peaks", CLASSES).candidates.centres,
        find_objects(labels, None, "peaks", CLASSES).candidates.centres,
    )


@pytest.mark.parametrize("method", METHODS)
def test_an_empty_label_map_is_no_error(labels, method):
    found = find_objects(np.zeros_like(labels), None, method, CLASSES, exclude_border=2, merge=1)
    assert len(found.candidates) == len(found.kept) == 0


def test_progress_ends_at_one(labels):
    for method in METHODS:
        said = []
        find_objects(labels, None, method, CLASSES, progress=lambda fraction, text, said=said: said.append(fraction))
        assert said[-1] == 1.0
        assert said == sorted(said)


def test_a_label_without_a_class_is_named(labels):
    with pytest.raises(UserError, match=r"no class for the label 5 \(123 voxels\) \(classes have the labels: 3\)"):
        find_objects(labels, None, "peaks", CLASSES[:1])
    found = find_objects(labels, None, "peaks", CLASSES[:1], left_out=[5])
    assert found.objects.labels.tolist() == [3]
    with pytest.raises(UserError, match="no class for the label 3 "):
        find_objects(labels, None, "components", [])


def test_bad_input(labels):
    maps = ScoreMaps({3: np.zeros((2, 2, 2), np.float32)})
    with pytest.raises(UserError, match=r"differ in shape \(2 × 2 × 2 and 24 × 30 × 36 voxels\)"):
        find_objects(labels, maps, "peaks", CLASSES)
    some = ScoreMaps({3: np.zeros(labels.shape, np.float32)})
    with pytest.raises(UserError, match="no score map of the class with label 5"):
        find_objects(labels, some, "peaks", CLASSES)
    with pytest.raises(UserError, match="no way 'magic'"):
        find_objects(labels, None, "magic", CLASSES)
    with pytest.raises(UserError, match="mean shift in a label map: give one"):
        find_objects(None, some, "mean shift", CLASSES)
    with pytest.raises(UserError, match="is mean shift, not peaks"):
        find_objects(labels, None, "peaks", CLASSES, compat_radius=5)
    with pytest.raises(UserError, match="Two classes have the label 3"):
        find_objects(labels, None, "peaks", [*CLASSES, ClassSetting(3, 2.0)])
