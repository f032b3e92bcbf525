"""Pictures and captions of the workflows side by side."""

import numpy as np
import pytest

from dashboard.widgets.workflow_grid import CLUSTER, MOST_CIRCLES, PICK, PIXELS, caption, name, picture
from engine.tasks import Box
from engine.tasks.workflows import SideBySide, WorkflowPreview

BOX = Box((10, 20, 30), (26, 60, 70))


def side_by_side(preview: WorkflowPreview) -> SideBySide:
    density = np.random.default_rng(0).normal(size=BOX.shape).astype(np.float32)
    return SideBySide(BOX, density, [preview], outside=False)


def with_labels(**more) -> WorkflowPreview:
    labels = np.zeros(BOX.shape, np.int8)
    labels[8, 10:20, 10:20] = 1
    return WorkflowPreview(("gabor", "gmm"), labels, **more)


def coloured(image, colour) -> np.ndarray:
    """Where a picture is near a colour."""
    return (np.abs(np.asarray(image, float) - colour) < 60).all(axis=2)


def test_the_particle_cluster_is_tinted_where_it_is():
    plain = np.asarray(picture(side_by_side(WorkflowPreview(("ffts", "gmm"), None)), with_labels(), 18, 5.0), float)
    empty = np.asarray(picture(side_by_side(with_labels()), WorkflowPreview(("ffts", "gmm"), None), 18, 5.0), float)
    assert plain.shape == (PIXELS, PIXELS, 3)
    assert np.ptp(empty, axis=2).max() < 3  # grey without labels
    scale = PIXELS / 40
    tinted = np.ptp(plain, axis=2) > 25
    y, x = np.nonzero(tinted)
    assert abs(y.mean() / scale - 15) < 1
    assert abs(x.mean() / scale - 15) < 1
    assert CLUSTER[0] > CLUSTER[2]


def test_picks_are_circles_where_their_ball_crosses_the_slice():
    picks = np.array([[50.0, 40.0, 18.0], [40.0, 30.0, 25.0]])  # the second lies 7 slices away
    image = picture(side_by_side(with_labels()), WorkflowPreview(("gabor", "gmm"), None, picks=picks), 18, 5.0)
    y, x = np.nonzero(coloured(image, PICK))
    scale = PIXELS / 40
    assert abs(x.mean() / scale - 20.5) < 0.6
    assert abs(y.mean() / scale - 20.5) < 0.6
    assert np.ptp(x) / scale == pytest.approx(10, abs=0.8)


def test_more_picks_than_can_be_told_apart_are_dots():
    random = np.random.default_rng(1)
    picks = random.uniform((30, 20, 18), (70, 60, 19), (MOST_CIRCLES + 300, 3))
    image = picture(side_by_side(with_labels()), with_labels(picks=picks), 18, 6.0)
    assert coloured(image, PICK).mean() < 0.25


def test_a_slice_outside_the_box_is_the_nearest():
    found, preview = side_by_side(with_labels()), with_labels()
    far, last = (np.asarray(picture(found, preview, z, 5.0)) for z in (500, 25))
    np.testing.assert_array_equal(far, last)


def test_captions():
    assert name(("gabor", "gmm")) == "gabor + gmm"
    assert caption(WorkflowPreview(("gabor", "gmm"), None, problem="It failed.")) == "no result"
    picks = np.zeros((3, 3))
    assert caption(with_labels(picks=picks)) == "3 picks · 0.391 % of voxels"
    assert caption(with_labels(problem="No voxel.")).startswith("no picks")


def test_one_pick_is_one_pick():
    assert caption(with_labels(picks=np.zeros((1, 3)))).startswith("1 pick · ")
    assert caption(with_labels(picks=np.zeros((1200, 3)))).startswith("1,200 picks · ")
