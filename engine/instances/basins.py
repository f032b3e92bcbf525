"""Basins of a flooding that are too shallow to be particles of their own, merged with their neighbours."""

import numpy as np


def merge_shallow_basins(basins: np.ndarray, depth: np.ndarray, h: float) -> np.ndarray:
    """Merge every basin whose peak rises `h` or less above its highest pass to a basin with a higher peak.

    Passes are taken from the highest down. At each the side with the lower peak is the one that may end: h or less
    between its peak and the pass, and it joins the basin on the other side of that pass (of equal peaks the one
    that comes later in `basins` ends).

    Parameters
    ----------
    basins
        int32 `[z, y, x]`, 0 = none, numbered from 1 without gaps.
    depth
        Squared distance to the background `[z, y, x]`, in voxels².
    h
        In voxels.

    Returns
    -------
    ndarray
        int32 `[z, y, x]`, numbered from 1 by the first number each consists of.
    """
    count = int(basins.max(initial=0))
    if count < 2:
        return basins
    inside = basins > 0
    peak = np.zeros(count + 1)
    np.maximum.at(peak, basins[inside], depth[inside])
    heights = np.sqrt(peak).tolist()
    group = list(range(count + 1))  # which basins hang together above the pass at hand: points to the highest peak
    merged = list(range(count + 1))  # which basins are one in the result
    for one, other, height in zip(*_passes(basins, depth, count), strict=True):
        first, second = _root(group, one), _root(group, other)
        if first == second:
            continue
        if (heights[second], -second) > (heights[first], -first):
            first, second, one, other = second, first, other, one
        group[second] = first
        if heights[second] - height <= h:
            # Nothing on the lower side stands higher than its peak, so all of it is one basin by now.
            merged[_root(merged, other)] = _root(merged, one)
    final = np.array([_root(merged, number) for number in range(count + 1)])
    earliest = np.full(count + 1, count + 1)
    np.minimum.at(earliest, final, np.arange(count + 1))
    _, number = np.unique(earliest[final], return_inverse=True)
    return number.astype(np.int32)[basins]


def _passes(basins: np.ndarray, depth: np.ndarray, count: int) -> tuple[list[int], list[int], list[float]]:
    """Pairs of basins that touch, with the height of the highest pass between them, highest first."""
    keys, heights = [], []
    for axis in range(3):
        lower: list[slice] = [slice(None)] * 3
        upper: list[slice] = [slice(None)] * 3
        lower[axis], upper[axis] = slice(None, -1), slice(1, None)
        one, other = basins[tuple(lower)], basins[tuple(upper)]
        touching = (one != other) & (one > 0) & (other > 0)
        one, other = one[touching].astype(np.int64), other[touching].astype(np.int64)
        keys.append(np.minimum(one, other) * (count + 1) + np.maximum(one, other))
        heights.append(np.minimum(depth[tuple(lower)][touching], depth[tuple(upper)][touching]))
    key, height = np.concatenate(keys), np.concatenate(heights).astype(np.int64)
    order = np.lexsort((-height, key))
    key, height = key[order], height[order]
    first = np.ones(len(key), bool)
    first[1:] = key[1:] != key[:-1]
    key, height = key[first], height[first]
    order = np.lexsort((key, -height))
    key, height = key[order], height[order]
    return (key // (count + 1)).tolist(), (key % (count + 1)).tolist(), np.sqrt(height).tolist()


def _root(parent: list[int], number: int) -> int:
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = parent[number]
    return number
