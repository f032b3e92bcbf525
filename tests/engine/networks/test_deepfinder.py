"""DeepFinder's network: its numbers, its layers one by one, its receptive field, and block by block the same."""

import json
import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from engine.networks.deepfinder import HALO, DeepFinderNetwork
from engine.networks.deepfinder_blocks import logits_in_blocks


def network_of(classes: int = 3, seed: int = 0) -> DeepFinderNetwork:
    return DeepFinderNetwork(classes, torch.Generator().manual_seed(seed)).eval()


@pytest.mark.parametrize(("classes", "parameters"), [(2, 902994), (3, 903027), (4, 903060), (13, 903357), (16, 903456)])
def test_number_of_parameters(classes, parameters):
    assert sum(p.numel() for p in DeepFinderNetwork(classes).parameters()) == parameters == 902928 + 33 * classes


def test_the_recorded_numbers_are_those_of_the_checks(data_folder):
    checks = data_folder.parent / "reference" / "deepfinder_checks.json"
    if not checks.is_file():
        pytest.skip(f"no {checks}")
    for classes, parameters in json.loads(checks.read_text())["n_params"].items():
        assert sum(p.numel() for p in DeepFinderNetwork(int(classes)).parameters()) == parameters


def plain_forward(network: DeepFinderNetwork, volume: torch.Tensor) -> torch.Tensor:
    """The description, layer by layer, with nothing rewritten."""
    layers = iter(network.convolutions())

    def convolved(features: torch.Tensor, even: bool = False) -> torch.Tensor:
        layer = next(layers)
        if even:
            features = functional.pad(functional.interpolate(features, scale_factor=2, mode="nearest"), (0, 1) * 3)
        return functional.relu(functional.conv3d(features, layer.weight, layer.bias, padding=0 if even else 1))

    high = convolved(convolved(volume))
    middle = convolved(convolved(functional.max_pool3d(high, 2)))
    low = functional.max_pool3d(middle, 2)
    for _ in range(4):
        low = convolved(low)
    low = convolved(convolved(torch.cat([convolved(low, even=True), middle], 1)))
    low = convolved(convolved(torch.cat([convolved(low, even=True), high], 1)))
    last = next(layers)
    return functional.conv3d(low, last.weight, last.bias)


@pytest.mark.parametrize("shape", [(4, 4, 4), (8, 12, 20)])
def test_the_same_as_layer_by_layer(shape):
    network = network_of(4).double()  # torch has no fast kernels for it: small volumes
    volume = torch.randn(2, 1, *shape, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    ours, theirs = network(volume), plain_forward(network, volume)
    assert ours.shape == (2, 4, *shape)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    gradient = torch.autograd.grad(ours.square().sum(), network.up_high.weight)[0]
    torch.testing.assert_close(gradient, torch.autograd.grad(theirs.square().sum(), network.up_high.weight)[0])


def test_glorot_uniform_and_no_bias_from_a_seed():
    network, again, other = network_of(13, 5), network_of(13, 5), network_of(13, 6)
    for layer, same, different in zip(network.convolutions(), again.convolutions(), other.convolutions(), strict=True):
        assert torch.equal(layer.weight, same.weight)
        assert not torch.equal(layer.weight, different.weight)
        assert not layer.bias.any()
        taps = math.prod(layer.kernel_size)
        weight = layer.weight.detach()
        limit = math.sqrt(6 / (taps * (layer.in_channels + layer.out_channels)))
        assert float(weight.abs().max()) <= limit
        assert float(weight.std()) == pytest.approx(limit / math.sqrt(3), rel=0.06)


def test_receptive_field_is_64_voxels_and_the_halo_holds_it():
    """Every voxel along x changed in turn: which outputs change?"""
    network, length = network_of(), 88
    with torch.no_grad():  # nothing cancels and no maximum hides a change
        for layer in network.convolutions():
            layer.weight.abs_()
        volumes = torch.rand(1, 1, 4, 4, length, generator=torch.Generator().manual_seed(2)).repeat(length, 1, 1, 1, 1)
        before = network(volumes)
        for x in range(length):
            volumes[x, ..., x] += 50
        changed = (network(volumes) != before).any(dim=(1, 2, 3)).numpy()  # voxel that changed, output
    fields = []
    for output in range(44, 48):
        seen = np.flatnonzero(changed[:, output]) - output
        fields.append((int(seen.min()), int(seen.max())))
    assert fields == [(-30, 33), (-31, 32), (-28, 31), (-29, 34)]
    assert max(max(-low, high) for low, high in fields) == HALO == network.halo


@pytest.mark.parametrize(
    ("shape", "block"), [((8, 56, 16), 16), ((52, 12, 24), 24), ((4, 8, 68), 16), ((28, 28, 28), 96)]
)
def test_block_by_block_is_one_pass_over_the_whole(shape, block):
    network = network_of(3)
    volume = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        whole = network(volume[None, None])[0].numpy()
    found, visits = np.full_like(whole, np.nan), np.zeros(shape, int)
    for region, logits in logits_in_blocks(network, volume, block):
        found[:, *region] = logits.numpy()
        visits[region] += 1
    assert (visits == 1).all()
    np.testing.assert_allclose(found, whole, rtol=0, atol=1e-5)


def test_blocks_of_other_sizes_are_a_mistake_of_the_program():
    for shape, block in (((8, 8, 10), 8), ((8, 8, 8), 12)):
        with pytest.raises(ValueError, match="multiple"):
            next(logits_in_blocks(network_of(), torch.zeros(shape), block))
