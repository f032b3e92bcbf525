"""Gaussian smoothing and local maxima of a volume with torch, the same on CPU and GPU.

Sums of shifted copies in a fixed order: what a voxel becomes hangs on its surroundings alone and not on how much of the
volume is there, so slabs give the bytes of the whole.
"""

import math

import torch

TRUNCATE = 3.0
"""Weights farther than so many standard deviations from the centre are left out."""
_AT_ONCE = 1 << 22
"""Voxels looked at together."""


def reach_of(sigma: float) -> int:
    """How many voxels away a voxel still counts in `smooth`."""
    return max(1, math.ceil(TRUNCATE * sigma))


def weights(sigma: float) -> list[float]:
    """Weights of the voxels 0, 1 … `reach_of(sigma)` away; of both sides together they sum to 1."""
    side = [math.exp(-0.5 * (d / sigma) ** 2) for d in range(reach_of(sigma) + 1)]
    total = side[0] + 2 * sum(side[1:])
    return [w / total for w in side]


def smooth(values: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur with a Gaussian; beyond the faces lies 0.

    Parameters
    ----------
    values
        float32 `[z, y, x]`; not changed.
    sigma
        Voxels, above 0.

    Returns
    -------
    Tensor
        float32 `[z, y, x]`.
    """
    kernel = weights(sigma)
    for axis in range(3):
        length = values.shape[axis]
        blurred = values * kernel[0]
        for shift, weight in enumerate(kernel[1:], 1):
            if shift >= length:
                break
            near, far = values.narrow(axis, 0, length - shift), values.narrow(axis, shift, length - shift)
            blurred.narrow(axis, 0, length - shift).add_(far, alpha=weight)
            blurred.narrow(axis, shift, length - shift).add_(near, alpha=weight)
        values = blurred
    return values


def local_maxima(values: torch.Tensor, reach: int, lowest: float, inner: slice) -> torch.Tensor:
    """Voxels that none in the cube of 2 · reach + 1 voxels around them exceeds; of equals the first in raster order.

    Only voxels that are high enough are looked at, so that it costs little where few are.

    Parameters
    ----------
    values
        float32 `[z, y, x]`.
    reach
        Voxels, at least 1.
    lowest
        Voxels below are left out.
    inner
        Slices along z in which maxima are sought; the others only count as surroundings.

    Returns
    -------
    Tensor
        int64 `[n, 3]`: z, y, x, in raster order.
    """
    axis = torch.arange(-reach, reach + 1, device=values.device)
    offsets = torch.cartesian_prod(axis, axis, axis)
    earlier = torch.arange(len(offsets), device=values.device) < len(offsets) // 2
    # Nearest neighbours first: they leave few to compare with the rest.
    order = torch.argsort(offsets.square().sum(1), stable=True)[1:]
    offsets, earlier = offsets[order], earlier[order]
    groups = [*zip(offsets[:26].split(1), earlier[:26].split(1), strict=True)]
    groups += [*zip(offsets[26:].split(64), earlier[26:].split(64), strict=True)]
    last = torch.tensor(values.shape, device=values.device) - 1
    planes = max(1, _AT_ONCE // (values.shape[1] * values.shape[2]))
    found = []
    for start in range(inner.start, inner.stop, planes):
        places = torch.nonzero(values[start : min(start + planes, inner.stop)] >= lowest)
        places[:, 0] += start
        for group, before in groups:
            if len(group):
                places = places[_not_exceeded(values, places, group, before, last)]
        found.append(places)
    return torch.cat(found) if found else torch.empty((0, 3), dtype=torch.int64, device=values.device)


def _not_exceeded(
    values: torch.Tensor, places: torch.Tensor, offsets: torch.Tensor, earlier: torch.Tensor, last: torch.Tensor
) -> torch.Tensor:
    """Whether no neighbour at the offsets is higher, and none earlier in raster order as high; bool `[n]`."""
    own = _at(values, places)[:, None]
    others = places[:, None] + offsets
    outside = ((others < 0) | (others > last)).any(2)
    near = _at(values, torch.minimum(others.clamp(min=0), last))
    return (outside | (near < own) | ((near == own) & ~earlier)).all(1)


def _at(values: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Values at places `[…, 3]` (z, y, x)."""
    z, y, x = places.unbind(-1)
    return values[z, y, x]
