"""Time and memory before a training."""

import pytest
import torch
from torch import nn

from engine.networks.deepfinder import DeepFinderNetwork
from engine.training import estimate as module
from engine.training.estimate import (
    Size,
    check_memory,
    estimate,
    is_out_of_memory,
    memory_sentence,
    needed_bytes,
    smaller_that_fits,
)
from tests.engine.training.tiny import Tiny


def test_an_estimate_leaves_the_network_as_it_was():
    network = Tiny().eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    made = estimate(network, nn.CrossEntropyLoss(), Size(16, 4, 10, 20, 3))
    assert not network.training and all(p.grad is None for p in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert made.seconds_per_epoch == pytest.approx(made.seconds_per_step * 21)
    assert made.seconds == pytest.approx(10 * made.seconds_per_epoch)
    assert made.fits and 0 < made.peak_bytes < 100e6


def test_memory_grows_with_patch_and_batch():
    network = DeepFinderNetwork(3)
    one = needed_bytes(network, 40, 1)
    assert 1.8 < needed_bytes(network, 40, 2) / one < 2.2
    assert 7 < needed_bytes(network, 80, 1) / one < 9


def test_the_smaller_setting_fits_and_the_next_larger_one_does_not():
    network = Tiny()
    free = int(needed_bytes(network, 32, 5) * 1.01)
    assert smaller_that_fits(network, 32, 8, free) == (32, 5)
    free = int(needed_bytes(network, 20, 1) * 1.01)
    assert smaller_that_fits(network, 32, 8, free) == (20, 1)
    assert smaller_that_fits(network, 32, 8, 10) is None


def test_the_sentence_names_what_would_fit(monkeypatch):
    network = Tiny()
    monkeypatch.setattr(module, "free_bytes", lambda device: int(needed_bytes(network, 32, 5) * 1.01))
    with pytest.raises(
        Exception, match=r"Training with patches of 32 voxels, 8 at a time, needs about .* 5 would fit\."
    ):
        check_memory(network, 32, 8, "cpu")
    check_memory(network, 32, 4, "cpu")
    small = memory_sentence(network, 32, 8, free=int(needed_bytes(network, 20, 1) * 1.01))
    assert small.endswith("a patch of 20 with a batch of 1 would fit.")
    # Where memory ran out although it should have sufficed, something smaller is named all the same.
    assert memory_sentence(network, 32, 8, free=10**12).endswith("a batch of 7 would fit.")


def test_running_out_of_memory_is_recognised():
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"))
    assert is_out_of_memory(MemoryError()) and not is_out_of_memory(RuntimeError("shapes differ"))
