"""Predicting by tiles against one pass over the whole volume: parts, boxes, turns, blending, thin volumes, failures."""

import math

import numpy as np
import pytest
import torch

from engine.errors import UserError
from engine.inference import prediction
from engine.inference.normalisation import WholeVolume
from engine.inference.passes import AtOnce, InBlocks, pass_for
from engine.inference.prediction import PredictionOptions, plan_prediction, predict
from engine.inference.tiles import MOST_ON_CPU
from engine.networks.deepfinder import DeepFinderNetwork
from engine.networks.registry import build_network
from tests.engine.inference.shifts import Shifts

UNCHANGED = WholeVolume(0.0, 1.0)
AS_IT_IS = PredictionOptions()
TURNS = [(), (0, 2), (0, 1), (1, 2)]


def noise(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def one_pass(network, volume, turns=TURNS[:1]):
    """The definition: the whole volume, mirrored at its far ends to an even multiple, once for each turn."""
    full = np.pad(volume, [(0, -n % math.lcm(network.multiple_of, 2)) for n in volume.shape], mode="reflect")
    total = 0
    for axes in turns:
        given = torch.from_numpy(np.flip(full, axes).copy())[None, None]
        with torch.no_grad():
            scores = torch.softmax(network(given)[0], 0).numpy()
        total = total + np.flip(scores, [a + 1 for a in axes])
    z, y, x = volume.shape
    return total[:, :z, :y, :x] / len(turns)


def collected(network, volume, options=AS_IT_IS, box=None):
    found = np.full((network.classes, *volume.shape), np.nan, np.float32)
    for part in predict(volume, network, UNCHANGED, options, box=box):
        assert np.isnan(found[:, *part.region]).all(), "a voxel came twice"
        if box is None:
            assert all(s.start % 2 == 0 for s in part.region)
        found[:, *part.region] = part.scores.cpu().numpy()
    return found


@pytest.fixture(scope="module")
def deepfinder():
    """The original's network with scores that vary from voxel to voxel."""
    network = DeepFinderNetwork(3, torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():
        for layer in network.convolutions():
            layer.weight.mul_(1.3)
    return network


def test_deepfinders_network_by_tiles_is_one_pass(deepfinder):
    volume = noise((10, 22, 98))
    expected = one_pass(deepfinder, volume)
    whole = collected(deepfinder, volume)
    np.testing.assert_allclose(whole, expected, atol=1e-5)
    tiled = collected(deepfinder, volume, PredictionOptions(edge=88))
    np.testing.assert_allclose(tiled, expected, atol=1e-5)
    assert (tiled.argmax(0) == expected.argmax(0)).mean() > 0.9999


def test_deepfinders_network_in_a_box_is_the_whole(deepfinder):
    volume = noise((10, 22, 98))
    box = (slice(1, 7), slice(5, 22), slice(41, 58))
    found = collected(deepfinder, volume, box=box)
    np.testing.assert_allclose(found[:, *box], one_pass(deepfinder, volume)[:, *box], atol=1e-5)
    assert np.isnan(found).sum() == found.size - 3 * 6 * 17 * 17


def test_deepfinders_network_needs_no_blending(deepfinder):
    memory = 1e9
    found = pass_for(deepfinder, "cpu", memory, 200 * 512 * 512)
    assert isinstance(found, InBlocks)
    plan = plan_prediction((200, 512, 512), deepfinder, found, PredictionOptions(), memory)
    assert plan.overlap == 0


def test_the_default_network_by_tiles_is_one_pass():
    network = build_network("residual-unet", 3, {"width": 8}).eval()
    volume = noise((10, 22, 98))
    tiled = collected(network, volume, PredictionOptions(edge=72))
    np.testing.assert_allclose(tiled, one_pass(network, volume), atol=1e-5)


def test_the_original_volume_is_one_tile_in_the_default_memory(deepfinder):
    found = pass_for(deepfinder, "cpu", MOST_ON_CPU, 200 * 512 * 512)
    plan = plan_prediction((200, 512, 512), deepfinder, found, PredictionOptions(), MOST_ON_CPU)
    assert (plan.count, plan.work) == (1, 1.0)


@pytest.mark.parametrize("blending", ["none", "linear", "gaussian"])
@pytest.mark.parametrize("multiple_of", [1, 4, 8])
def test_tiles_with_their_halo_are_one_pass(blending, multiple_of):
    network = Shifts(multiple_of, blended=blending != "none").eval()
    volume = noise((43, 70, 29))
    options = PredictionOptions(edge=56, blending=blending)
    plan = plan_prediction(volume.shape, network, AtOnce(network, "cpu"), options, 1e12)
    assert plan.count > 1 and (plan.overlap > 0) == (blending != "none")
    np.testing.assert_allclose(collected(network, volume, options), one_pass(network, volume), atol=2e-6)


def test_memory_decides_the_tiles():
    network = Shifts().eval()
    per_voxel = AtOnce(network, "cpu").per_voxel
    volume = noise((43, 70, 64))
    memory = 0.4 * per_voxel * volume.size
    options = PredictionOptions(memory=memory, blending="none")
    plan = plan_prediction(volume.shape, network, pass_for(network, "cpu", memory, volume.size), options, memory)
    assert plan.count > 1
    assert np.prod(plan.edges) * per_voxel <= memory
    np.testing.assert_allclose(collected(network, volume, options), one_pass(network, volume), atol=2e-6)


@pytest.mark.parametrize(("averaging", "number"), [("tilt axis", 2), ("all axes", 4)])
@pytest.mark.parametrize("edge", [None, 24])
def test_scores_are_averaged_over_turns(averaging, number, edge):
    network = Shifts(4).eval()
    volume = noise((28, 40, 36))
    options = PredictionOptions(averaging=averaging, edge=edge, blending="none")
    expected = one_pass(network, volume, TURNS[:number])
    np.testing.assert_allclose(collected(network, volume, options), expected, atol=2e-6)
    assert not np.allclose(expected, one_pass(network, volume), atol=0.05)


def test_a_halo_that_is_too_small_shows_at_the_seams_and_blending_softens_them():
    network = Shifts().eval()
    volume = noise((8, 8, 64))
    exact = one_pass(network, volume)
    errors = {}
    for blending in ("none", "linear"):
        options = PredictionOptions(edge=40, halo=0, blending=blending)
        errors[blending] = np.abs(collected(network, volume, options) - exact).max()
    assert errors["none"] > 0.1 > 0
    assert errors["linear"] < 0.5 * errors["none"]


@pytest.mark.parametrize("shape", [(1, 9, 30), (3, 30, 5)])
def test_thin_volumes_are_padded_by_reflection(shape):
    network = Shifts(4).eval()
    volume = noise(shape)
    found = collected(network, volume, PredictionOptions(least_edge=16))
    full = [max(-(-n // 4) * 4, 16) for n in shape]
    front = [(f - n) // 2 // 4 * 4 for f, n in zip(full, shape, strict=True)]
    widths = [(a, f - n - a) for a, f, n in zip(front, full, shape, strict=True)]
    thick = one_pass(network, np.pad(volume, widths, mode="reflect"))
    place = tuple(slice(a, a + n) for a, n in zip(front, shape, strict=True))
    np.testing.assert_allclose(found, thick[:, *place], atol=2e-6)


def test_progress_rises_to_the_end():
    network = Shifts().eval()
    seen = []
    options = PredictionOptions(edge=48)
    for _ in predict(noise((30, 30, 70)), network, UNCHANGED, options, progress=lambda f, t: seen.append(f)):
        pass
    assert seen == sorted(seen) and seen[-1] == pytest.approx(1)


def test_half_precision_that_overflows_is_computed_again(monkeypatch):
    network = Shifts().eval()
    volume = noise((12, 12, 12))
    expected = collected(network, volume)
    plain = prediction._Runner._scores
    calls = []

    def overflowing(self, values):
        calls.append(self.half)
        if self.half:
            raise prediction._NotFiniteError
        yield from plain(self, values)

    monkeypatch.setattr(prediction._Runner, "_scores", overflowing)
    found = collected(network, volume, PredictionOptions(precision="half"))
    np.testing.assert_array_equal(found, expected)
    assert calls == [True, False]


def test_a_network_without_numbers_is_named():
    network = Shifts().eval()
    with torch.no_grad():
        network.gain.fill_(float("nan"))
    for averaging in ("none", "tilt axis"):
        with pytest.raises(UserError, match="weights are damaged or its training diverged"):
            list(predict(noise((9, 9, 9)), network, UNCHANGED, PredictionOptions(averaging=averaging)))
