"""All N × N × N neighbourhoods of a volume, used without ever writing them out.

A neighbourhood written out costs N³ numbers per voxel; here each is only ever the argument of a correlation or of a weighted
sum, and both are matrix products on planes of the volume itself. Everything is in float64 (a float32 correlation would
move the few voxels that lie on the boundary between two clusters), on any torch device.
"""

from collections.abc import Iterator

import torch

FLOAT = torch.float64


class Neighbourhoods:
    """The neighbourhoods of a volume in raster order of their corners, values taken relative to `centre`.

    Parameters
    ----------
    volume
        float32 `[z, y, x]` on the device to compute on.
    size
        N, in voxels; no axis of the volume is shorter.
    centre
        What is subtracted from every value. It keeps sums of squares small and so exact; clusters do not depend on it.
    """

    def __init__(self, volume: torch.Tensor, size: int, centre: float) -> None:
        self.volume = volume
        self.size = size
        self.centre = centre
        self.shape = tuple(n - size + 1 for n in volume.shape)
        self.count = self.shape[0] * self.shape[1] * self.shape[2]
        self.n_values = size**3
        grid = torch.meshgrid(*[torch.arange(size, device=volume.device)] * 3, indexing="ij")
        self._offsets = self._position(*grid).reshape(-1)

    def slabs(self) -> Iterator[tuple[int, int]]:
        """First and last + 1 plane of neighbourhoods of successive slabs of about a million voxels."""
        planes = max(1, 1_000_000 // (self.shape[1] * self.shape[2]))
        for start in range(0, self.shape[0], planes):
            yield start, min(start + planes, self.shape[0])

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
        return self._correlate(start, stop, kernels, squared=False)

    def squares(self, start: int, stop: int) -> torch.Tensor:
        """Sums of squares of the neighbourhoods of planes [start, stop): float64 `[stop - start, y, x]`."""
        ones = torch.ones((1, *[self.size] * 3), dtype=FLOAT, device=self.volume.device)
        return self._correlate(start, stop, ones, squared=True)[0]

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
            return self._gathered_sum(chosen + start * self.shape[1] * self.shape[2], weights.reshape(-1)[chosen])
        return self._product_sum(start, stop, weights)

    def take(self, indices: torch.Tensor) -> torch.Tensor:
        """The neighbourhoods with these numbers (raster order of the corners), written out: float64 `[n, N³]`."""
        z, rest = indices // (self.shape[1] * self.shape[2]), indices % (self.shape[1] * self.shape[2])
        corners = self._position(z, rest // self.shape[2], rest % self.shape[2])
        return self.volume.reshape(-1)[corners[:, None] + self._offsets].to(FLOAT) - self.centre

    def _position(self, z: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return (z * self.volume.shape[1] + y) * self.volume.shape[2] + x

    def _blocks(self, plane: int, rows: int, squared: bool) -> torch.Tensor:
        """One plane of the volume as overlapping blocks: float64 `[blocks, rows + N - 1, x]`, a view that copies nothing.

        Block b holds what the neighbourhoods of rows b·rows … (b + 1)·rows − 1 see of this plane.
        """
        values = self.volume[plane].to(FLOAT) - self.centre
        if squared:
            values = values.square_()
        missing = -self.shape[1] % rows
        if missing:
            values = torch.nn.functional.pad(values, (0, 0, 0, missing))
        return values.unfold(0, rows + self.size - 1, rows).transpose(1, 2)

    def _correlate(self, start: int, stop: int, kernels: torch.Tensor, squared: bool) -> torch.Tensor:
        n, rows, (_, height, width) = self.size, max(4, self.size - 1), self.shape
        k = kernels.shape[0]
        # A correlation along y is a product with a band matrix; one matrix holds it for all kernels and all x offsets.
        band = torch.zeros((n, k, n, rows, rows + n - 1), dtype=FLOAT, device=self.volume.device)
        for row in range(rows):
            band[:, :, :, row, row : row + n] = kernels.permute(1, 0, 3, 2)
        band = band.reshape(n, k * n * rows, rows + n - 1)

        result = torch.empty((k, stop - start, height, width), dtype=FLOAT, device=self.volume.device)
        planes: dict[int, torch.Tensor] = {}
        for z in range(start, stop):
            planes = self._rolled(planes, z, rows, squared)
            total = torch.matmul(band[0], planes[z])
            for dz in range(1, n):
                total = torch.baddbmm(total, band[dz].expand(total.shape[0], -1, -1), planes[z + dz])
            parts = total.view(total.shape[0], k, n, rows, -1)
            out = parts[:, :, 0, :, :width].clone()
            for dx in range(1, n):
                out += parts[:, :, dx, :, dx : dx + width]
            result[:, z - start] = out.transpose(0, 1).reshape(k, -1, width)[:, :height]
        return result

    def _product_sum(self, start: int, stop: int, weights: torch.Tensor) -> torch.Tensor:
        n, rows, (_, height, width) = self.size, 2 * (self.size - 1), self.shape
        blocks = -(-height // rows)
        padded = torch.zeros((blocks * rows, width), dtype=FLOAT, device=self.volume.device)
        spread = torch.zeros((blocks, n, rows, self.volume.shape[2]), dtype=FLOAT, device=self.volume.device)
        pairs = torch.zeros((n, n * rows, rows + n - 1), dtype=FLOAT, device=self.volume.device)
        planes: dict[int, torch.Tensor] = {}
        for z in range(start, stop):
            planes = self._rolled(planes, z, rows, squared=False)
            padded[:height] = weights[z - start]
            for dx in range(n):
                spread[:, dx, :, dx : dx + width] = padded.view(blocks, rows, width)
            for dz in range(n):
                product = torch.bmm(spread.view(blocks, n * rows, -1), planes[z + dz].transpose(1, 2))
                pairs[dz] += product.sum(0)
        # Every product of a weight's row with a row of the volume is there; those `dy` apart belong to offset dy.
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

    def _rolled(self, planes: dict[int, torch.Tensor], z: int, rows: int, squared: bool) -> dict[int, torch.Tensor]:
        """The N planes that neighbourhoods of plane z see, keeping those already made."""
        return {p: planes[p] if p in planes else self._blocks(p, rows, squared) for p in range(z, z + self.size)}
