"""What is known of an architecture without building it. Which ones there are stands in `registry`."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from engine.parameters import Parameters

LAYOUT = torch.channels_last_3d
"""How kernels lie in memory, and with them features: features of a voxel side by side is 10 to 20 % faster on a CPU."""


class NoOptions(Parameters):
    """For an architecture that leaves nothing to choose."""


@dataclass(frozen=True)
class Architecture:
    """One kind of network: input [batch, 1, z, y, x] float32, output logits [batch, classes, z, y, x].

    Class 0 is background. Softmax is applied by whoever uses the network.

    Parameters
    ----------
    name, title, summary
        As stored in a model, as shown, and one sentence about it.
    build
        `build(classes, options, generator)` makes a network: number of classes with background, options as described
        by `options`, and the source of the first weights. What it gives also has `multiple_of`, `halo` and `classes`.
    options
        What can be chosen, with its defaults.
    multiple_of
        Edges of an input must be multiples of it, whatever the options. Two tiles agree when their origins, too, lie
        at multiples of it in the same volume.
    halo
        Voxels on each side that may influence a voxel, with any options: the most.
    """

    name: str
    title: str
    summary: str
    build: Callable[[int, Parameters, torch.Generator], nn.Module]
    options: type[Parameters]
    multiple_of: int
    halo: int
