"""One tile through a network, and what that takes: the whole tile at once, or DeepFinder's network block by block."""

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import nn

from engine.inference.regions import Region, Shape, whole
from engine.networks.deepfinder import DeepFinderNetwork
from engine.networks.deepfinder_blocks import (
    FEATURE_BYTES_PER_VOXEL,
    WORK_BYTES_PER_VOXEL,
    logits_in_blocks,
)
from engine.networks.memory import forward_bytes

MARGIN = 1.35
"""Libraries work in memory of their own beside the tensors that are counted."""

PROBE = 64
"""Edge of the tile whose memory is counted; voxels cost the same in any other."""

LARGEST_TILE = {"cpu": 160, "cuda": 256}
"""Longest edge of a tile that goes through the network at once: one of 2³¹ values or more is too large for some
libraries."""

PER_VOXEL = FEATURE_BYTES_PER_VOXEL + 4
"""Bytes for each voxel of a tile that is worked on in blocks: its features and its densities."""

TILE_NORMALISATIONS = (nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm3d)

BLOCKS = (160, 128, 104, 96, 80, 64, 48)
SHARE_OF_BLOCK = 0.48
"""Of the memory, for the work on one block where the volume must be divided; the rest is for the features of a tile."""


class Pass(Protocol):
    """A way to put a tile through a network.

    Attributes
    ----------
    exact
        Whether tiles agree to the last digits where both are valid, so that there is nothing to blend.
    most_edge
        Longest edge of a tile; None = any.
    """

    exact: bool
    most_edge: int | None

    def bytes_for(self, shape: Shape) -> float:
        """Bytes at work on a tile of `shape`, the tile included."""

    def parts(self, tile: torch.Tensor) -> Iterator[tuple[Region, torch.Tensor]]:
        """Regions that cover `tile` [z, y, x] once, and their logits [classes, z, y, x] on the network's device."""


class AtOnce:
    """The whole tile at once: any network. Tiles agree unless features are normalised over what lies in a tile."""

    def __init__(self, network: nn.Module, device: str) -> None:
        self.network, self.device = network, device
        self.exact = not any(isinstance(module, TILE_NORMALISATIONS) for module in network.modules())
        probe = -(-PROBE // int(network.multiple_of)) * int(network.multiple_of)  # type: ignore[arg-type]
        self.per_voxel = MARGIN * forward_bytes(network, (probe, probe, probe)) / probe**3
        self.most_edge: int | None = LARGEST_TILE["cuda" if device.startswith("cuda") else "cpu"]

    def bytes_for(self, shape: Shape) -> float:
        """See `Pass`."""
        return self.per_voxel * shape[0] * shape[1] * shape[2]

    def parts(self, tile: torch.Tensor) -> Iterator[tuple[Region, torch.Tensor]]:
        """See `Pass`."""
        with torch.inference_mode():
            logits = self.network(tile.to(self.device)[None, None])[0]
        yield whole(tile.shape), logits


class InBlocks:
    """DeepFinder's network, finished at each resolution before the next: tiles may be as large as the volume."""

    exact = True
    most_edge: int | None = None

    def __init__(self, network: DeepFinderNetwork, memory: float, voxels: int) -> None:
        self.network = network
        # The largest block beside which the volume fits undivided: tiles cost more than smaller blocks do.
        whole = [b for b in BLOCKS[:-1] if PER_VOXEL * voxels + _block_bytes(b) <= memory]
        fitting = whole or [b for b in BLOCKS if _block_bytes(b) <= SHARE_OF_BLOCK * memory]
        self.block = fitting[0] if fitting else BLOCKS[-1]

    def bytes_for(self, shape: Shape) -> float:
        """See `Pass`."""
        voxels = shape[0] * shape[1] * shape[2]
        return PER_VOXEL * voxels + _block_bytes(self.block)

    def parts(self, tile: torch.Tensor) -> Iterator[tuple[Region, torch.Tensor]]:
        """See `Pass`."""
        return logits_in_blocks(self.network, tile, self.block)


def pass_for(network: nn.Module, device: str, memory: float, voxels: int) -> Pass:
    """The cheapest way to put a volume of so many voxels through `network`, on `device`, in `memory` bytes."""
    if isinstance(network, DeepFinderNetwork):
        return InBlocks(network, memory, voxels)
    return AtOnce(network, device)


def _block_bytes(block: int) -> float:
    return float(WORK_BYTES_PER_VOXEL * (block + 8) ** 3)
