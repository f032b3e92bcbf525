"""DeepFinder's network over a whole volume in little memory, block by block at each of its resolutions.

Tiles that each pass through the whole network must overlap by its receptive field, 34 voxels a side, so that most of
what is computed is thrown away. Here the features of half and quarter resolution are finished for the whole volume
first; a block of full resolution then overlaps by what two convolutions see. The result is that of one pass over the
whole volume. Which volume, and what becomes of the logits, is the business of `engine.inference`.
"""

from collections.abc import Iterator, Sequence

import torch
from torch.nn import functional

from engine.networks.architecture import LAYOUT
from engine.networks.deepfinder import MULTIPLE_OF, DeepFinderNetwork

Region = tuple[slice, ...]

FEATURE_BYTES_PER_VOXEL = 4 * (48 / 8 + 64 / 64)
"""What is kept for every voxel of the volume, beside the volume itself: features of half and quarter resolution."""

WORK_BYTES_PER_VOXEL = 1000
"""What the work on a block takes for each of its (block + 8)³ voxels, on a CPU."""


def logits_in_blocks(
    network: DeepFinderNetwork, volume: torch.Tensor, block: int = 96
) -> Iterator[tuple[Region, torch.Tensor]]:
    """The logits of a whole volume, a block at a time.

    Parameters
    ----------
    network
        On the device to compute on. Features are kept there.
    volume
        [z, y, x] float32, normalised, each edge a multiple of 4; on any device, memory-mapped if wanted.
    block
        Edge of the blocks, a multiple of 8. A larger one recomputes less (1.6 times the work of one pass at 96, 1.45
        at 128) and takes more memory.

    Yields
    ------
    region, logits
        Slices of `volume`, and logits [classes, z, y, x] of that part, on the network's device. Together the regions
        cover the volume once.
    """
    if block % (2 * MULTIPLE_OF) or any(edge % MULTIPLE_OF for edge in volume.shape):
        raise ValueError(f"block {block}: a multiple of 8; shape {tuple(volume.shape)}: multiples of {MULTIPLE_OF}")
    with torch.inference_mode():
        middle = _middle(network, volume, block // 2)
        low = _low(network, middle, block // 2)
    for region in _regions(volume.shape, block):
        with torch.inference_mode():
            logits = _decoded(network, volume, middle, low, region)
        yield region, logits


def _middle(network: DeepFinderNetwork, volume: torch.Tensor, block: int) -> torch.Tensor:
    """Features of half resolution [1, 48, z, y, x]."""
    weight = network.scores.weight
    result = _empty(weight, 48, volume.shape)
    shape = result.shape[2:]
    for region in _regions(shape, block):
        # Two convolutions at half resolution (2 voxels) and, before, two at full (1 voxel of half).
        wide = _widened(region, 3, 3, shape)
        high = network.encode_high(volume[_scaled(wide, 2)].to(weight.device)[None, None])
        features = network.encode_middle(functional.max_pool3d(high, 2))
        result[:, :, *region] = features[:, :, *_within(region, wide)]
    return result


def _low(network: DeepFinderNetwork, middle: torch.Tensor, block: int) -> torch.Tensor:
    """Features of quarter resolution [1, 64, z, y, x]."""
    result = _empty(middle, 64, middle.shape[2:])
    shape = result.shape[2:]
    for region in _regions(shape, block):
        wide = _widened(region, 4, 4, shape)  # four convolutions
        features = network.encode_low(functional.max_pool3d(middle[:, :, *_scaled(wide, 2)], 2))
        result[:, :, *region] = features[:, :, *_within(region, wide)]
    return result


def _decoded(
    network: DeepFinderNetwork, volume: torch.Tensor, middle: torch.Tensor, low: torch.Tensor, region: Region
) -> torch.Tensor:
    """The logits [classes, z, y, x] of one block."""
    # On the way up at half resolution: two convolutions see 2 voxels, the step up one more behind, and the block of
    # full resolution below needs 1 voxel before and 2 behind. In voxels of quarter resolution that is 2 and 3.
    quarter = tuple(slice(s.start // 4, s.stop // 4) for s in region)
    deep = _widened(quarter, 2, 3, low.shape[2:])
    half = _scaled(deep, 2)
    decoded = network.decode_middle(low[:, :, *deep], middle[:, :, *half])
    # At full resolution: two convolutions on the way up and, for what they are given, two on the way down: 4 voxels.
    wide = _widened(tuple(slice(s.start // 2, s.stop // 2) for s in region), 2, 2, middle.shape[2:])
    full = _scaled(wide, 2)
    high = network.encode_high(volume[full].to(middle.device)[None, None])
    return network.decode_high(decoded[:, :, *_within(wide, half)], high)[0][:, *_within(region, full)]


def _empty(like: torch.Tensor, features: int, shape: Sequence[int]) -> torch.Tensor:
    """Room for features [1, features, z, y, x] of half the resolution of `shape`, in the layout of the kernels."""
    edges = (1, features, *(edge // 2 for edge in shape))
    return torch.empty(edges, dtype=like.dtype, device=like.device, memory_format=LAYOUT)


def _regions(shape: Sequence[int], block: int) -> Iterator[Region]:
    """Blocks that cover `shape`, as alike as `block` allows and starting at multiples of 4."""
    axes = []
    for edge in shape:
        number = -(-edge // block)
        step = -(-edge // (number * MULTIPLE_OF)) * MULTIPLE_OF
        axes.append([slice(start, min(start + step, edge)) for start in range(0, edge, step)])
    for z in axes[0]:
        for y in axes[1]:
            for x in axes[2]:
                yield z, y, x


def _widened(region: Region, before: int, after: int, shape: Sequence[int]) -> Region:
    return tuple(
        slice(max(s.start - before, 0), min(s.stop + after, edge)) for s, edge in zip(region, shape, strict=True)
    )


def _scaled(region: Region, factor: int) -> Region:
    return tuple(slice(s.start * factor, s.stop * factor) for s in region)


def _within(region: Region, wide: Region) -> Region:
    """`region` in voxels of `wide`, which contains it."""
    return tuple(slice(s.start - w.start, s.stop - w.start) for s, w in zip(region, wide, strict=True))
