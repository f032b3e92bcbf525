"""Magnitudes of the Fourier transforms of all neighbourhoods, without forming a transform per neighbourhood.

The transform of a real neighbourhood is a product of three short transforms, one per axis, which sliding
neighbourhoods share. The one along x is formed by additions. Those along y and z, of which there are N and N² as many,
are matrix products for several rows or planes at once: an addition of two arrays takes as long as twenty
multiplications within such a product. Of the N³ magnitudes those at k and −k are equal, so (N³ + 1) / 2 are formed.
"""

import math
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import torch

from engine.features.workspace import Workspace

Frequency = tuple[int, int, int]


def half_magnitudes(values: torch.Tensor, size: int, space: Workspace | None = None, step: int = 1) -> torch.Tensor:
    """The distinct magnitudes of every neighbourhood of a block.

    Parameters
    ----------
    values
        `[z, y, x]`, real.
    size
        N, odd; no longer than any axis.
    space
        Holds the result, which then stands until the next call.
    step
        Only every `step`-th neighbourhood along each axis, from the first.

    Returns
    -------
    Tensor
        `[frequencies, z', y', x']`, unnormalised, in the order of `frequencies`, where an axis of length n has
        (n − N) // step + 1 neighbourhoods. The first is the sum over the neighbourhood *with its sign*: for
        densities that are nowhere negative that is its magnitude, and a constant added to them only moves it.
    """
    space, half = space or Workspace(), size // 2
    depth, height, width = ((n - size) // step + 1 for n in values.shape)
    sums, waves = _along_x(values, size, step, space)  # [z, y, x], [k_x, z, (real, imaginary), y, x]
    result = space.array("result", ((size**3 + 1) // 2, depth, height, width), values)
    along_y = _sliding(size, values.shape[1], step, values.dtype, values.device)
    along_z = _sliding(size, values.shape[0], step, values.dtype, values.device)
    n_in, length = len(values), height * width

    flat = along_z.real[: size * depth] @ (along_y.real[:height] @ sums).view(n_in, length)
    flat = flat.view(size, *result.shape[1:])  # [sum, cosines 1 … N // 2, sines 1 … N // 2]
    result[0] = flat[0]
    _length(flat[1 : half + 1], flat[half + 1 :], result[1 : half + 1])

    n_pairs = 2 * half * (half + 1)
    both = space.array("both", (n_pairs, 2 * size * depth, length), values)
    # Rows of a plane are (real or imaginary, k_y, y), so that those of all planes at one k_y are evenly spaced.
    at_0 = space.array("at_0", (n_in, 2 * half * height, width), values)
    torch.bmm(along_y.real[height:].expand(n_in, -1, -1), sums, out=at_0)
    rows = at_0.view(2 * n_in, half, length).transpose(0, 1)
    torch.bmm(along_z.mixed.expand(half, -1, -1), rows, out=both[:half])
    beyond = space.array("beyond", (half * n_in, 2 * size * height, width), values)
    torch.bmm(along_y.apart.expand(half * n_in, -1, -1), waves.view(half * n_in, -1, width), out=beyond)
    for k, of_k in enumerate(beyond.view(half, 2 * n_in, size, length)):
        place = half + k * size
        torch.bmm(along_z.mixed.expand(size, -1, -1), of_k.transpose(0, 1), out=both[place : place + size])
    both = both.view(n_pairs, 2, size, *result.shape[1:])
    _length(both[:, 0], both[:, 1], result[half + 1 :].view(n_pairs, size, *result.shape[1:]))
    return result


def magnitudes_of(windows: torch.Tensor) -> torch.Tensor:
    """The distinct magnitudes of neighbourhoods written out.

    Parameters
    ----------
    windows
        `[N³, n]`, each in C order of (z, y, x).

    Returns
    -------
    Tensor
        `[frequencies, n]` as of `half_magnitudes`.
    """
    cosines, sines = _matrices(round(len(windows) ** (1 / 3)), windows.dtype, windows.device)
    middle = len(windows) // 2
    before, after = windows[:middle].flip(0), windows[middle + 1 :]
    # Voxels on either side of the middle are added for the real parts and subtracted for the imaginary ones.
    real = torch.addmm(windows[middle], cosines, before + after)
    imaginary = sines @ (after - before)
    _length(real[1:], imaginary, real[1:])
    return real


@cache
def frequencies(size: int) -> tuple[Frequency, ...]:
    """The frequencies (k_z, k_y, k_x) of `half_magnitudes`, each −(N // 2) … N // 2: one of every pair k, −k."""
    half = range(1, size // 2 + 1)
    along = range(-(size // 2), size // 2 + 1)
    pairs = [(y, 0) for y in half] + [(y, x) for x in half for y in along]
    return ((0, 0, 0), *((z, 0, 0) for z in half), *((z, y, x) for y, x in pairs for z in along))


@cache
def places(size: int) -> tuple[tuple[int, int], ...]:
    """Where each of `frequencies` and its negative stand among the N³ of the shifted transform in C order."""
    middle = size**3 // 2
    ahead = [(z * size + y) * size + x for z, y, x in frequencies(size)]
    return tuple((middle + offset, middle - offset) for offset in ahead)


def _along_x(values: torch.Tensor, size: int, step: int, space: Workspace) -> tuple[torch.Tensor, torch.Tensor]:
    """Sliding transform along x: sums `[z, y, x']` and `[k_x, z, (real, imaginary), y, x']` for k_x = 1 … N // 2.

    The origin of the waves is the middle of the window, so that a pair of samples at ±j is added for all
    cosines and subtracted for all sines at once; magnitudes do not depend on it.
    """
    half, count = size // 2, (values.shape[2] - size) // step + 1
    depth, height = values.shape[:2]
    sums = space.array("sums", (depth, height, count), values)
    waves = space.array("waves", (half, depth, 2, height, count), values)
    even, odd = space.array("even", sums.shape, values), space.array("odd", sums.shape, values)

    def tap(offset: int) -> torch.Tensor:
        return values[:, :, half + offset : half + offset + (count - 1) * step + 1 : step]

    for j in range(1, half + 1):
        torch.add(tap(j), tap(-j), out=even)
        torch.sub(tap(-j), tap(j), out=odd)  # e^-i…: the imaginary part is minus the sines
        torch.add(tap(0) if j == 1 else sums, even, out=sums)
        for f in range(1, half + 1):
            cosine, sine = math.cos(2 * math.pi * f * j / size), math.sin(2 * math.pi * f * j / size)
            real, imaginary = waves[f - 1, :, 0], waves[f - 1, :, 1]
            torch.add(tap(0) if j == 1 else real, even, alpha=cosine, out=real)
            if j == 1:
                torch.mul(odd, sine, out=imaginary)
            else:
                imaginary.add_(odd, alpha=sine)
    return sums, waves


class Sliding(NamedTuple):
    """The sliding transform along one axis of so many places, as matrices on the values at those places.

    Parameters
    ----------
    real
        Of real values: `[(sum, real parts 1 … N // 2, imaginary parts 1 … N // 2) · places out, places in]`.
    apart
        Of complex values: `[(real, imaginary) · (k = −(N // 2) … N // 2) · places out, (real, imaginary) · places in]`.
    mixed
        The same with columns in the order `places in · (real, imaginary)`.
    """

    real: torch.Tensor
    apart: torch.Tensor
    mixed: torch.Tensor


@lru_cache(maxsize=64)
def _sliding(size: int, places: int, step: int, dtype: torch.dtype, device: torch.device) -> Sliding:
    half, out = size // 2, (places - size) // step + 1
    cosines, sines = np.zeros((2, size, out, places))  # each [k, places out, places in]
    for k in range(-half, half + 1):
        angles = 2 * np.pi * k * np.arange(-half, half + 1) / size
        for place in range(out):
            seen = slice(place * step, place * step + size)
            cosines[half + k, place, seen], sines[half + k, place, seen] = np.cos(angles), np.sin(angles)
    real = np.concatenate([cosines[half:], -sines[half + 1 :]]).reshape(size * out, places)
    # (re + i im)(cos − i sin): [part out, k, place out, part in, place in]
    both = np.stack([np.stack([cosines, sines], 2), np.stack([-sines, cosines], 2)])
    apart = both.reshape(2 * size * out, 2 * places)
    mixed = both.swapaxes(3, 4).reshape(2 * size * out, 2 * places)
    return Sliding(*(torch.from_numpy(matrix).to(device, dtype) for matrix in (real, apart, mixed)))


@lru_cache(maxsize=8)
def _matrices(size: int, dtype: torch.dtype, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines `[frequencies, N³ // 2]` and sines, of all frequencies but the first, of the voxels after the middle."""
    middle = size**3 // 2
    positions = np.stack(np.unravel_index(np.arange(middle + 1, size**3), (size,) * 3)) - size // 2
    angles = 2 * np.pi / size * (np.array(frequencies(size)) @ positions)
    return torch.from_numpy(np.cos(angles)).to(device, dtype), torch.from_numpy(np.sin(angles[1:])).to(device, dtype)


def _length(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> None:
    """√(a² + b²) into `out`, which may be `a`. `torch.hypot` guards against overflow and takes twice as long."""
    torch.mul(a, a, out=out)
    out.addcmul_(b, b).sqrt_()
