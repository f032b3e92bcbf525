"""A volume seen with other voxels: read where it is sliced, so that a model meets the voxel size it was trained with.

Going to coarser voxels averages, going to finer ones interpolates linearly. Voxel i of the volume covers the same place
as voxel (i + 0.5)·f − 0.5 of the resampled one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.inference.interpolation import linear_weights, weighted
from engine.inference.regions import Region, Shape


class Resampled:
    """A volume with another number of voxels in the same place; slices like an array [z, y, x].

    Parameters
    ----------
    array
        [z, y, x].
    factors
        New voxels per old one along z, y, x: old voxel size divided by the new one.
    """

    def __init__(self, array: Any, factors: Sequence[float]) -> None:
        self._array = array
        self.factors = tuple(float(f) for f in factors)
        z, y, x = (max(round(int(n) * f), 1) for n, f in zip(array.shape, self.factors, strict=True))
        self.shape: Shape = (z, y, x)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: slice | tuple[slice, ...]) -> np.ndarray:
        slices = key if isinstance(key, tuple) else (key,)
        slices = (*slices, *(slice(None),) * (3 - len(slices)))
        places, matrices = [], []
        for s, n, old, factor in zip(slices, self.shape, self._array.shape, self.factors, strict=True):
            start, stop, _ = s.indices(n)
            centres = (np.arange(start, stop) + 0.5) / factor - 0.5
            first, matrix = linear_weights(centres, int(old), max(1 / factor, 1.0))
            places.append(slice(first, first + matrix.shape[1]))
            matrices.append(matrix)
        return weighted(np.asarray(self._array[tuple(places)]), matrices)

    def back(self, region: Region, shape: Sequence[int]) -> tuple[Region, tuple[np.ndarray, ...]]:
        """Which voxels of the original volume have their centre in `region` of this one.

        Parameters
        ----------
        region
            Of the resampled volume.
        shape
            Of the original one.

        Returns
        -------
        region, places
            Of the original volume (may be empty), and per axis the voxel within `region` that each of them takes.
            Regions that cover this volume once give regions that cover the original once.
        """
        regions, places = [], []
        for s, n, length, factor in zip(region, self.shape, shape, self.factors, strict=True):
            nearest = np.clip(np.floor((np.arange(int(length)) + 0.5) * factor).astype(int), 0, n - 1)
            inside = np.flatnonzero((nearest >= s.start) & (nearest < s.stop))
            first = int(inside[0]) if len(inside) else 0
            regions.append(slice(first, first + len(inside)))
            places.append(nearest[inside] - s.start)
        return tuple(regions), tuple(places)
