"""The default network: what each voxel sees, tiles that agree, normalised kernels, and that it learns."""

import numpy as np
import pytest
import torch
from torch import nn

from engine.networks import build_network, load_weights, save_weights
from engine.networks.residual_unet import RELU_GAIN, StandardisedKernel
from engine.training.losses import build_loss


def small(levels: int = 3, classes: int = 3) -> nn.Module:
    return build_network("residual-unet", classes, {"width": 8, "levels": levels}, seed=1).eval()


@pytest.mark.parametrize(("levels", "length", "halo"), [(3, 80, 23), (4, 136, 51)])
def test_receptive_field(levels, length, halo):
    """Every voxel along x changed in turn: which outputs change? Worked out by hand for 3 levels: −23 … +23."""
    network = small(levels)
    edge = network.multiple_of
    assert edge == 2 ** (levels - 1)
    volumes = torch.randn(1, 1, edge, edge, length, generator=torch.Generator().manual_seed(2)).repeat(
        length, 1, 1, 1, 1
    )
    with torch.no_grad():
        before = network(volumes[:1])
        for x in range(length):
            volumes[x, ..., x] += 1e4
        # In batches of more than one, as torch has other kernels for a single small volume.
        after = torch.cat([network(part) for part in volumes.split(length // 4)])
        changed = ~torch.isclose(after, before, atol=1e-3).all(dim=1).all(dim=1).all(dim=1).numpy()
    middle = length // 2 // edge * edge
    seen = [np.flatnonzero(changed[:, output]) - output for output in range(middle, middle + edge)]
    assert max(max(-field.min(), field.max()) for field in seen) == halo == network.halo


def test_tiles_agree_with_the_whole():
    """The inside of a tile is the same whatever lies beside it, be it much denser."""
    network = small()
    volume = torch.randn(1, 1, 8, 8, 128, generator=torch.Generator().manual_seed(3))
    volume[..., 100:] = 30.0
    with torch.no_grad():
        whole, tile = network(volume), network(volume[..., 40:104])
    inside = slice(network.halo, -network.halo)
    torch.testing.assert_close(tile[..., inside], whole[..., 40:104][..., inside], rtol=0, atol=1e-5)


def test_a_volume_does_not_depend_on_its_batch():
    network = small().train()
    volumes = torch.randn(3, 1, 8, 8, 8, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(network(volumes)[:1], network(volumes[:1]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("layer", [nn.Conv3d(6, 10, 3), nn.ConvTranspose3d(6, 10, 3, stride=2)])
def test_standardised_kernels(layer):
    kernel = StandardisedKernel(layer, 1.5)(3 * layer.weight + 1)
    by_output = kernel.flatten(1) if isinstance(layer, nn.Conv3d) else kernel.transpose(0, 1).flatten(1)
    taps = 6 * 27 if isinstance(layer, nn.Conv3d) else 6 * 27 / 8
    torch.testing.assert_close(by_output.mean(1), torch.zeros(10), rtol=0, atol=1e-5)
    torch.testing.assert_close(by_output.std(1, correction=0), torch.full((10,), 1.5 / taps**0.5), rtol=0.01, atol=0)


def test_features_neither_vanish_nor_explode():
    deviations = []
    network = build_network("residual-unet", 15, {"levels": 4})
    for module in network.modules():
        if isinstance(module, nn.Conv3d | nn.ConvTranspose3d):
            module.register_forward_hook(lambda layer, inputs, output: deviations.append(float(output.std())))
    with torch.no_grad():
        network(torch.randn(1, 1, 32, 32, 32, generator=torch.Generator().manual_seed(5)))
    assert len(deviations) == 19
    assert 0.5 < min(deviations) <= max(deviations) < 16
    assert pytest.approx(1.71286, abs=1e-5) == RELU_GAIN  # 1/√(½ − 1/2π)


def test_saved_and_loaded(tmp_path):
    network, other = small(), build_network("residual-unet", 3, {"width": 8}, seed=2).eval()
    save_weights(network, tmp_path / "weights.pt")
    load_weights(other, tmp_path / "weights.pt")
    volume = torch.randn(1, 1, 8, 8, 8, generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        assert torch.equal(network(volume), other(volume))


def test_it_learns_to_tell_two_kinds_of_balls():
    """Balls of two sizes in noise, fifty steps: the loss halves."""
    random = np.random.default_rng(0)
    z, y, x = np.indices((16, 16, 16))
    labels = np.zeros((3, 16, 16, 16), np.int64)
    for n in range(3):
        for kind, radius in ((1, 2.0), (2, 4.0)):
            centre = random.uniform(4, 12, 3)
            labels[n][(z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 < radius**2] = kind
    density = (labels > 0) + 0.5 * random.normal(size=labels.shape)
    volumes, truth = torch.from_numpy(density).float()[:, None], torch.from_numpy(labels)
    network, loss = small().train(), build_loss("dice-ce", 3)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    first = float(loss(network(volumes), truth).detach())
    for _ in range(50):
        optimiser.zero_grad()
        value = loss(network(volumes), truth)
        value.backward()
        optimiser.step()
    assert float(value.detach()) < 0.5 * first
