"""The first centres against scikit-learn's own draw on the matrix of all neighbourhoods."""

import numpy as np
import pytest
import torch
from sklearn.cluster import kmeans_plusplus

from engine.features import blur, normalise
from engine.features.modes import LinearFeatures
from engine.features.neighbourhoods import Neighbourhoods
from engine.features.rows import VolumeRows
from engine.features.seeding import _uniform_index, first_centres


@pytest.mark.parametrize("share", [None, 0.3], ids=["all", "a sample"])
@pytest.mark.parametrize("seed", range(12))
def test_the_same_neighbourhoods_as_scikit_learn(noisy_balls, seed, share):
    volume = normalise(blur(noisy_balls))
    windows = np.lib.stride_tricks.sliding_window_view(volume, (5, 5, 5)).reshape(-1, 125).astype(float)
    boxes = Neighbourhoods(torch.from_numpy(volume), 5, float(volume.mean()), threads=2)
    included = None
    if share is not None:
        chosen = np.random.default_rng(seed).random(boxes.count) < share
        windows = windows[chosen]
        included = torch.from_numpy(chosen.reshape(boxes.shape))
    expected, _ = kmeans_plusplus(windows - windows.mean(0), 2, random_state=seed)
    centres, variance = first_centres(VolumeRows(boxes, LinearFeatures(5), included), seed)
    np.testing.assert_allclose(centres.numpy() + boxes.centre, expected + windows.mean(0), atol=1e-12)
    assert variance == pytest.approx(windows.var(0).sum())


@pytest.mark.parametrize("count", [1, 2, 7, 1000, 123_457])
def test_the_first_draw_is_numpy_s(count):
    for seed in range(20):
        expected = np.random.RandomState(seed).choice(count, p=np.full(count, 1.0) / count)
        assert _uniform_index(count, np.random.RandomState(seed).random_sample(), chunk=1000) == expected
