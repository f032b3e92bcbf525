"""DeepFinder's tiling: its patches, and its sums against the plain definition."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.inference.compat_tiles import centres, check_patch, count_patches, predict_compat
from engine.inference.normalisation import WholeVolume
from tests.engine.inference.shifts import Shifts

UNCHANGED = WholeVolume(0.0, 1.0)


NETWORK = Shifts().eval()


@pytest.mark.parametrize(
    ("length", "patch", "expected"),
    [
        (200, 160, [80, 170]),
        (512, 160, [80, 186, 292, 398, 482]),
        (100, 88, [44, 78, 106]),
        (64, 80, [40, 66, 74]),
    ],
)
def test_centres_are_those_of_the_original(length, patch, expected):
    assert centres(length, patch) == expected


@pytest.mark.parametrize(("patch", "number"), [(80, 3200), (100, 720), (120, 192), (160, 50), (200, 32)])
def test_number_of_patches(patch, number):
    assert count_patches((200, 512, 512), patch) == number


@settings(deadline=None)
@given(st.integers(1, 900), st.integers(14, 60).map(lambda n: 4 * n))
def test_middles_cover_every_axis(length, patch):
    kept = patch - 50
    length = max(length, kept)
    covered = np.zeros(length, bool)
    for centre in centres(length, patch):
        start = centre - patch // 2
        assert 0 <= start <= length - kept
        covered[start : start + kept] = True
    assert covered.all()


@pytest.mark.parametrize("patch", [54, 78, 81, 0, -4])
def test_a_patch_that_cannot_be_used(patch):
    with pytest.raises(UserError, match=f"A patch of {patch} voxels"):
        check_patch(patch)


def plain(volume, patch):
    """The description of the original, line by line, for volumes that it does not fail on."""
    padded = np.pad(volume, 25)
    half = patch // 2
    sums = np.zeros((3, *padded.shape), np.float16)
    visits = np.zeros(padded.shape, np.int8)
    axes = []
    for length in volume.shape:
        found = list(range(half, length + 50 - half, patch - 54))
        if found[-1] < length + 50 - half:
            found.append(length + 50 - half)
        axes.append(found)
    for z in axes[0]:
        for y in axes[1]:
            for x in axes[2]:
                box = tuple(slice(c - half, c + half) for c in (z, y, x))
                with torch.no_grad():
                    scores = torch.softmax(NETWORK(torch.from_numpy(padded[box])[None, None])[0], 0).numpy()
                middle = tuple(slice(s.start + 25, s.stop - 25) for s in box)
                sums[(slice(None), *middle)] += scores[:, 25:-25, 25:-25, 25:-25]
                visits[middle] += 1
    inner = (slice(25, -25),) * 3
    assert visits[inner].min() > 0
    return (sums[:, *inner] / visits[inner]).astype(np.float16)


def collected(volume, patch, box=None):
    found = np.full((3, *volume.shape), np.nan, np.float16)
    for part in predict_compat(volume, NETWORK, UNCHANGED, patch, box=box):
        assert np.isnan(found[:, *part.region]).all()
        assert part.region[0].start % 2 == 0 or box is not None
        found[:, *part.region] = part.scores.numpy()
    return found


@pytest.mark.parametrize(("shape", "patch"), [((23, 30, 41), 64), ((19, 15, 24), 64), ((32, 12, 27), 60)])
def test_scores_are_those_of_the_plain_definition(shape, patch):
    volume = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    np.testing.assert_array_equal(collected(volume, patch), plain(volume, patch))


def test_a_box_has_the_scores_of_the_whole():
    volume = np.random.default_rng(0).normal(size=(23, 30, 41)).astype(np.float32)
    box = (slice(3, 18), slice(11, 12), slice(20, 41))
    found = collected(volume, 64, box)
    np.testing.assert_array_equal(found[:, *box], collected(volume, 64)[:, *box])
    assert np.isnan(found).sum() == found.size - 3 * 15 * 1 * 21


@pytest.mark.parametrize("shape", [(1, 30, 30), (14, 20, 9), (3, 3, 3)])
def test_thin_volumes_are_padded_by_reflection(shape):
    volume = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = collected(volume, 64)
    assert np.isfinite(found).all()
    before = [(max(n, 14) - n) // 4 * 2 for n in shape]
    after = [max(n, 14) - n - b for n, b in zip(shape, before, strict=True)]
    thick = np.pad(volume, list(zip(before, after, strict=True)), mode="reflect")
    place = tuple(slice(b, b + n) for b, n in zip(before, shape, strict=True))
    np.testing.assert_array_equal(found, collected(thick, 64)[:, *place])


@settings(max_examples=8, deadline=None)
@given(st.tuples(*[st.integers(1, 26)] * 3), st.sampled_from([68, 72]))
def test_every_voxel_once_and_scores_sum_to_one(shape, patch):
    volume = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = collected(volume, patch)
    np.testing.assert_allclose(found.astype(np.float32).sum(0), 1, atol=1e-2)


def test_a_network_without_numbers():
    broken = Shifts().eval()
    with torch.no_grad():
        broken.gain.fill_(float("nan"))
    with pytest.raises(UserError, match="not numbers"):
        next(predict_compat(np.zeros((20, 20, 20), np.float32), broken, UNCHANGED, 64))
