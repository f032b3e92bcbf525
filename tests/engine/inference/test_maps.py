"""Label maps, bytes and binned maps from scores; turns; reading beyond the faces; resampling."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from engine.inference.flips import TURNS, turned, turned_region, turns_of
from engine.inference.interpolation import linear_weights
from engine.inference.label_binning import bin_labels, bin_scores
from engine.inference.label_maps import as_bytes, best_channel
from engine.inference.regions import mirrored, read_mirrored, whole
from engine.inference.resampling import Resampled


def test_the_first_of_equal_scores_wins():
    scores = torch.tensor([[0.2, 0.4, 0.1], [0.5, 0.4, 0.1], [0.3, 0.2, 0.8]])[:, None, None]
    assert best_channel(scores).tolist() == [[[1, 0, 2]]]
    random = torch.randint(0, 4, (5, 7, 8, 9)).half()
    assert np.array_equal(best_channel(random).numpy(), random.numpy().argmax(0))


def test_scores_as_bytes_are_rounded():
    scores = torch.tensor([0.0, 1.0, 0.5, 0.001, 0.002, 1.0000001])
    assert as_bytes(scores).tolist() == [0, 255, 128, 0, 1, 255]


def test_binning_the_ramp_of_the_original():
    ramp = torch.arange(27, dtype=torch.float64).reshape(1, 3, 3, 3)
    assert bin_scores(ramp).ravel().tolist() == [6.5, 4.0, 5.5, 3.125, 10.0, 5.375, 6.125, 3.25]


@settings(deadline=None)
@given(st.tuples(*[st.integers(1, 9)] * 3))
def test_binning_is_the_mean_of_zero_padded_blocks(shape):
    scores = np.random.default_rng(0).random((3, *shape))
    padded = np.zeros((3, *(-(-n // 2) * 2 for n in shape)))
    padded[:, : shape[0], : shape[1], : shape[2]] = scores
    z, y, x = (n // 2 for n in padded.shape[1:])
    plain = padded.reshape(3, z, 2, y, 2, x, 2).mean(axis=(2, 4, 6))
    found = bin_scores(torch.from_numpy(scores))
    np.testing.assert_allclose(found.numpy(), plain, rtol=1e-12)


@settings(deadline=None)
@given(st.tuples(*[st.integers(1, 8)] * 3), st.integers(1, 5))
def test_binning_labels_is_binning_their_score_maps(shape, classes):
    labels = np.random.default_rng(sum(shape)).integers(0, classes, shape).astype(np.int8)
    scores = torch.from_numpy((labels[None] == np.arange(classes)[:, None, None, None]).astype(np.float64))
    assert np.array_equal(bin_labels(labels), best_channel(bin_scores(scores)).numpy())


def test_labels_of_gaps_survive_binning():
    labels = np.full((4, 4, 4), 1000, np.int16)
    assert (bin_labels(labels) == 1000).all()


@pytest.mark.parametrize("axis", ["y", "x", "z"])
def test_turns_are_rotations(axis):
    volume = torch.arange(2 * 3 * 4).reshape(2, 3, 4)
    axes = TURNS[axis]
    once = turned(volume, axes)
    assert not torch.equal(once, volume)
    assert torch.equal(turned(once, axes), volume)
    kept = {"z": 0, "y": 1, "x": 2}[axis]
    assert kept not in axes and len(axes) == 2  # two reversed axes: no mirror image
    region = (slice(0, 1), slice(1, 3), slice(0, 2))
    assert torch.equal(once[turned_region(region, axes, (2, 3, 4))], turned(volume[region], axes))


def test_all_axes_makes_four_passes():
    assert turns_of("none") == [()]
    assert turns_of("tilt axis") == [(), (0, 2)]
    assert len(turns_of("all axes")) == 4


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(0, 20), st.integers(0, 20))
def test_beyond_the_faces_is_the_mirror_image(length, before, after):
    expected = np.pad(np.arange(length), (before, after), mode="reflect")
    assert mirrored(-before, length + after, length).tolist() == expected.tolist()


def test_reading_beyond_the_faces_changes_before_mirroring():
    volume = np.random.default_rng(0).normal(size=(5, 6, 7))
    asked = []

    def double(values, region):
        asked.append(region)
        values *= 2

    found = read_mirrored(volume, (slice(-3, 8), slice(2, 5), slice(4, 9)), double)
    expected = np.pad(2 * volume, ((3, 3), (0, 0), (0, 2)), mode="reflect")[:, 2:5, 4:9]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert asked == [(slice(0, 5), slice(2, 5), slice(4, 7))]
    assert found.dtype == np.float32 and found.flags.c_contiguous


def test_finer_voxels_are_interpolated_linearly():
    volume = np.random.default_rng(0).normal(size=(6, 7, 8)).astype(np.float32)
    finer = Resampled(volume, (2, 2, 2))
    assert finer.shape == (12, 14, 16)
    grid = np.meshgrid(*[(np.arange(n) + 0.5) / 2 - 0.5 for n in finer.shape], indexing="ij")
    plain = ndimage.map_coordinates(volume, grid, order=1, mode="nearest")
    np.testing.assert_allclose(finer[:, :, :], plain, atol=1e-5)


def test_coarser_voxels_are_averaged():
    rng = np.random.default_rng(0)
    volume = rng.normal(size=(40, 40, 40)).astype(np.float32)
    coarser = Resampled(volume, (0.5, 0.5, 0.5))
    assert coarser.shape == (20, 20, 20)
    assert coarser[:, :, :].std() < 0.5  # eight independent values and more in each
    slope = np.broadcast_to(np.arange(40.0)[:, None, None], (40, 40, 40))
    np.testing.assert_allclose(Resampled(slope, (0.5,) * 3)[2:18][:, 0, 0], np.arange(2, 18) * 2 + 0.5, rtol=1e-5)


@pytest.mark.parametrize("factor", [0.5, 0.77, 1.3, 2.0])
def test_any_region_of_a_resampled_volume_is_cut_from_the_whole(factor):
    volume = np.random.default_rng(0).normal(size=(20, 21, 22)).astype(np.float32)
    resampled = Resampled(volume, (factor, 1.0, 1 / factor))
    everything = resampled[:, :, :]
    assert everything.shape == resampled.shape
    region = (slice(3, 7), slice(0, 21), slice(5, 9))
    np.testing.assert_allclose(resampled[region], everything[region], atol=1e-5)
    np.testing.assert_allclose(resampled[3:7], everything[3:7], atol=1e-5)


@settings(deadline=None)
@given(st.tuples(*[st.integers(1, 25)] * 3), st.tuples(*[st.floats(0.4, 2.5)] * 3), st.integers(1, 8))
def test_the_way_back_meets_every_voxel_once(shape, factors, edge):
    resampled = Resampled(np.zeros(shape), factors)
    seen = np.zeros(shape, int)
    for z in range(0, resampled.shape[0], edge):
        region = (slice(z, min(z + edge, resampled.shape[0])), *whole(resampled.shape)[1:])
        back, places = resampled.back(region, shape)
        seen[back] += 1
        for place, s in zip(places, region, strict=True):
            assert ((place >= 0) & (place < s.stop - s.start)).all()
    assert (seen == 1).all()


def test_weights_beyond_the_ends_take_the_outermost_sample():
    first, weights = linear_weights(np.array([-2.0, 0.25, 9.0]), 3)
    assert first == 0
    np.testing.assert_allclose(weights, [[1, 0, 0], [0.75, 0.25, 0], [0, 0, 1]])
