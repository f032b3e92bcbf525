"""Touching particles divided where the density fades between them and the mask is not wide.

A mask alone shows where it has necks; between small particles close together it often has none, while the density
fades; inside a large particle the density has dips, but the mask is wide there. `divide_at_dips` uses both.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed as flood

from engine.errors import UserError
from engine.instances.distances import squared_distance
from engine.instances.masks import connected_components

STEP = 1e-3
"""The landscape is flooded in whole steps of so many noise units, so that equal heights are equal numbers."""
HIGHEST = 65_000


@dataclass(frozen=True)
class Landscape:
    """A mask flooded from every maximum of darkness + depth, with the passes between the basins.

    Parameters
    ----------
    basins
        int32 `[z, y, x]`: 0 outside the mask, basins numbered from 1 without gaps.
    tops
        Height of each basin's maximum, noise units, float64 `[n + 1]`, the first for 0.
    depths
        Greatest distance to the background in each basin, voxels, float64 `[n + 1]`.
    pairs
        Basins that touch, int64 `[k, 2]`, by descending height of their pass.
    passes
        Height of the highest pass between each pair, float64 `[k]`.
    necks
        Greatest distance to the background on each pair's boundary, voxels, float64 `[k]`.
    """

    basins: np.ndarray
    tops: np.ndarray
    depths: np.ndarray
    pairs: np.ndarray
    passes: np.ndarray
    necks: np.ndarray


def divide_at_dips(mask: np.ndarray, darkness: np.ndarray, dip: float = 3.0, widest_neck: float = np.inf) -> np.ndarray:
    """Divide a mask between dark spots, but nowhere where it is wider than a particle.

    The landscape that is flooded is darkness (noise units) plus depth in the mask (voxels). Basins start at its maxima;
    then, from the highest pass down, two are merged when the lower maximum rises `dip` or less above the pass (its
    dynamics: Grimaud, Proc. SPIE 1769, 1992) or when their boundary reaches places deeper than `widest_neck`.

    Parameters
    ----------
    mask
        bool `[z, y, x]`.
    darkness
        float `[z, y, x]`, see `engine.instances.darkness`.
    dip
        Noise units, 0 or more; 3 is what noise alone rarely reaches.
    widest_neck
        Voxels, above 0: half the greatest width of a boundary between two particles.

    Returns
    -------
    ndarray
        int32 `[z, y, x]`: 0 outside, pieces numbered from 1.

    Raises
    ------
    UserError
        Different shapes, a negative dip, or a neck of no width.
    """
    return merge_basins(landscape(mask, darkness), dip, widest_neck)


def landscape(mask: np.ndarray, darkness: np.ndarray) -> Landscape:
    """Flood a mask and measure the passes between its basins; see `divide_at_dips`."""
    if mask.shape != darkness.shape:
        one, other = (" × ".join(str(n) for n in shape) for shape in (mask.shape, darkness.shape))
        raise UserError(f"The mask has {one} voxels, the darkness {other}: give both of the same place.")
    depth = squared_distance(mask)
    height = np.sqrt(depth, dtype=np.float32)
    height += darkness
    lowest = float(height[mask].min(initial=0.0))
    height -= np.float32(lowest)
    height /= np.float32(STEP)
    steps = np.clip(np.rint(height, out=height), 0, HIGHEST - 1, out=height).astype(np.uint16)
    steps += 1
    steps[~mask] = 0
    tops = mask.copy()
    for axis in range(3):  # neighbours by faces only, as in the flooding, so that nothing is left without a top
        tops &= steps == ndimage.maximum_filter1d(steps, 3, axis)
    basins = flood(HIGHEST - steps, connected_components(tops), mask=mask).astype(np.int32, copy=False)
    count = int(basins.max(initial=0))
    inside = basins > 0
    highest, deepest = np.zeros(count + 1), np.zeros(count + 1)
    np.maximum.at(highest, basins[inside], steps[inside])
    np.maximum.at(deepest, basins[inside], depth[inside])
    pairs, passes, necks = _passes(basins, steps, depth)
    return Landscape(basins, highest * STEP, np.sqrt(deepest), pairs, passes * STEP, np.sqrt(necks))


def merge_basins(found: Landscape, dip: float, widest_neck: float = np.inf) -> np.ndarray:
    """Merge the basins of a landscape that no dip or neck divides; see `divide_at_dips`."""
    if not dip >= 0:
        raise UserError(f"The dip between two particles is {dip:g} noise units: it must not be negative.")
    if not widest_neck > 0:
        raise UserError(f"The widest neck is {widest_neck:g} voxels: it must be above 0.")
    count = len(found.tops) - 1
    tops = found.tops.tolist()
    group = list(range(count + 1))  # what hangs together above the pass at hand: points to its highest basin
    merged = list(range(count + 1))  # what is one piece in the result
    passes, necks = found.passes.tolist(), found.necks.tolist()
    for (one, other), height, neck in zip(found.pairs.tolist(), passes, necks, strict=True):
        first, second = _root(group, one), _root(group, other)
        if first == second:
            continue
        if (tops[second], -second) > (tops[first], -first):
            first, second, one, other = second, first, other, one
        group[second] = first
        if tops[second] - height <= dip or neck >= widest_neck:
            merged[_root(merged, other)] = _root(merged, one)
    roots = np.array([_root(merged, number) for number in range(count + 1)])
    _, number = np.unique(roots, return_inverse=True)
    return number.astype(np.int32)[found.basins]


def _passes(basins: np.ndarray, height: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of touching basins, highest pass first: pairs `[k, 2]`, height of the pass, squared depth there."""
    count = int(basins.max(initial=0)) + 1
    keys, heights, depths = [], [], []
    for axis in range(3):
        lower = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        upper = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        one, other = basins[lower], basins[upper]
        touching = (one != other) & (one > 0) & (other > 0)
        a, b = one[touching].astype(np.int64), other[touching].astype(np.int64)
        keys.append(np.minimum(a, b) * count + np.maximum(a, b))
        heights.append(np.minimum(height[lower][touching], height[upper][touching]))
        depths.append(np.minimum(depth[lower][touching], depth[upper][touching]))
    key, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    highest, deepest = np.zeros(len(key)), np.zeros(len(key))
    np.maximum.at(highest, inverse, np.concatenate(heights))
    np.maximum.at(deepest, inverse, np.concatenate(depths))
    order = np.lexsort((key, -highest))
    return np.stack([key // count, key % count], axis=1)[order], highest[order], deepest[order]


def _root(parent: list[int], number: int) -> int:
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = parent[number]
    return number
