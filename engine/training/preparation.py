"""What must be known of targets before training: which labels they hold, and places to cut patches about.

They are read slab by slab. Statistics of tomograms are those of `engine.inference.normalisation`, so that a network
sees in use what it saw in training.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.errors import UserError
from engine.training.sampling import Places
from engine.volumes import slabs


def label_counts(array: Any, name: str) -> dict[int, int]:
    """Label → voxels of a target [z, y, x].

    Raises
    ------
    UserError
        Values that are no labels: negative, fractions, above 65,535.
    """
    counts = np.zeros(65536, dtype=np.int64)
    for slab in slabs(array.shape, 8):
        piece = np.asarray(array[slab])
        low, high = piece.min(), piece.max()
        whole = piece.dtype.kind in "iub" or bool((piece == np.floor(piece)).all())
        if not (low >= 0 and high <= 65535 and whole):  # False for not-a-number too
            raise UserError(
                f"The target {name} holds values from {low:g} to {high:g}: a target is a label map of whole numbers "
                "from 0 to 65,535."
            )
        counts += np.bincount(piece.ravel().astype(np.int64), minlength=65536)
    return {int(label): int(counts[label]) for label in np.flatnonzero(counts)}


def channel_lookup(labels: Sequence[int]) -> np.ndarray:
    """Label → channel as an array, `labels` being those of the classes in the order of their channels from 1 on."""
    table = np.zeros(max(labels, default=0) + 1, dtype=np.int64)
    table[list(labels)] = np.arange(1, len(labels) + 1)
    return table


def places_in_target(array: Any, labels: Sequence[int], most: int, generator: np.random.Generator) -> dict[int, Any]:
    """Voxels of each label, evenly drawn: what patches are cut about where no object list says it.

    Parameters
    ----------
    array
        The target [z, y, x].
    labels
        Which.
    most
        Voxels for each label; fewer where there are no more.
    generator
        Of the choice.

    Returns
    -------
    dict
        Label → positions z, y, x, float `[n, 3]`; labels without a voxel are left out.
    """
    kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for slab in slabs(array.shape, 8):
        piece = np.asarray(array[slab])
        for label in labels:
            where = np.flatnonzero(piece.ravel() == label)
            if not len(where):
                continue
            # Every voxel draws a number, and those with the lowest are kept: an even choice without knowing the count.
            drawn = generator.random(len(where))
            if len(where) > most:
                lowest = np.argpartition(drawn, most)[:most]
                where, drawn = where[lowest], drawn[lowest]
            voxels = np.stack(np.unravel_index(where, piece.shape), axis=1)
            voxels[:, 0] += slab.start
            if label in kept:
                voxels = np.concatenate([kept[label][0], voxels])
                drawn = np.concatenate([kept[label][1], drawn])
            order = np.argsort(drawn)[:most]
            kept[label] = (voxels[order], drawn[order])
    return {label: voxels.astype(np.float64) for label, (voxels, _) in kept.items()}


def joined(parts: Mapping[int, Sequence[tuple[int, np.ndarray]]]) -> Places:
    """Places of several tomograms: tomogram → (channel, positions `[n, 3]`) in any order."""
    rows = [(tomogram, channel, centres) for tomogram, found in parts.items() for channel, centres in found]
    if not rows:
        return Places(np.empty(0, np.int64), np.empty((0, 3)), np.empty(0, np.int64))
    lengths = [len(centres) for _, _, centres in rows]
    return Places(
        np.repeat([tomogram for tomogram, _, _ in rows], lengths),
        np.concatenate([centres for _, _, centres in rows]).reshape(-1, 3),
        np.repeat([channel for _, channel, _ in rows], lengths),
    )
