"""Magnitudes of the Fourier transforms of all neighbourhoods, without forming a transform per neighbourhood.

The transform of a real neighbourhood is a product of three short real transforms, one per axis, which sliding
neighbourhoods share: about 775 multiply-adds per voxel for N = 5 against 15,625 of the plain definition. Of
the N³ magnitudes those at k and −k are equal, so (N³ + 1) / 2 are formed.
"""

import math
from functools import cache

import torch

from engine.features.workspace import Workspace

Frequency = tuple[int, int, int]


def half_magnitudes(
    values: torch.Tensor, size: int, space: Workspace | None = None, waves: int | None = None
) -> torch.Tensor:
    """The distinct magnitudes of every neighbourhood.

    Parameters
    ----------
    values
        `[z, y, x, …]`, real; further axes are left alone.
    size
        N, odd; no longer than the first three axes.
    space
        Holds the result, which then stands until the next call.
    waves
        Highest frequency along each axis, 1 … N // 2; None = N // 2.

    Returns
    -------
    Tensor
        `[frequencies, z − N + 1, y − N + 1, x − N + 1, …]`, unnormalised, in the order of `frequencies`. The
        first is the sum over the neighbourhood *with its sign*: for densities that are nowhere negative that
        is its magnitude, and a constant added to them only moves it.
    """
    space, half = space or Workspace(), waves or size // 2
    by_zy = _along(
        _along(values, 0, size, half, space, "z"), 2, size, half, space, "zy"
    )  # [y's part, z's part, z, y, x]
    flat = _along(by_zy[0, 0], 2, size, half, space, "flat")
    # [part along x, real or imaginary, pair, z, y, x]
    both = _along(_pairs(by_zy, half, space), 4, size, half, space, "zyx")
    result = space.array("result", (len(frequencies(size, half)), *flat.shape[1:]), values)
    result[0] = flat[0]
    for f in range(1, half + 1):
        _length(flat[f], flat[half + f], result[f])
    n, place = both.shape[2], half + 1
    _length(both[0, 0], both[0, 1], result[place : place + n])
    across = space.array("across", tuple(both.shape[2:]), values)
    for f in range(1, half + 1):
        cosine, sine = both[f], both[half + f]
        for sign in (1, -1):
            place += n
            target = torch.add(cosine[0], sine[1], alpha=sign, out=result[place : place + n])
            _length(target, torch.sub(cosine[1], sine[0], alpha=sign, out=across), target)
    return result


@cache
def frequencies(size: int, waves: int | None = None) -> tuple[Frequency, ...]:
    """The frequencies (k_z, k_y, k_x) of `half_magnitudes`, each −waves … waves: one of every pair k, −k."""
    half = range(1, (waves or size // 2) + 1)
    pairs = [(0, y) for y in half] + [(z, 0) for z in half] + [(z, s * y) for z in half for y in half for s in (1, -1)]
    lines = [(0, 0, x) for x in half]
    others = [(z, y, s * x) for x in half for s in (1, -1) for z, y in pairs]
    return ((0, 0, 0), *lines, *((z, y, 0) for z, y in pairs), *others)


@cache
def places(size: int) -> tuple[tuple[int, int], ...]:
    """Where each of `frequencies` and its negative stand among the N³ of the shifted transform in C order."""
    middle = size**3 // 2
    ahead = [(z * size + y) * size + x for z, y, x in frequencies(size)]
    return tuple((middle + offset, middle - offset) for offset in ahead)


def places_of(size: int, waves: int) -> list[int]:
    """Where the frequencies up to `waves` stand among all `frequencies`."""
    everything = frequencies(size)
    return [everything.index(frequency) for frequency in frequencies(size, waves)]


def _along(values: torch.Tensor, axis: int, size: int, waves: int, space: Workspace, name: str) -> torch.Tensor:
    """Sliding real transform along one axis: a new first axis [sum, cosines 1 … waves, sines 1 … waves].

    The origin of the waves is the middle of the window, so that a pair of samples at ±j is added for all
    cosines and subtracted for all sines at once; magnitudes do not depend on it.
    """
    half, length = size // 2, values.shape[axis] - size + 1
    shape = (*values.shape[:axis], length, *values.shape[axis + 1 :])
    result = space.array(name, (2 * waves + 1, *shape), values)
    even, odd = space.array("even", shape, values), space.array("odd", shape, values)
    middle = values.narrow(axis, half, length)
    for j in range(1, half + 1):
        ahead, behind = values.narrow(axis, half + j, length), values.narrow(axis, half - j, length)
        torch.add(ahead, behind, out=even)
        torch.sub(ahead, behind, out=odd)
        for f in range(waves + 1):
            cosine, sine = math.cos(2 * math.pi * f * j / size), math.sin(2 * math.pi * f * j / size)
            torch.add(middle if j == 1 else result[f], even, alpha=cosine, out=result[f])
            if f and j == 1:
                torch.mul(odd, sine, out=result[waves + f])
            elif f:
                result[waves + f].add_(odd, alpha=sine)
    return result


def _pairs(by_zy: torch.Tensor, half: int, space: Workspace) -> torch.Tensor:
    """Real and imaginary part at the (k_z, k_y) of one half plane without its origin, in the order of `frequencies`."""
    n = (by_zy.shape[0] ** 2 - 1) // 2
    pairs = space.array("pairs", (2, n, *by_zy.shape[2:]), by_zy)
    real, imaginary = pairs[0], pairs[1]
    real[:half] = by_zy[1 : half + 1, 0]
    torch.neg(by_zy[half + 1 :, 0], out=imaginary[:half])
    real[half : 2 * half] = by_zy[0, 1 : half + 1]
    torch.neg(by_zy[0, half + 1 :], out=imaginary[half : 2 * half])
    place = 2 * half
    for z in range(1, half + 1):
        for y in range(1, half + 1):
            cosines, sines = by_zy[y, z], by_zy[half + y, half + z]
            mixed, other = by_zy[y, half + z], by_zy[half + y, z]  # cos_y sin_z and sin_y cos_z
            torch.sub(cosines, sines, out=real[place])
            torch.add(cosines, sines, out=real[place + 1])
            torch.add(mixed, other, out=imaginary[place]).neg_()
            torch.sub(other, mixed, out=imaginary[place + 1])
            place += 2
    return pairs


def _length(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> None:
    """√(a² + b²) into `out`, which may be `a`. `torch.hypot` guards against overflow and takes three times as long."""
    torch.mul(a, a, out=out)
    out.addcmul_(b, b).sqrt_()
