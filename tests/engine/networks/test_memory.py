"""Memory counted without computing: against what can be counted by hand."""

import torch
from torch import nn

from engine.networks import build_network, forward_bytes, training_bytes

VOXELS = 16 * 24 * 32


def test_a_chain_of_two_layers():
    """At its peak a layer holds its input and its output; the first input is held to the end by who called."""
    network = nn.Sequential(nn.Conv3d(1, 5, 3, padding=1), nn.Conv3d(5, 7, 3, padding=1))
    assert forward_bytes(network, (16, 24, 32)) == 4 * VOXELS * (1 + 5 + 7)
    assert forward_bytes(network, (16, 24, 32), batch=3) == 3 * 4 * VOXELS * (1 + 5 + 7)


def test_training_keeps_what_the_gradients_need():
    network = build_network("deepfinder", 4)
    one, two = (training_bytes(network, (16, 16, 32), batch) for batch in (1, 2))
    weights = 4 * 4 * sum(p.numel() for p in network.parameters())
    # Every ReLU's output is kept: 64 + 48 + 112 features at full resolution, plus logits and input, at the least.
    assert two - one > 4 * (64 + 48 + 80 + 64 + 4 + 1) * 16 * 16 * 32
    assert 0 < (one - weights) - (two - one) < weights
    assert training_bytes(network, (16, 16, 32), 1) > 2 * forward_bytes(network, (16, 16, 32))


def test_the_network_is_left_as_it_was():
    network = build_network("residual-unet", 3)
    network.eval()
    training_bytes(network, (16, 16, 16), 2)
    forward_bytes(network, (16, 16, 16))
    assert not network.training
    assert all(p.device.type == "cpu" and p.grad is None for p in network.parameters())
    assert network(torch.zeros(1, 1, 8, 8, 8)).shape == (1, 3, 8, 8, 8)
