"""Comparison of label maps against scikit-learn and plain counting, an example by hand, the exchange of 0 and 1."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import confusion_matrix, f1_score, jaccard_score

from engine.errors import UserError
from engine.evaluation import segmentations
from engine.evaluation.segmentations import compare_segmentations

MAPS = arrays.arrays(np.int8, (4, 3, 5), elements=st.integers(-1, 3))


@pytest.mark.filterwarnings("ignore:A single label:UserWarning")
@settings(max_examples=60, deadline=None)
@given(MAPS, MAPS)
def test_equal_scikit_learn(first: np.ndarray, second: np.ndarray) -> None:
    found = compare_segmentations(first, second)
    assert found.total == 60 and found.equal == int((first == second).sum())
    labels = [a.label for a in found.labels()]
    assert labels == sorted(set(first.ravel()) | set(second.ravel()))
    matrix = np.zeros((len(labels),) * 2, int)
    for (a, b), count in zip(found.pairs, found.counts, strict=True):
        matrix[labels.index(a), labels.index(b)] = count
    np.testing.assert_array_equal(matrix, confusion_matrix(first.ravel(), second.ravel(), labels=labels))
    scores = {"labels": labels, "average": None}
    np.testing.assert_allclose([a.dice for a in found.labels()], f1_score(first.ravel(), second.ravel(), **scores))
    np.testing.assert_allclose([a.iou for a in found.labels()], jaccard_score(first.ravel(), second.ravel(), **scores))


def test_by_hand() -> None:
    first = np.array([[[0, 0, 0, 1, 1, -1]]])
    second = np.array([[[1, 1, 0, 0, 0, -1]]], np.float32)
    found = compare_segmentations(first, second)
    assert (found.equal, found.total, found.fraction) == (2, 6, 2 / 6)
    one = found.labels()[2]
    assert (one.label, one.first, one.second, one.both, one.dice, one.iou) == (1, 2, 2, 0, 0.0, 0.0)
    exchanged = found.exchanged()
    assert exchanged.equal == 5 and exchanged.total == 6
    assert (exchanged.labels()[2].second, exchanged.labels()[2].dice) == (3, 2 * 2 / (2 + 3))
    assert exchanged.exchanged().equal == 2
    np.testing.assert_array_equal(exchanged.exchanged().pairs, found.pairs)


def test_many_labels_and_many_slabs_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 2000, (2, 6, 8, 9)).astype(np.int32) - 5
    whole = compare_segmentations(first, second)
    told: list[float] = []
    monkeypatch.setattr(segmentations, "slabs", lambda shape, _: (slice(z, z + 1) for z in range(shape[0])))
    by_slabs = compare_segmentations(first, second, lambda fraction, text: told.append(fraction))
    np.testing.assert_array_equal(whole.pairs, by_slabs.pairs)
    np.testing.assert_array_equal(whole.counts, by_slabs.counts)
    assert whole.counts.sum() == first.size and told[-1] == 1.0 and len(told) == 6
    pairs, counts = np.unique(np.stack([first.ravel(), second.ravel()]), axis=1, return_counts=True)
    np.testing.assert_array_equal(whole.pairs, pairs.T)
    np.testing.assert_array_equal(whole.counts, counts)


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        (np.zeros((2, 3, 5)), "differ in shape (2×3×4 and 2×3×5 voxels)"),
        (np.full((2, 3, 4), 0.25), "0.25, which is no label"),
        (np.full((2, 3, 4), np.nan), "nan, which is no label"),
        (np.full((2, 3, 4), 2.0**40), "too large"),
    ],
)
def test_what_is_no_label_map_is_refused(second: np.ndarray, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        compare_segmentations(np.zeros((2, 3, 4), np.int8), second)
    assert sentence in str(caught.value)
