"""The default network: MONAI's residual U-Net at half resolution and below, refined once at full resolution.

Most of what DeepFinder's network computes, it computes at full resolution with few features. Here the first convolution
goes to half resolution, where an object of a tomogram still has its shape, and what is saved is spent on more features
below; the last step up brings them back to full resolution.

What is normalised are the kernels, not the features (scaled weight standardisation: Qiao et al. 2019; Brock, De and
Smith 2021). Nothing then depends on a batch, nor on what else lies in a tile: two tiles agree on the voxels that both
see whole, which with instance or group normalisation they do not, and a batch of one trains as well as any. It also
costs nothing per voxel.
"""

import math
from typing import Literal

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrize

from engine.networks.architecture import LAYOUT, Architecture
from engine.parameters import Parameters, parameter

HALO = {3: 23, 4: 51}
"""Levels → farthest input voxel that an output voxel sees along an axis."""

REFINED = 16
"""Features at full resolution."""

RELU_GAIN = math.sqrt(2 / (1 - 1 / math.pi))
"""Keeps the variance of features through a standardised kernel and a ReLU."""


class ResidualUNetOptions(Parameters):
    """What can be chosen."""

    width: int = parameter(
        32,
        title="Width",
        unit="features",
        ge=8,
        le=256,
        multiple_of=8,
        help="Features at half resolution, doubled at each level below. Twice as many tell finer differences apart and "
        "take two to three times as long.",
    )
    levels: Literal[3, 4] = parameter(
        3,
        title="Levels",
        help=f"3 sees {HALO[3]} voxels to each side; 4 sees {HALO[4]}, for objects wider than some 40 voxels.",
    )


class ResidualUNet(nn.Module):
    """Residual U-Net with normalised kernels: input [batch, 1, z, y, x], output logits [batch, classes, z, y, x].

    Parameters
    ----------
    classes
        Number of classes, background included.
    width
        Features at half resolution.
    levels
        Of the U-Net below full resolution. Edges of an input must be multiples of 2^(levels − 1).
    generator
        Source of the first weights; None = torch's own.
    """

    def __init__(self, classes: int, width: int = 32, levels: int = 3, generator: torch.Generator | None = None):
        from monai.networks.nets.unet import UNet  # seconds to load, so not before it is needed

        super().__init__()
        self.classes, self.multiple_of, self.halo = classes, 2 ** (levels - 1), HALO[levels]
        self.body = UNet(
            spatial_dims=3,
            in_channels=1,
            out_channels=REFINED,
            channels=[width * 2**level for level in range(levels)],
            strides=[2] * (levels - 1),
            num_res_units=2,
            act=("relu", {"inplace": True}),
            norm=None,  # type: ignore[arg-type]  # MONAI takes it: no normalisation of features
        )
        self.scores = nn.Conv3d(REFINED, classes, 1)
        _start(self, generator)
        self.to(memory_format=LAYOUT)  # type: ignore[call-overload]  # torch takes it

    def forward(self, volume: torch.Tensor) -> torch.Tensor:
        return self.scores(functional.relu(self.body(volume), inplace=True))


class StandardisedKernel(nn.Module):
    """Each output's kernel with mean 0 and the variance that keeps that of features, times a gain that is learnt."""

    def __init__(self, layer: nn.Conv3d | nn.ConvTranspose3d, gain: float):
        super().__init__()
        self.outputs = 1 if isinstance(layer, nn.ConvTranspose3d) else 0
        taps = layer.weight[0].numel() if self.outputs == 0 else layer.weight[:, 0].numel() / math.prod(layer.stride)
        self.taps = float(taps)  # products that one output voxel is the sum of
        shape = [1] * 5
        shape[self.outputs] = layer.out_channels
        self.gain = nn.Parameter(torch.full(shape, gain))

    def forward(self, kernel: torch.Tensor) -> torch.Tensor:
        axes = [axis for axis in range(5) if axis != self.outputs]
        variance, mean = torch.var_mean(kernel, axes, correction=0, keepdim=True)
        return (kernel - mean) * (self.gain * torch.rsqrt(variance * self.taps + 1e-4))


def build(classes: int, options: Parameters, generator: torch.Generator) -> ResidualUNet:
    """A network with fresh weights."""
    assert isinstance(options, ResidualUNetOptions)
    return ResidualUNet(classes, options.width, options.levels, generator)


def _start(network: ResidualUNet, generator: torch.Generator | None) -> None:
    """Normal kernels and no biases; all but the first and the last convolutions are standardised.

    A kernel of mean 0 sees no constant density: the first ones must.
    """
    for name, layer in list(network.named_modules()):
        if not isinstance(layer, nn.Conv3d | nn.ConvTranspose3d):
            continue
        taps = layer.weight[0].numel()
        standardised = layer is not network.scores and layer.in_channels > 1
        deviation = 1.0 if standardised else (0.1 if layer is network.scores else RELU_GAIN)
        nn.init.normal_(layer.weight, 0, deviation / math.sqrt(taps), generator=generator)
        # The way around a residual unit has no ReLU before its sum.
        gain = 1.0 if name.endswith("residual") else RELU_GAIN
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
        if standardised:
            parametrize.register_parametrization(layer, "weight", StandardisedKernel(layer, gain))


ARCHITECTURE = Architecture(
    name="residual-unet",
    title="Residual U-Net",
    summary="Faster to train and to run than the original's network, with normalised kernels: the default.",
    build=build,
    options=ResidualUNetOptions,
    multiple_of=8,
    halo=HALO[4],
)
