"""Places of a target that are left open."""

import numpy as np
import pytest

from engine.annotation.open_places import OPEN_LABEL, leave_open
from engine.annotation.target_objects import TargetObjects
from engine.annotation.targets import Place
from engine.errors import UserError

SHAPE = (20, 20, 20)


def objects(*places: tuple[int, float, float, float]) -> TargetObjects:
    count = len(places)
    return TargetObjects(
        np.array([p[1:] for p in places], float), np.array([p[0] for p in places]), np.full((count, 3, 3), np.nan),
        np.arange(count), {1: "ribosome"},
    )  # fmt: skip


def test_a_sphere_is_left_open_where_nothing_else_is():
    labels = np.zeros(SHAPE, np.int8)
    labels[:, :, :10] = 2
    assert leave_open(labels, objects((1, 10, 10, 10)), {1: 3.0}, Place(SHAPE)) == 76  # 123 less 47 at x 7 to 9
    assert (labels == OPEN_LABEL).sum() == 76 and (labels[:, :, :10] == 2).all() and labels[10, 10, 13] == OPEN_LABEL


def test_of_a_box_only_its_part_is_looked_at():
    labels = np.zeros((4, 20, 20), np.int8)
    found = leave_open(labels, objects((1, 3, 10, 10)), {1: 3.0}, Place(SHAPE, (4, 0, 0), (8, 20, 20)))
    assert found == 25 + 21 + 1  # the slices 1, 2 and 3 voxels above the centre


def test_a_class_of_that_number_is_refused():
    with pytest.raises(UserError, match="has the label 127"):
        leave_open(np.zeros(SHAPE, np.int8), objects(), {127: 3.0}, Place(SHAPE))
