"""The list of architectures, building by name, and what their import costs."""

import subprocess
import sys

import pytest
import torch

from engine.errors import UserError
from engine.networks import ARCHITECTURES, build_network, find_architecture


def test_nothing_of_monai_is_loaded_before_a_network_of_it_is_built():
    script = (
        "import sys, engine.networks, engine.training.losses\n"
        "assert 'monai' not in sys.modules\n"
        "engine.networks.build_network('deepfinder', 3)\n"
        "assert 'monai' not in sys.modules\n"
        "engine.training.losses.build_loss('tversky', 3)\n"
        "assert 'monai' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_keeps_its_promises(name):
    architecture = find_architecture(name)
    assert architecture.name == name
    network = build_network(name, 5, seed=1)
    assert network.classes == 5
    assert architecture.multiple_of % network.multiple_of == 0
    assert network.halo <= architecture.halo
    edge = network.multiple_of
    with torch.no_grad():
        logits = network(torch.randn(2, 1, edge, 2 * edge, 3 * edge))
    assert logits.shape == (2, 5, edge, 2 * edge, 3 * edge)
    assert logits.dtype == torch.float32
    assert (logits < 0).any()  # not yet a softmax


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_seed_gives_the_same_weights_whatever_was_drawn_before(name):
    torch.manual_seed(0)
    first = build_network(name, 3, seed=7).state_dict()
    torch.manual_seed(99)
    torch.rand(5)
    state = torch.get_rng_state()
    again, other = build_network(name, 3, seed=7).state_dict(), build_network(name, 3, seed=8).state_dict()
    assert torch.equal(state, torch.get_rng_state())  # and leaves torch's own generator alone
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_on_another_device():
    assert build_network("deepfinder", 3, device="meta").scores.weight.device.type == "meta"


@pytest.mark.parametrize(
    ("name", "classes", "options", "sentence"),
    [
        ("vnet", 3, {}, "There is no architecture 'vnet': choose one of residual-unet, deepfinder."),
        ("deepfinder", 1, {}, "A network of 1 classes cannot be built: give 2 to 256, background included."),
        ("deepfinder", 3, {"width": 8}, "Network deepfinder: width is not a parameter here (known: none)."),
        ("residual-unet", 3, {"width": 9}, "Network residual-unet: width = 9 is not allowed"),
        ("residual-unet", 3, {"levels": 7}, "Network residual-unet: levels = 7 is not allowed"),
    ],
)
def test_what_a_person_can_get_wrong(name, classes, options, sentence):
    with pytest.raises(UserError) as error:
        build_network(name, classes, options)
    assert str(error.value).startswith(sentence)
