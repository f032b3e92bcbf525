"""Sums of scores for the slices of a volume that are not finished yet: a window that moves along z."""

from collections.abc import Iterator

import numpy as np

from engine.inference.regions import Region

SLICES = 16
"""Taken at a time; even, so that binned maps can be made part by part."""


class ScoreRing:
    """Scores [classes, z, y, x] summed over overlapping tiles that come in order of z.

    Memory: classes · depth · y · x values, whatever the length of the volume.

    Parameters
    ----------
    classes, depth, plane
        Of the window; `depth` slices are the most that tiles of one row cover.
    dtype
        Of the sums.
    """

    def __init__(self, classes: int, depth: int, plane: tuple[int, int], dtype: type) -> None:
        self.sums: np.ndarray = np.zeros((classes, depth, *plane), dtype)
        self.first = 0

    def add(self, region: Region, scores: np.ndarray) -> None:
        """Add scores [classes, z, y, x] at `region`, which lies within the window."""
        z, y, x = region
        self.sums[:, z.start - self.first : z.stop - self.first, y, x] += scores

    def finished(self, below: int) -> Iterator[tuple[int, np.ndarray]]:
        """Take the slices below `below` out of the window, a few at a time: the first of them, and their sums.

        Each is valid until the next is taken. All must be taken before anything is added.
        """
        depth = self.sums.shape[1]
        count = min(below - self.first, depth)
        for start in range(0, count, SLICES):
            yield self.first + start, self.sums[:, start : min(start + SLICES, count)]
        for start in range(0, depth - count, max(count, 1)):  # piece by piece, so that none overwrites itself
            stop = min(start + count, depth - count)
            self.sums[:, start:stop] = self.sums[:, start + count : stop + count]
        self.sums[:, depth - count :] = 0
        self.first += count
