"""Which architectures there are, and building a network of one. A new one is one file in this folder and a line here.

Nothing of MONAI is loaded until a network of it is built: the import takes seconds, which a page should not wait for.
"""

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from engine.errors import UserError
from engine.networks import deepfinder, residual_unet
from engine.networks.architecture import Architecture
from engine.parameters import Parameters, validation_sentence

ARCHITECTURES: dict[str, Architecture] = {
    architecture.name: architecture for architecture in (residual_unet.ARCHITECTURE, deepfinder.ARCHITECTURE)
}

MOST_CLASSES = 256


def find_architecture(name: str) -> Architecture:
    """The architecture called `name`. Raises UserError, listing the known ones, when there is none."""
    if name not in ARCHITECTURES:
        raise UserError(f"There is no architecture {name!r}: choose one of {', '.join(ARCHITECTURES)}.")
    return ARCHITECTURES[name]


def check_options(name: str, options: Mapping[str, Any] | None = None) -> Parameters:
    """The options of architecture `name`, complete with defaults. Raises UserError for an unknown or wrong one."""
    architecture = find_architecture(name)
    try:
        return architecture.options.model_validate(dict(options or {}))
    except ValidationError as error:
        raise UserError(validation_sentence(architecture.options, error, f"Network {name}")) from error


def build_network(
    name: str, classes: int, options: Mapping[str, Any] | None = None, seed: int = 0, device: str | torch.device = "cpu"
) -> nn.Module:
    """A network with fresh weights.

    Parameters
    ----------
    name
        Of the architecture.
    classes
        How many, background included.
    options
        Of the architecture; what is left out takes its default.
    seed
        Of the first weights: the same seed gives the same weights on every device.
    device
        Where the network is put.

    Raises
    ------
    UserError
        No such architecture or option; fewer than 2 or more than 256 classes.
    """
    if not 2 <= classes <= MOST_CLASSES:
        raise UserError(
            f"A network of {classes} classes cannot be built: give 2 to {MOST_CLASSES}, background included."
        )
    chosen = check_options(name, options)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):  # layers draw weights when they are made, to be drawn again
        network = find_architecture(name).build(classes, chosen, generator)
    return network.to(device)
