import numpy as np
import pytest
from scipy import ndimage

from engine.errors import UserError
from engine.instances import connected_components, particle_mask


def test_both_limits_are_included(balls):
    assert particle_mask(balls, 1).sum() == 647
    assert particle_mask(balls, 1, 8, 12).sum() == 524
    assert not particle_mask(balls, 1, 8, 12)[[7, 13]].any()
    assert particle_mask(balls, 1, 12, 12).any(axis=(1, 2)).nonzero()[0].tolist() == [12]


def test_components_are_numbered_as_by_scipy(blobs):
    expected, count = ndimage.label(blobs)
    got = connected_components(blobs)
    assert count > 10
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, expected)


def test_voxels_that_share_an_edge_only_do_not_touch():
    mask = np.zeros((3, 3, 3), bool)
    mask[0, 0, 0] = mask[0, 1, 1] = True
    assert connected_components(mask).max() == 2


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ((-1, 5), "-1 … 5, the label map has the slices 0 … 19"),
        ((0, 20), "0 … 20, the label map has the slices 0 … 19"),
        ((9, 8), "first must not come after the last"),
    ],
)
def test_limits_outside_or_crossed(balls, limits, message):
    with pytest.raises(UserError, match=message):
        particle_mask(balls, 1, *limits)


def test_an_empty_mask_says_which_labels_there_are(balls):
    with pytest.raises(UserError, match=r"label 2. There are: label 0 \(13,753 voxels\), label 1 \(647 voxels\)"):
        particle_mask(balls, 2)
    with pytest.raises(UserError, match=r"slices 17 … 19 has the label 1. There are: label 0 \(2,160 voxels\)"):
        particle_mask(balls, 1, 17, 19)


def test_many_labels_are_cut_short():
    with pytest.raises(UserError, match="12 more"):
        particle_mask(np.arange(20).reshape(1, 4, 5), 99)


def test_slices_that_hold_the_border_only():
    labels = np.full((6, 4, 4), -1)
    labels[2:4] = 1
    with pytest.raises(UserError, match=r"slices 0 … 1 has the label 1\. Only the border, .* choose others\.$"):
        particle_mask(labels, 1, 0, 1)
