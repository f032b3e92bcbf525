"""DeepFinder's own way of segmenting: small overlapping patches, of which the middle is kept, summed in half precision.

Kept for results that must equal the original's. Of a patch of P voxels 25 on each side are thrown away and the middles
are only P − 54 apart, so that most is computed several times (29 times at P = 80); `prediction` gives the scores of one
pass over the whole volume for a fraction of the work.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.errors import UserError
from engine.inference.normalisation import Normalisation
from engine.inference.prediction import NO_NUMBERS, Part, Progress, silent
from engine.inference.regions import Region, common, moved, read_mirrored, whole, within
from engine.inference.score_ring import ScoreRing

BORDER = 25
"""Voxels of zeros about the volume, and what is thrown away of each patch on each side."""

OVERLAP = 54
"""What neighbouring patches share: twice the border and 4 voxels more."""

MULTIPLE_OF = 4


def centres(length: int, patch: int) -> list[int]:
    """Centres of the patches along an axis, in voxels of the volume with its border of zeros.

    Every P − 54 voxels from P/2 on, and one at the far end where the last stops short of it. An axis of at most
    P − 50 voxels, which the original fails on, has one patch (the volume is padded to it by reflection).
    """
    half, last = patch // 2, length + 2 * BORDER - patch // 2
    if last <= half:
        return [half]
    found = list(range(half, last, patch - OVERLAP))
    return found if found[-1] >= last else [*found, last]


def count_patches(shape: Sequence[int], patch: int) -> int:
    """Patches for a volume of `shape`."""
    return int(np.prod([len(centres(int(n), patch)) for n in shape]))


def check_patch(patch: int) -> None:
    """Raise UserError for a patch that this tiling cannot use."""
    least = OVERLAP + 2
    if patch % MULTIPLE_OF or patch < least:
        raise UserError(
            f"A patch of {patch} voxels cannot be used in DeepFinder's tiling: give a multiple of {MULTIPLE_OF} from "
            f"{-(-least // MULTIPLE_OF) * MULTIPLE_OF} on, such as 80 or 160."
        )


def predict_compat(
    array: Any,
    network: nn.Module,
    normalisation: Normalisation,
    patch: int,
    *,
    box: Region | None = None,
    progress: Progress = silent,
) -> Iterator[Part]:
    """Scores of a volume as the original makes them.

    Scores of the middles are summed in float16 in order of z, y, x and divided by the number of patches that reach a
    voxel. Memory: classes · 2 bytes for P − 50 slices of the volume, and the network's work on one patch.

    Parameters
    ----------
    array
        [z, y, x], read patch by patch.
    network
        On the device to compute on, set to evaluate.
    normalisation
        The original's is that of the whole volume.
    patch
        P, a multiple of 4, at least 56.
    box
        Only this region of the volume; with the patches that the whole would have.
    progress
        Called with (fraction, text).

    Yields
    ------
    Part
        With float16 scores, ascending in z from even slices on; whole planes, or the box.

    Raises
    ------
    UserError
        A patch that cannot be used, a network that gives no numbers.
    """
    check_patch(patch)
    shape = tuple(int(n) for n in array.shape)
    kept = patch - 2 * BORDER
    padded = [max(n, kept) for n in shape]
    before = [(p - n) // 4 * 2 for p, n in zip(padded, shape, strict=True)]
    wanted = box if box is not None else whole(shape)
    inner = moved(wanted, before)
    # Starts of the middles in voxels of the padded volume; of all patches, as they count visits, and of those needed.
    starts = [[c - patch // 2 for c in centres(n, patch)] for n in padded]
    visits = [_visits(s, kept, n) for s, n in zip(starts, padded, strict=True)]
    needed = [[s for s in axis if s < w.stop and s + kept > w.start] for axis, w in zip(starts, inner, strict=True)]
    device = next(network.parameters()).device
    ring = ScoreRing(int(network.classes), kept + 1, (padded[1], padded[2]), np.float16)  # type: ignore[arg-type]
    ring.first = _even(needed[0][0])
    total, done = int(np.prod([len(n) for n in needed])), 0
    for number, z in enumerate(needed[0]):
        for y, x in itertools.product(needed[1], needed[2]):
            place = tuple(slice(s, s + kept) for s in (z, y, x))
            values = _patch(array, normalisation, place, padded, before)
            ring.add(place, _middle(network, values, device))
            done += 1
            progress(done / total, f"patch {done} of {total}")
        below = _even(needed[0][number + 1]) if number + 1 < len(needed[0]) else z + kept
        for first, sums in ring.finished(below):
            slices = slice(first, first + sums.shape[1])
            region = common((slices, *inner[1:]), inner)
            if region is None:
                continue
            local = within(region, (slices, slice(0, padded[1]), slice(0, padded[2])))
            count = np.einsum("i,j,k->ijk", *(v[s] for v, s in zip(visits, region, strict=True)))
            scores = sums[:, *local] / count.astype(np.float16)
            yield Part(moved(region, [-b for b in before]), torch.from_numpy(scores))


def _even(place: int) -> int:
    """Parts start at even voxels, so that binned maps can be made of each."""
    return place // 2 * 2


def _visits(starts: Sequence[int], kept: int, length: int) -> np.ndarray:
    found = np.zeros(length, np.int64)
    for start in starts:
        found[start : start + kept] += 1
    return found


def _patch(
    array: Any, normalisation: Normalisation, place: Region, padded: Sequence[int], before: Sequence[int]
) -> np.ndarray:
    """A patch about a middle: normalised values, and zeros beyond the padded volume."""
    wide = tuple(slice(s.start - BORDER, s.stop + BORDER) for s in place)
    values = np.zeros([s.stop - s.start for s in wide], np.float32)
    inside = common(wide, whole(padded))
    assert inside is not None  # every middle lies in the volume
    values[within(inside, wide)] = read_mirrored(array, moved(inside, [-b for b in before]), normalisation)
    return values


def _middle(network: nn.Module, values: np.ndarray, device: torch.device) -> np.ndarray:
    with torch.inference_mode():
        logits = network(torch.from_numpy(values).to(device)[None, None])[0]
        scores = torch.softmax(logits.float(), dim=0)[:, *(slice(BORDER, -BORDER),) * 3]
        if not torch.isfinite(scores).all():
            raise UserError(NO_NUMBERS)
        return scores.cpu().numpy()
