"""DeepFinder's own network (Moebel et al., Nature Methods 2021), written from its description.

Kept as published, so that weights trained with the original give the same scores here. The default for new models is
`residual_unet`; reading the original's weight files is `keras_weights`.
"""

import torch
from torch import nn
from torch.nn import functional

from engine.networks.architecture import LAYOUT, Architecture, NoOptions
from engine.parameters import Parameters

MULTIPLE_OF = 4
HALO = 34
"""Farthest input voxel that an output voxel sees along an axis. The field is 64 wide for a voxel at a multiple of 4 (30
before it to 33 after it) and ends 31 before or 34 after those between, as pooling starts at multiples of 4."""


class DeepFinderNetwork(nn.Module):
    """The original's 3D U-Net of three levels: 902,928 + 33 · classes parameters, no normalisation.

    Input [batch, 1, z, y, x], each edge a multiple of 4; output logits [batch, classes, z, y, x]. The original ends
    in a softmax over the classes; here that is left to the user of the network.

    Parameters
    ----------
    classes
        Number of classes, background included.
    generator
        Source of the first weights; None = torch's own.
    """

    multiple_of = MULTIPLE_OF
    halo = HALO

    def __init__(self, classes: int, generator: torch.Generator | None = None):
        super().__init__()
        # In the order of the original's layers, which is that of its weight files.
        self.high_1 = _same(1, 32)
        self.high_2 = _same(32, 32)
        self.middle_1 = _same(32, 48)
        self.middle_2 = _same(48, 48)
        self.low_1 = _same(48, 64)
        self.low_2 = _same(64, 64)
        self.low_3 = _same(64, 64)
        self.low_4 = _same(64, 64)
        self.up_middle = nn.Conv3d(64, 64, 2)
        self.up_middle_1 = _same(112, 48)
        self.up_middle_2 = _same(48, 48)
        self.up_high = nn.Conv3d(48, 48, 2)
        self.up_high_1 = _same(80, 32)
        self.up_high_2 = _same(32, 32)
        self.scores = nn.Conv3d(32, classes, 1)
        self.classes = classes
        start_weights(self, generator)
        self.to(memory_format=LAYOUT)  # type: ignore[call-overload]  # torch takes it

    def convolutions(self) -> list[nn.Conv3d]:
        """All 15 layers with weights, in the order of the original's weight files."""
        return [module for module in self.children() if isinstance(module, nn.Conv3d)]

    def forward(self, volume: torch.Tensor) -> torch.Tensor:
        high = self.encode_high(volume)
        middle = self.encode_middle(functional.max_pool3d(high, 2))
        low = self.encode_low(functional.max_pool3d(middle, 2))
        return self.decode_high(self.decode_middle(low, middle), high)

    def encode_high(self, volume: torch.Tensor) -> torch.Tensor:
        """Volume → features at full resolution."""
        return _relu(self.high_2(_relu(self.high_1(volume))))

    def encode_middle(self, high: torch.Tensor) -> torch.Tensor:
        """Pooled features of full resolution → features at half resolution."""
        return _relu(self.middle_2(_relu(self.middle_1(high))))

    def encode_low(self, middle: torch.Tensor) -> torch.Tensor:
        """Pooled features of half resolution → features at a quarter of it."""
        low = _relu(self.low_2(_relu(self.low_1(middle))))
        return _relu(self.low_4(_relu(self.low_3(low))))

    def decode_middle(self, low: torch.Tensor, middle: torch.Tensor) -> torch.Tensor:
        """Features of a quarter and of half the resolution → those of half the resolution for the way up."""
        joined = torch.cat([_relu(_up(low, self.up_middle)), middle], dim=1)
        return _relu(self.up_middle_2(_relu(self.up_middle_1(joined))))

    def decode_high(self, middle: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
        """Features of half and of full resolution → logits."""
        joined = torch.cat([_relu(_up(middle, self.up_high)), high], dim=1)
        return self.scores(_relu(self.up_high_2(_relu(self.up_high_1(joined)))))


def build(classes: int, options: Parameters, generator: torch.Generator) -> DeepFinderNetwork:
    """A network with fresh weights; it has no options."""
    return DeepFinderNetwork(classes, generator)


def start_weights(network: nn.Module, generator: torch.Generator | None) -> None:
    """Draw the kernels of all convolutions from Glorot's uniform distribution and set their biases to zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.xavier_uniform_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _same(inputs: int, outputs: int) -> nn.Conv3d:
    return nn.Conv3d(inputs, outputs, 3, padding=1)


def _relu(features: torch.Tensor) -> torch.Tensor:
    return functional.relu(features, inplace=True)


def _up(features: torch.Tensor, layer: nn.Conv3d) -> torch.Tensor:
    """Upsample by nearest neighbour, then convolve with a 2³ kernel padded as Keras' "same" does: 0 before, 1 after.

    Along an axis, output 2i sees voxel i twice, (a + b)·v[i], and output 2i + 1 sees a·v[i] + b·v[i + 1]. That is the
    transposed convolution of stride 2 with the kernel (b, a + b, a): the same result with 27 products instead of 64,
    and without the upsampled volume, which is the largest that training would have to keep.
    """
    kernel = layer.weight
    for axis in (2, 3, 4):
        first, second = kernel.unbind(axis)
        kernel = torch.stack([second, first + second, first], axis)
    return functional.conv_transpose3d(
        features, kernel.transpose(0, 1), layer.bias, stride=2, padding=1, output_padding=1
    )


ARCHITECTURE = Architecture(
    name="deepfinder",
    title="DeepFinder",
    summary="The original's 3D U-Net, without normalisation: for weights trained with the original and to compare.",
    build=build,
    options=NoOptions,
    multiple_of=MULTIPLE_OF,
    halo=HALO,
)
