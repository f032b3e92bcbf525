"""The neighbourhoods that clusters are fitted on, as columns of features, a chunk at a time.

Either a sample small enough to be kept, or neighbourhoods of a volume whose features are formed anew whenever
they are asked for, so that no feature array of a volume ever exists. The fits of `kmeans` and `mixture` are
written once for both.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch

from engine.features.modes import Features, LinearFeatures
from engine.features.neighbourhoods import FLOAT, Neighbourhoods

LARGEST_BYTES = 192 * 2**20
"""Of a kept sample: with N = 5 about 200,000 neighbourhoods."""

CHUNK = 8192
"""Neighbourhoods whose features are formed at once by one thread."""

Result = TypeVar("Result")


class Rows(Protocol):
    """What a fit needs of the neighbourhoods it is made on."""

    count: int
    features: Features
    device: torch.device

    def each(self, work: Callable[[int, torch.Tensor], Result]) -> Iterator[Result]:
        """Results of `work(number of the first, columns float64 [width, n])` for successive chunks, in order."""

    def one(self, number: int) -> torch.Tensor:
        """The columns of one neighbourhood, float64 `[width]`."""


class KeptRows:
    """A sample that is written out.

    Parameters
    ----------
    matrix
        float64 `[n, width]`.
    features
        What its columns are.
    threads
        How many chunks are worked on at once; results do not depend on it.
    """

    def __init__(self, matrix: torch.Tensor, features: Features, threads: int = 1) -> None:
        self.matrix = matrix
        self.features = features
        self.threads = threads
        self.count = matrix.shape[0]
        self.device = matrix.device

    def each(self, work: Callable[[int, torch.Tensor], Result]) -> Iterator[Result]:
        """See `Rows`."""
        with ThreadPoolExecutor(self.threads) as pool:
            starts = range(0, self.count, CHUNK)
            yield from pool.map(lambda start: work(start, self.matrix[start : start + CHUNK].T), starts)

    def one(self, number: int) -> torch.Tensor:
        """See `Rows`."""
        return self.matrix[number]


class VolumeRows:
    """All neighbourhoods of a volume, or those that a mask includes.

    Parameters
    ----------
    boxes
        The neighbourhoods.
    features
        What is formed of them.
    included
        bool `[z, y, x]`; None = all.
    at_once
        At most so many are written out together by all threads; None = as many as suits the machine's cache.
    """

    def __init__(
        self, boxes: Neighbourhoods, features: Features, included: torch.Tensor | None, at_once: int | None = None
    ) -> None:
        self.boxes = boxes
        self.features = features
        self.included = included
        self.count = boxes.count if included is None else int(included.sum())
        self.device = boxes.volume.device
        most = min(CHUNK, (at_once or CHUNK * boxes.threads) // boxes.threads)
        self._rows = max(1, most // boxes.shape[2])

    def each(self, work: Callable[[int, torch.Tensor], Result]) -> Iterator[Result]:
        """See `Rows`."""

        def of_tile(tile: tuple[int, int, int, int]) -> Result:
            plane, first, last, number = tile
            windows = self.boxes.windows(plane, first, last)
            if self.included is not None:
                windows = windows[:, self.included[plane, first:last].reshape(-1)]
            return work(number, self.features.columns(windows))

        tiles = self._tiles()
        with ThreadPoolExecutor(self.boxes.threads) as pool:
            # Not all at once: `map` would keep the results of every tile that is done before its turn.
            while batch := [tile for _, tile in zip(range(16 * self.boxes.threads), tiles, strict=False)]:
                yield from pool.map(of_tile, batch)

    def one(self, number: int) -> torch.Tensor:
        """See `Rows`."""
        if self.included is not None:
            number = _nth_included(self.included, number)
        window = self.boxes.take(torch.tensor([number], device=self.device))
        return self.features.columns(window.T)[:, 0]

    def _tiles(self) -> Iterator[tuple[int, int, int, int]]:
        """Plane, first row, row after the last, and the number of the first included neighbourhood, of each tile."""
        number = 0
        for plane in range(self.boxes.shape[0]):
            for first in range(0, self.boxes.shape[1], self._rows):
                last = min(first + self._rows, self.boxes.shape[1])
                n = (last - first) * self.boxes.shape[2]
                if self.included is not None:
                    n = int(torch.count_nonzero(self.included[plane, first:last]))
                if n:
                    yield plane, first, last, number
                number += n


@dataclass(frozen=True)
class Material:
    """What clusters are fitted on, before it is described by features.

    Parameters
    ----------
    size
        N, voxels.
    threads
        How many chunks are worked on at once.
    boxes, included, at_once
        See `VolumeRows`; None where `windows` are given.
    windows
        A sample that is written out, float64 `[n, N³]`.
    """

    size: int
    threads: int
    boxes: Neighbourhoods | None = None
    included: torch.Tensor | None = None
    at_once: int | None = None
    windows: torch.Tensor | None = None

    @classmethod
    def of_volume(cls, boxes: Neighbourhoods, included: torch.Tensor | None, at_once: int | None = None) -> "Material":
        """All neighbourhoods of one volume, or a sample, which is written out where it is small."""
        if included is None or int(included.sum()) * boxes.n_values * FLOAT.itemsize > LARGEST_BYTES:
            return cls(boxes.size, boxes.threads, boxes, included, at_once)
        numbers = torch.nonzero(included.reshape(-1)).reshape(-1)
        return cls(boxes.size, boxes.threads, windows=boxes.take(numbers))

    def rows(self, features: Features) -> Rows:
        """Its columns of features."""
        if self.windows is not None:
            return KeptRows(features.columns(self.windows.T).T.contiguous(), features, self.threads)
        assert self.boxes is not None
        return VolumeRows(self.boxes, features, self.included, self.at_once)

    def covariance(self) -> np.ndarray:
        """Of the neighbourhoods' values, float64 `[N³, N³]`."""
        rows = self.rows(LinearFeatures(self.size))
        total = torch.zeros(self.size**3, dtype=FLOAT, device=rows.device)
        products = torch.zeros((self.size**3, self.size**3), dtype=FLOAT, device=rows.device)
        for of_chunk, moments in rows.each(lambda _, columns: (columns.sum(1), columns @ columns.T)):
            total += of_chunk
            products += moments
        mean = total / rows.count
        return (products / rows.count - torch.outer(mean, mean)).cpu().numpy()


def _nth_included(included: torch.Tensor, n: int) -> int:
    """Raster number of the n-th (from 0) neighbourhood that is included."""
    per_plane = included.sum((1, 2)).cpu().numpy()
    ends = np.cumsum(per_plane)
    plane = int(np.searchsorted(ends, n, side="right"))
    within = torch.nonzero(included[plane].reshape(-1)).reshape(-1)
    return plane * included[plane].numel() + int(within[n - int(ends[plane] - per_plane[plane])])
