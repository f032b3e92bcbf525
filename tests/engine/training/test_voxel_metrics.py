"""Precision, recall and F1 from counts."""

import numpy as np
import torch
from sklearn.metrics import precision_recall_fscore_support

from engine.training.voxel_metrics import confusion, voxel_scores


def test_counts_and_scores_are_those_of_the_definition():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 4, 500), rng.integers(0, 4, 500)
    table = confusion(torch.from_numpy(predicted), torch.from_numpy(truth), 4)
    assert table[2, 3] == ((truth == 2) & (predicted == 3)).sum() and table.sum() == 500
    precision, recall, f1, _ = precision_recall_fscore_support(truth, predicted)
    scores = voxel_scores(table)
    assert (
        np.allclose(scores.precision, precision) and np.allclose(scores.recall, recall) and np.allclose(scores.f1, f1)
    )
    assert np.isclose(scores.accuracy, (truth == predicted).mean())
    assert np.isclose(scores.macro_f1, f1[1:].mean())


def test_absent_classes_are_not_a_number_and_not_in_the_mean():
    # Class 2 is neither there nor predicted, class 3 is predicted only, class 4 is there only.
    table = np.zeros((5, 5), int)
    table[0, 0], table[1, 1], table[0, 3], table[4, 0] = 10, 4, 2, 3
    scores = voxel_scores(table)
    assert np.isnan(scores.f1[2]) and np.isnan(scores.precision[2]) and np.isnan(scores.recall[2])
    assert scores.f1[3] == 0 and np.isnan(scores.recall[3]) and scores.precision[3] == 0
    assert scores.f1[4] == 0 and np.isnan(scores.precision[4]) and scores.recall[4] == 0
    assert np.isclose(scores.macro_f1, 1 / 3)


def test_nothing_at_all_gives_no_number():
    scores = voxel_scores(np.zeros((3, 3)))
    assert np.isnan(scores.accuracy) and np.isnan(scores.macro_f1)


def test_voxels_that_are_left_open_do_not_count():
    truth, predicted = torch.tensor([-1, -1, 0, 1, 2, 2]), torch.tensor([0, 2, 0, 2, 2, 2])
    assert confusion(predicted, truth, 3).tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 2]]
