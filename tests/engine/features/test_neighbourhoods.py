"""Matrix products on rows against neighbourhoods written out."""

import numpy as np
import pytest
import torch

from engine.features.neighbourhoods import Neighbourhoods


@pytest.fixture(params=[(9, 11, 12, 3), (7, 19, 8, 5), (12, 7, 30, 7), (5, 5, 5, 5)], ids=str)
def both(request):
    *shape, size = request.param
    volume = np.random.default_rng(1).random(shape, np.float32)
    boxes = Neighbourhoods(torch.from_numpy(volume), size, 0.4)
    windows = np.lib.stride_tricks.sliding_window_view(volume, (size,) * 3)
    return boxes, windows.reshape(-1, size**3).astype(np.float64) - 0.4


def test_correlation(both):
    boxes, windows = both
    kernels = torch.from_numpy(np.random.default_rng(2).normal(size=(2, *[boxes.size] * 3)))
    got = boxes.correlate(0, boxes.shape[0], kernels).reshape(2, -1).numpy()
    np.testing.assert_allclose(got, kernels.reshape(2, -1).numpy() @ windows.T, atol=1e-12)


def test_written_out_by_rows(both):
    boxes, windows = both
    by_place = windows.reshape(*boxes.shape, -1)
    for plane in (0, boxes.shape[0] - 1):
        got = boxes.windows(plane, 0, boxes.shape[1]).numpy()
        np.testing.assert_array_equal(got, by_place[plane].reshape(-1, boxes.n_values).T)
    got = boxes.windows(0, boxes.shape[1] - 1, boxes.shape[1]).numpy()
    np.testing.assert_array_equal(got, by_place[0, -1].T)


@pytest.mark.parametrize("share", [0.01, 0.5], ids=["few are gathered", "many are multiplied"])
def test_weighted_sum(both, share):
    boxes, windows = both
    random = np.random.default_rng(3)
    weights = np.where(random.random(boxes.count) < share, random.choice([-1, 1], boxes.count), 0)
    weights = torch.from_numpy(weights.astype(np.int8)).reshape(boxes.shape)
    got = boxes.weighted_sum(0, boxes.shape[0], weights)
    np.testing.assert_allclose(got.numpy(), weights.reshape(-1).numpy() @ windows, atol=1e-11)


def test_some_planes_only(both):
    boxes, windows = both
    start = boxes.shape[0] // 2
    kernel = torch.from_numpy(np.random.default_rng(2).normal(size=(1, *[boxes.size] * 3)))
    got = boxes.correlate(start, start + 1, kernel).reshape(-1).numpy()
    expected = (windows @ kernel.numpy().ravel()).reshape(boxes.shape)[start].ravel()
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_take(both):
    boxes, windows = both
    indices = np.random.default_rng(4).integers(0, boxes.count, 6)
    np.testing.assert_array_equal(boxes.take(torch.from_numpy(indices)).numpy(), windows[indices])


def test_slabs_cover_all_planes_in_order(both):
    boxes, _ = both
    boxes.threads = 3
    planes = [p for start, stop in boxes.each_slab(lambda a, b: (a, b)) for p in range(start, stop)]
    assert planes == list(range(boxes.shape[0]))
