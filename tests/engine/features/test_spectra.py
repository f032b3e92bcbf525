"""Sliding transforms against NumPy's transform of every neighbourhood."""

import numpy as np
import pytest
import torch

from engine.features.modes import MODES
from engine.features.spectra import frequencies, half_magnitudes, magnitudes_of
from engine.features.workspace import Workspace


def spectra(windows: np.ndarray) -> np.ndarray:
    """The plain definition: windows `[…, N, N, N]` → magnitudes `[…, N³]`."""
    axes = (-3, -2, -1)
    return np.abs(np.fft.fftshift(np.fft.fftn(windows, axes=axes), axes=axes)).reshape(*windows.shape[:-3], -1)


@pytest.mark.parametrize(("shape", "size"), [((7, 9, 8), 5), ((3, 6, 5), 3), ((8, 7, 10), 7), ((5, 5, 5), 5)])
def test_every_neighbourhood(shape, size):
    volume = np.random.default_rng(0).random(shape)
    features = MODES["ffts"].build(size, None)
    columns = features.of_block(torch.from_numpy(volume), Workspace())
    plain = spectra(np.lib.stride_tricks.sliding_window_view(volume, (size,) * 3))
    got = features.described(columns.reshape(features.width, -1).T.numpy(), 0.0)
    np.testing.assert_allclose(got, plain.reshape(-1, size**3), atol=1e-12)


@pytest.mark.parametrize(("shape", "size", "step"), [((7, 9, 8), 5, 2), ((12, 11, 10), 3, 3), ((5, 6, 14), 5, 2)])
def test_every_second_neighbourhood(shape, size, step):
    volume = torch.from_numpy(np.random.default_rng(3).random(shape))
    wanted = half_magnitudes(volume, size)[:, ::step, ::step, ::step]
    torch.testing.assert_close(half_magnitudes(volume, size, step=step), wanted)


@pytest.mark.parametrize("size", [3, 5, 7])
def test_neighbourhoods_written_out(size):
    volume = torch.from_numpy(np.random.default_rng(4).random((size + 1, size + 3, size + 2)))
    windows = volume.unfold(0, size, 1).unfold(1, size, 1).unfold(2, size, 1).reshape(-1, size**3).T
    torch.testing.assert_close(magnitudes_of(windows), half_magnitudes(volume, size).flatten(1))


def test_distances_are_those_of_all_125():
    windows = np.random.default_rng(1).random((6, 5, 5, 5))
    features = MODES["ffts"].build(5, None)
    columns = features.columns(torch.from_numpy(windows.reshape(6, 125).T - 0.3)).T.numpy()
    plain = spectra(windows)
    between = np.linalg.norm(plain[:, None] - plain, axis=2)
    np.testing.assert_allclose(np.linalg.norm(columns[:, None] - columns, axis=2), between, atol=1e-12)


def test_numbers_of_the_regression_check():
    window = np.sin(0.1 + 0.37 * np.arange(125))
    features = MODES["ffts"].build(5, None)
    found = features.described(features.columns(torch.from_numpy(window)[:, None]).T.numpy(), 0.0)[0]
    wanted = [6.255949, 0.917566, 4.269770, 0.917566, 7.902059, 5.302747]
    np.testing.assert_allclose(found[[0, 61, 62, 63, 57, 37]], wanted, atol=2e-6)
    assert found.argmax() == 7
    assert found.max() == pytest.approx(32.619778, rel=1e-6)


@pytest.mark.parametrize("size", [3, 5, 7])
def test_one_frequency_of_each_pair(size):
    found = frequencies(size)
    both = set(found) | {(-z, -y, -x) for z, y, x in found}
    assert len(found) == (size**3 + 1) // 2
    assert len(both) == size**3


def test_a_workspace_lends_the_result_until_the_next_call():
    space = Workspace()
    first = half_magnitudes(torch.rand(6, 7, 8), 5, space)
    kept = first.clone()
    second = half_magnitudes(torch.rand(6, 7, 8), 5, space)
    assert first.data_ptr() == second.data_ptr()
    assert not torch.equal(kept, second)
