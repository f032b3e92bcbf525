"""Labels of targets and places in them."""

import numpy as np
import pytest

from engine.errors import UserError
from engine.training.preparation import channel_lookup, joined, label_counts, places_in_target


def test_labels_are_counted_and_others_refused():
    target = np.zeros((4, 5, 6), np.int8)
    target[1, 1, :3] = 7
    target[2, 2, 2] = 1
    assert label_counts(target, "t") == {0: 116, 1: 1, 7: 3} == label_counts(target.astype(np.float32), "t")
    for wrong in (-1, 0.5, np.nan, 70000):
        spoilt = target.astype(np.float32)
        spoilt[0, 0, 0] = wrong
        with pytest.raises(UserError, match="The target t holds values from"):
            label_counts(spoilt, "t")


def test_channels_follow_the_order_of_the_classes():
    assert channel_lookup([7, 2]).tolist() == [0, 0, 2, 0, 0, 0, 0, 1]


def test_places_are_drawn_evenly_across_slabs(monkeypatch):
    import engine.training.preparation as module
    from engine.volumes.slabs import slabs

    monkeypatch.setattr(module, "slabs", lambda shape, itemsize: slabs(shape, itemsize, largest=1))
    target = np.zeros((20, 10, 10), np.int8)
    target[:, 3, :] = 1
    target[5, 5, 5] = 2
    found = places_in_target(target, [1, 2, 9], 120, np.random.default_rng(0))
    assert sorted(found) == [1, 2] and found[2].tolist() == [[5, 5, 5]]
    assert len(np.unique(found[1], axis=0)) == 120 and (found[1][:, 1] == 3).all()
    per_slice = np.bincount(found[1][:, 0].astype(int), minlength=20)
    assert per_slice.min() >= 2 and per_slice.max() <= 10  # 6 on average
    few = places_in_target(target, [1], 5000, np.random.default_rng(0))
    assert len(few[1]) == 200


def test_places_of_tomograms_are_joined():
    places = joined({0: [(1, np.zeros((2, 3)))], 1: [(2, np.ones((1, 3))), (1, np.full((1, 3), 4.0))]})
    assert places.tomogram.tolist() == [0, 0, 1, 1] and places.channels.tolist() == [1, 1, 2, 1]
    assert places.centres[:, 0].tolist() == [0, 0, 1, 4]
    assert len(joined({0: []})) == 0
