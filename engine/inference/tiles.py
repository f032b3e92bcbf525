"""Dividing a volume into tiles for a network: as few voxels computed twice as the memory at hand allows.

A tile is what the network is given at once. Near its faces the network saw zeros instead of the neighbourhood, so the
outermost `halo` voxels of its result are thrown away, except where the face is the volume's own: there a pass over the
whole volume sees zeros too. Tiles start at multiples of what the network pools by, so that tiles and a pass over the
whole volume agree. What is done with a tile: `prediction`; DeepFinder's own way of tiling: `compat_tiles`.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import psutil
import torch

from engine.errors import UserError
from engine.inference.regions import Region, Shape

SHARE_OF_FREE = {"cpu": 0.5, "cuda": 0.75}
MOST_ON_CPU = 3.0e9
"""Bytes: more on a CPU saves little time, and others use the machine too."""

MOST_TILES = 40
"""Per axis."""


@dataclass(frozen=True)
class Tile:
    """One piece of work, in voxels of the padded volume (see `TilePlan`).

    Attributes
    ----------
    read
        What the network is given.
    valid
        The part of it whose result is right. Neighbours share `overlap` voxels of it.
    weights
        Per axis, how much the result counts along `valid`; those of all tiles sum to 1 everywhere.
    """

    read: Region
    valid: Region
    weights: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class AxisTiles:
    """The tiles along one axis: (start, stop) of what is read and of what of it is valid."""

    read: tuple[tuple[int, int], ...]
    valid: tuple[tuple[int, int], ...]

    @property
    def edge(self) -> int:
        """The longest."""
        return max(stop - start for start, stop in self.read)

    @property
    def valid_edge(self) -> int:
        """The longest that is kept."""
        return max(stop - start for start, stop in self.valid)


@dataclass(frozen=True)
class TilePlan:
    """How a volume is divided.

    Attributes
    ----------
    origin
        Where the padded volume starts, in voxels of the volume: below 0 where a short axis is padded on both sides.
    shape
        Of the padded volume: multiples of what the network asks for.
    axes
        The tiles along z, y, x.
    overlap
        Voxels that the results of neighbouring tiles share.
    blending
        How they are weighted there.
    """

    origin: Shape
    shape: Shape
    axes: tuple[AxisTiles, AxisTiles, AxisTiles]
    overlap: int = 0
    blending: str = "none"

    @property
    def edges(self) -> Shape:
        """Largest tile."""
        z, y, x = (axis.edge for axis in self.axes)
        return z, y, x

    @property
    def count(self) -> int:
        """Number of tiles."""
        return math.prod(len(axis.read) for axis in self.axes)

    @property
    def work(self) -> float:
        """Voxels computed for each voxel of the padded volume, 1 or more."""
        computed = math.prod(sum(stop - start for start, stop in axis.read) for axis in self.axes)
        return computed / math.prod(self.shape)

    def rows(self) -> Iterator[list[Tile]]:
        """The tiles, a list for each position along z."""
        weights = [_weights(axis.valid, self.overlap, self.blending) for axis in self.axes]
        z_axis, y_axis, x_axis = self.axes
        for i in range(len(z_axis.read)):
            yield [
                Tile(
                    (slice(*z_axis.read[i]), slice(*y_axis.read[j]), slice(*x_axis.read[k])),
                    (slice(*z_axis.valid[i]), slice(*y_axis.valid[j]), slice(*x_axis.valid[k])),
                    (weights[0][i], weights[1][j], weights[2][k]),
                )
                for j in range(len(y_axis.read))
                for k in range(len(x_axis.read))
            ]


Bytes = Callable[[Shape, Shape, Shape], float]
"""Bytes at work for a largest tile, a largest valid part and the padded volume (each z, y, x)."""


def step_of(multiple_of: int) -> int:
    """What places of tiles are multiples of: even, so that binned maps can be made part by part."""
    return math.lcm(multiple_of, 2)


def padding(length: int, step: int, least: int) -> tuple[int, int]:
    """Voxels put before an axis, and its length when it is padded to a multiple of `step` of at least `least`."""
    full = max(-(-length // step), -(-least // step)) * step
    return (full - length) // 2 // step * step, full


def plan_tiles(
    shape: Sequence[int],
    halo: int,
    multiple_of: int,
    bytes_for: Bytes,
    memory: float,
    *,
    edge: int | None = None,
    most_edge: int | None = None,
    least_edge: int = 1,
    overlap: int = 0,
    blending: str = "none",
    origin: Sequence[int] = (0, 0, 0),
) -> TilePlan:
    """The division with the fewest voxels computed twice that fits into memory.

    Parameters
    ----------
    shape
        (z, y, x) of the volume, or of the box of it that starts at `origin`.
    halo
        Voxels thrown away on each side; rounded up to a multiple of `multiple_of`.
    multiple_of
        Edges and starts of tiles are multiples of it.
    bytes_for, memory
        What a tile takes, and bytes that may be taken.
    edge
        Longest edge of a tile, asked for; None = whatever fits.
    most_edge
        Longest edge that may be planned when none is asked for.
    least_edge
        Shorter axes are padded to it.
    overlap, blending
        Voxels that neighbouring results share, beside the halo, and how they are weighted: linear or gaussian.
    origin
        Added to all places.

    Raises
    ------
    UserError
        A tile edge that leaves nothing once the halo is taken off, or no tile that fits into memory.
    """
    step = step_of(multiple_of)
    halo = -(-halo // step) * step
    overlap = -(-overlap // (2 * step)) * 2 * step
    margin = halo + overlap // 2
    fronts, padded = zip(*(padding(int(length), step, least_edge) for length in shape), strict=True)
    choices = [_choices(length, margin, max(overlap, step), step, edge or most_edge) for length in padded]
    if edge is not None and any(not c for c in choices):
        raise UserError(
            f"Tiles of {edge} voxels leave nothing when {margin} on each side are thrown away: give at least "
            f"{_least_edge(margin, overlap, step)}, or a smaller halo."
        )
    best = _best(choices, margin, padded, bytes_for, memory if edge is None else math.inf)
    if best is None:
        least = tuple(c[-1][1] for c in choices if c)
        raise UserError(
            f"There is not enough memory for this network: even tiles of {'×'.join(map(str, least))} voxels take more "
            f"than the {memory / 1e9:.1f} GB that may be used; close other programs, or allow more."
        )
    z, y, x = (_axis(length, n, t, margin, overlap, step) for length, (n, t) in zip(padded, best, strict=True))
    begin = [o - front for o, front in zip(origin, fronts, strict=True)]
    overlap = overlap if any(n > 1 for n, _ in best) else 0
    return TilePlan(
        (begin[0], begin[1], begin[2]),
        (padded[0], padded[1], padded[2]),
        (z, y, x),
        overlap,
        blending if overlap else "none",
    )


def usable_bytes(device: str) -> float:
    """Memory that may be taken on a device of torch: a part of what is free now."""
    if torch.device(device).type == "cuda":
        return SHARE_OF_FREE["cuda"] * torch.cuda.mem_get_info(device)[0]
    return min(SHARE_OF_FREE["cpu"] * psutil.virtual_memory().available, MOST_ON_CPU)


def _least_edge(margin: int, overlap: int, step: int) -> int:
    return 2 * margin + max(overlap, step)


def _choices(length: int, margin: int, core: int, step: int, most: int | None) -> list[tuple[int, int]]:
    """(number of tiles, edge of the longest) along an axis, ascending in number."""
    found = [] if most is not None and length > most else [(1, length)]
    for number in range(2, MOST_TILES + 1):
        edge = -(-(length + 2 * (number - 1) * margin) // (number * step)) * step
        if edge - (2 * margin if number > 2 else margin) < core:
            break
        if edge < length and (most is None or edge <= most):
            found.append((number, edge))
    return found


def _best(
    choices: Sequence[Sequence[tuple[int, int]]], margin: int, padded: Shape, bytes_for: Bytes, memory: float
) -> list[tuple[int, int]] | None:
    best, least = None, math.inf
    for z in choices[0]:
        for y in choices[1]:
            for x in choices[2]:
                # From here on more tiles cost more and take less memory: the first that fits is the best.
                work = math.prod(n * t for n, t in (z, y, x))
                if work >= least:
                    break
                edges = (z[1], y[1], x[1])
                valid = tuple(t - (2 * margin if n > 2 else margin if n == 2 else 0) for n, t in (z, y, x))
                if bytes_for(edges, valid, padded) <= memory:  # type: ignore[arg-type]
                    best, least = [z, y, x], work
                    break
    return best


def _axis(length: int, number: int, edge: int, margin: int, overlap: int, step: int) -> AxisTiles:
    """Tiles of at most `edge` voxels; their cores meet at multiples of `step`."""
    if number == 1:
        return AxisTiles(((0, length),), ((0, length),))
    # The first and the last core reach to a face and are longer by a margin than those between.
    ends = [0]
    for _ in range(number - 1):
        ends.append(ends[-1] + edge - (margin if len(ends) == 1 else 2 * margin))
    ends.append(length)
    while ends[-2] >= length or length - ends[-2] < overlap // 2 + step:  # rounding up may have used up the axis early
        del ends[-2]
    cores = list(itertools.pairwise(ends))
    half = overlap // 2
    valid = [(a - half if a else 0, b + half if b < length else length) for a, b in cores]
    read = [(max(a - margin + half, 0), min(b + margin - half, length)) for a, b in valid]
    return AxisTiles(tuple(read), tuple(valid))


def _weights(valid: Sequence[tuple[int, int]], overlap: int, blending: str) -> list[np.ndarray]:
    """Per tile of an axis the weights of its valid voxels; across each overlap they rise as those before fall."""
    found = [np.ones(stop - start, np.float32) for start, stop in valid]
    if not overlap:
        return found
    places = (np.arange(overlap) + 0.5) / overlap
    if blending == "gaussian":
        ramp = np.array([0.5 + 0.5 * math.erf((p - 0.5) * 3 * math.sqrt(2)) for p in places])
    else:
        ramp = places
    for before, after in itertools.pairwise(found):
        before[-overlap:] *= ramp[::-1].astype(np.float32)
        after[:overlap] *= ramp.astype(np.float32)
    return found
