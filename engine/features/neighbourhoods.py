"""All N × N × N neighbourhoods of a volume, used without ever writing them out.

A neighbourhood written out costs N³ numbers per voxel; here each is only ever the argument of a correlation
or of a weighted sum, and both are matrix products on rows of the volume itself. Everything is in float64 (a
float32 correlation would move the few voxels that lie on the boundary between two clusters), on any torch
device.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

FLOAT = torch.float64
SLAB_VOXELS = 200_000
BATCH_VOXELS = 32_768
Result = TypeVar("Result")


def in_slabs(count: int, planes: int, threads: int, work: Callable[[int, int], Result]) -> Iterator[Result]:
    """Results of `work(start, stop)` for successive slabs of so many planes, in order, several at once.

    Slabs side by side need no barrier within each operation; on a busy machine those cost the most.
    """
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(lambda start: work(start, min(start + planes, count)), range(0, count, planes))


class Neighbourhoods:
    """The neighbourhoods of a volume in raster order of their corners, values taken relative to `centre`.

    Parameters
    ----------
    volume
        float32 `[z, y, x]` on the device to compute on.
    size
        N, in voxels; no axis of the volume is shorter.
    centre
        What is subtracted from every value. It keeps sums of squares small and so exact; clusters do not
        depend on it.
    threads
        How many slabs are worked on at once. Slabs and the order in which their results are added up do not
        depend on it, so the results do not either, to the last bit.
    """

    def __init__(self, volume: torch.Tensor, size: int, centre: float, threads: int = 1) -> None:
        self.volume = volume
        self.size = size
        self.centre = centre
        self.threads = threads
        self.shape = tuple(n - size + 1 for n in volume.shape)
        self.count = self.shape[0] * self.shape[1] * self.shape[2]
        self.n_values = size**3
        grid = torch.meshgrid(*[torch.arange(size, device=volume.device)] * 3, indexing="ij")
        self._offsets = self._position(*grid).reshape(-1)

    def each_slab(self, work: Callable[[int, int], Result]) -> Iterator[Result]:
        """Results of `work(start, stop)` for successive slabs of planes of neighbourhoods, in order."""
        planes = max(1, min(SLAB_VOXELS // (self.shape[1] * self.shape[2]), -(-self.shape[0] // 8)))
        yield from in_slabs(self.shape[0], planes, self.threads, work)

    def correlate(self, start: int, stop: int, kernels: torch.Tensor) -> torch.Tensor:
        """Dot products of the neighbourhoods of some planes with kernels.

        Parameters
        ----------
        start, stop
            Planes of neighbourhoods, [start, stop).
        kernels
            `[k, N, N, N]`.

        Returns
        -------
        Tensor
            float64 `[k, stop - start, y, x]`.
        """
        return self._correlate(start, stop, kernels)

    def weighted_sum(self, start: int, stop: int, weights: torch.Tensor) -> torch.Tensor:
        """Sum of the neighbourhoods of planes [start, stop), each times its weight.

        Parameters
        ----------
        start, stop
            Planes of neighbourhoods, [start, stop).
        weights
            `[stop - start, y, x]`.

        Returns
        -------
        Tensor
            float64 `[N³]`, in C order of (z, y, x).
        """
        chosen = torch.nonzero(weights.reshape(-1)).reshape(-1)
        # Reading a neighbourhood alone costs about 40 times its share of the matrix product (measured).
        if chosen.numel() < 0.02 * weights.numel():
            numbers = chosen + start * self.shape[1] * self.shape[2]
            return self._gathered_sum(numbers, weights.reshape(-1)[chosen])
        return self._product_sum(start, stop, weights)

    def windows(self, plane: int, first: int, last: int) -> torch.Tensor:
        """The neighbourhoods of rows [first, last) of one plane, written out: float64 `[N³, n]`."""
        n = self.size
        block = self.volume[plane : plane + n, first : last + n - 1].to(FLOAT) - self.centre
        views = block.unfold(0, n, 1).unfold(1, n, 1).unfold(2, n, 1)  # [1, rows, x, z, y, x within]
        return views.permute(3, 4, 5, 0, 1, 2).reshape(self.n_values, -1)

    def take(self, indices: torch.Tensor) -> torch.Tensor:
        """The neighbourhoods with these numbers (raster order of the corners), written out: float64 `[n, N³]`."""
        return self._gathered(self._corners(indices)[:, None] + self._offsets, FLOAT)

    def columns(self, indices: torch.Tensor, dtype: torch.dtype = FLOAT) -> torch.Tensor:
        """Like `take`, one neighbourhood a column: `[N³, n]` of a type."""
        return self._gathered(self._corners(indices) + self._offsets[:, None], dtype)

    def mirrored(self, axis: int, start: int, stop: int) -> torch.Tensor:
        """Voxels [start, stop) of an axis, those beyond its ends mirrored as for blurring: (d c b a | a b c d)."""
        length = self.volume.shape[axis]
        position = torch.arange(start, stop, device=self.volume.device) % (2 * length)
        return torch.where(position < length, position, 2 * length - 1 - position)

    def _gathered(self, places: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        # Twice as fast as torch.take (measured), which checks each place by itself.
        values = torch.index_select(self.volume.reshape(-1), 0, places.reshape(-1)).view(places.shape)
        return values.to(dtype).sub_(self.centre)

    def _corners(self, indices: torch.Tensor) -> torch.Tensor:
        plane = self.shape[1] * self.shape[2]
        z, rest = indices // plane, indices % plane
        return self._position(z, rest // self.shape[2], rest % self.shape[2])

    def _position(self, z: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return (z * self.volume.shape[1] + y) * self.volume.shape[2] + x

    def _blocks(self, start: int, stop: int, rows: int) -> tuple[torch.Tensor, int]:
        """What the neighbourhoods of planes [start, stop) see, as overlapping blocks of rows.

        Returns
        -------
        blocks : Tensor
            float64 `[(stop - start + N - 1) · per_plane, rows + N - 1, x]`, a view in which neighbours share
            rows. Block b of a plane holds what the neighbourhoods of rows b·rows … (b + 1)·rows − 1 see of
            it.
        per_plane : int
            Blocks of one plane. The last of them reach into the next plane and are of no use.
        """
        planes, (_, height, width) = stop - start + self.size - 1, self.volume.shape
        per_plane = -(-height // rows)
        n_rows = planes * per_plane * rows
        values = torch.empty((n_rows + self.size - 1, width), dtype=FLOAT, device=self.volume.device)
        values[n_rows:] = 0
        by_plane = values[:n_rows].view(planes, -1, width)
        by_plane[:, height:] = 0
        inside = by_plane[:, :height]
        inside.copy_(self.volume[start : start + planes]).sub_(self.centre)
        return values.unfold(0, rows + self.size - 1, rows).transpose(1, 2), per_plane

    def _batches(self, blocks: int, rows: int) -> Iterator[tuple[int, int]]:
        """Successive blocks that are worked on in one operation, so few that its results stay in the cache."""
        step = max(1, BATCH_VOXELS // (rows * self.shape[2]))
        for first in range(0, blocks, step):
            yield first, min(first + step, blocks)

    def _correlate(self, start: int, stop: int, kernels: torch.Tensor) -> torch.Tensor:
        n, rows, (_, height, width) = self.size, self.size - 1, self.shape
        k = kernels.shape[0]
        # A correlation along y is a product with a band matrix; one holds it for all kernels and x offsets.
        band = torch.zeros((n, n, k, rows, rows + n - 1), dtype=FLOAT, device=self.volume.device)
        for row in range(rows):
            band[:, :, :, row, row : row + n] = kernels.permute(1, 3, 0, 2)
        band = band.reshape(n, n * k * rows, rows + n - 1)

        blocks, per_plane = self._blocks(start, stop, rows)
        n_blocks = (stop - start) * per_plane
        result = torch.empty((n_blocks, k, rows, width), dtype=FLOAT, device=self.volume.device)
        for first, last in self._batches(n_blocks, rows):
            matrices = band[:, None].expand(-1, last - first, -1, -1)
            total = torch.bmm(matrices[0], blocks[first:last])
            for dz in range(1, n):
                total.baddbmm_(matrices[dz], blocks[first + dz * per_plane : last + dz * per_plane])
            parts = total.view(last - first, n, k, rows, -1)
            torch.add(parts[:, 0, :, :, :width], parts[:, 1, :, :, 1 : 1 + width], out=result[first:last])
            for dx in range(2, n):
                result[first:last] += parts[:, dx, :, :, dx : dx + width]
        by_plane = result.view(stop - start, per_plane, k, rows, width).permute(2, 0, 1, 3, 4)
        return by_plane.reshape(k, stop - start, per_plane * rows, width)[:, :, :height]

    def _product_sum(self, start: int, stop: int, weights: torch.Tensor) -> torch.Tensor:
        n, rows, (_, height, width) = self.size, 2 * (self.size - 1), self.shape
        blocks, per_plane = self._blocks(start, stop, rows)
        n_blocks = (stop - start) * per_plane
        padded = torch.zeros((stop - start, per_plane * rows, width), dtype=FLOAT, device=self.volume.device)
        padded[:, :height] = weights
        padded = padded.view(n_blocks, rows, width)
        pairs = torch.zeros((n, n * rows, rows + n - 1), dtype=FLOAT, device=self.volume.device)
        for first, last in self._batches(n_blocks, rows):
            shape = (last - first, n, rows, self.volume.shape[2])
            shifted = torch.zeros(shape, dtype=FLOAT, device=self.volume.device)
            for dx in range(n):
                shifted[:, dx, :, dx : dx + width] = padded[first:last]
            shifted = shifted.view(last - first, n * rows, -1)
            for dz in range(n):
                seen = blocks[first + dz * per_plane : last + dz * per_plane]
                pairs[dz] += torch.bmm(shifted, seen.transpose(1, 2)).sum(0)
        # The products of every weight's row with every row of the volume: those dy apart make up offset dy.
        by_row = pairs.view(n, n, rows, rows + n - 1)
        total = torch.zeros((n, n, n), dtype=FLOAT, device=self.volume.device)
        for row in range(rows):
            total += by_row[:, :, row, row : row + n].transpose(1, 2)
        return total.reshape(-1)

    def _gathered_sum(self, indices: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        total = torch.zeros(self.n_values, dtype=FLOAT, device=self.volume.device)
        for part, weight in zip(indices.split(4096), weights.split(4096), strict=True):
            total += weight.to(FLOAT) @ self.take(part)
        return total
