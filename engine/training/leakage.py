"""Whether validation sees what training saw: the same tomogram, or the same objects under another name.

A network is judged by tomograms that it has not seen. The example data of DeepFinder breaks that: all its validation
objects are among its training objects.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

SLICES = 12
NEAR = 1.0
"""Voxels within which two objects are the same."""

ROOM = 6.0
"""Pairs by chance in another tomogram: so many standard deviations above what even spread gives are no leak yet."""


@dataclass(frozen=True, eq=False)
class Member:
    """One tomogram of training or validation.

    Parameters
    ----------
    name
        Of the tomogram.
    path
        Its file, links resolved; None where it has none.
    fingerprint
        Of its voxels, as `fingerprint` gives it.
    shape
        (z, y, x).
    centres
        Objects, z, y, x in voxels, `[n, 3]`.
    """

    name: str
    path: Path | None
    fingerprint: str
    shape: tuple[int, int, int]
    centres: np.ndarray


def fingerprint(array: Any) -> str:
    """Tells volumes [z, y, x] apart by their shape and some slices, whatever their files are called.

    Numbers are compared as float32, so that a copy in another type is the same.
    """
    digest = hashlib.sha256(repr(tuple(int(n) for n in array.shape)).encode())
    for z in np.unique(np.linspace(0, array.shape[0] - 1, SLICES).round().astype(int)):
        digest.update(np.ascontiguousarray(np.asarray(array[int(z)]), dtype=np.float32).tobytes())
    return digest.hexdigest()


def find_leaks(training: Sequence[Member], validation: Sequence[Member]) -> list[str]:
    """Each leak as the part of a sentence; none where validation is new to the network.

    Found are: the same file, the same voxels, and objects of validation at the places (within a voxel) of objects of
    training in a tomogram of the same name or shape. In tomograms of the same shape and other names, as many as chance
    brings together do not count.
    """
    leaks = []
    for judged in validation:
        for trained in training:
            if judged.path is not None and judged.path == trained.path:
                leaks.append(f"the tomogram {judged.name} is in both training and validation")
            elif judged.fingerprint == trained.fingerprint:
                leaks.append(f"{judged.name} of validation has the same voxels as {trained.name} of training")
            if judged.shape != trained.shape and judged.name != trained.name:
                continue
            same = _same_places(judged.centres, trained.centres)
            if same > (0 if judged.name == trained.name else _by_chance(judged, trained)):
                leaks.append(
                    f"{same:,} of the {len(judged.centres):,} validation objects of {judged.name} are at the places of "
                    f"training objects of {trained.name}"
                )
    return leaks


def _same_places(validation: np.ndarray, training: np.ndarray) -> int:
    if not len(validation) or not len(training):
        return 0
    distance, _ = cKDTree(training).query(validation, distance_upper_bound=NEAR * (1 + 1e-9))
    return int(np.isfinite(distance).sum())


def _by_chance(one: Member, other: Member) -> float:
    expected = len(one.centres) * len(other.centres) * 4 / 3 * np.pi * NEAR**3 / float(np.prod(one.shape))
    return expected + ROOM * float(np.sqrt(expected)) + 2
