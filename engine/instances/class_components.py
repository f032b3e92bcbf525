"""Objects as pieces of a label map that hang together, class by class; pieces of several particles are divided."""

from collections.abc import Callable, Mapping

import cc3d
import numpy as np

from engine.errors import UserError
from engine.instances.candidates import Candidates, nothing
from engine.instances.measures import Box, Instances, centroids
from engine.instances.score_maps import ScoreMaps, mean_scores, present_labels
from engine.instances.watersheds import h_maxima_watershed

SPLIT = 1.5
SHALLOWEST, NECK = 0.75, 0.15
"""A neck divides when it is thinner than both sides by this part of the class's radius, at least by so many voxels."""


def class_components(
    labels: np.ndarray,
    radii: Mapping[int, float],
    scores: ScoreMaps | None = None,
    split: float = SPLIT,
    progress: Callable[[float, str], None] | None = None,
) -> Candidates:
    """Take each group of voxels of one label that touch by their faces as an object; divide those that are too large.

    Parameters
    ----------
    labels
        Label map `[z, y, x]`.
    radii
        Label → radius of the class, voxels; other labels are left out.
    scores
        Score maps of the same shape; then an object's score is the mean over its voxels of its class's map.
    split
        A piece of more than so many times the voxels of a ball of the class's radius is divided at its necks (see
        `h_maxima_watershed`); 0 divides nothing.
    progress
        Called with (fraction, text).

    Returns
    -------
    Candidates
        By ascending label, then in raster order of their first voxels: the centre is the mean position of an object's
        voxels, the size is their number.

    Raises
    ------
    UserError
        A negative split, a radius that is not above 0, not a label map, or score maps of another shape.
    """
    if not 0 <= split < np.inf:
        raise UserError(f"Pieces are divided from {split:g} times a ball on: this must be above 0, or 0 for never.")
    for label, radius in radii.items():
        if not 0 < radius < np.inf:
            raise UserError(f"The radius of the class with label {label} is {radius:g} voxels: it must be above 0.")
    wanted = [label for label in present_labels(labels) if label in radii]
    if not wanted:
        return nothing()
    if progress is not None:
        progress(0.0, "numbering pieces")
    chosen = labels if len(wanted) == len(radii) == len(present_labels(labels)) else _only(labels, wanted)
    pieces = _pieces(chosen)
    found = centroids(pieces)
    classes = _classes(pieces, labels, found)
    if split:
        if progress is not None:
            progress(0.4, "dividing large pieces")
        limits = np.array([split * 4 / 3 * np.pi * radii[label] ** 3 for label in classes.tolist()])
        if (found.sizes > limits).any():
            _divide(pieces, found.where(found.sizes > limits), classes[found.sizes > limits], radii)
            found = centroids(pieces)
            classes = _classes(pieces, labels, found)
    # Numbers of pieces that were divided are gone: members are numbered anew, without gaps.
    order = np.lexsort((found.labels, classes))
    known = np.full(len(found), np.nan)
    if scores is not None:
        if progress is not None:
            progress(0.7, "averaging scores")
        number = np.zeros(int(found.labels.max()) + 1, np.int32)
        number[found.labels] = np.arange(1, len(found) + 1)
        known = mean_scores(scores, number[pieces], classes, found.sizes)
    return Candidates(classes, found.centroids, found.sizes, known).where(order)


def _only(labels: np.ndarray, wanted: list[int]) -> np.ndarray:
    return np.where(np.isin(labels, wanted), labels, 0)


def _pieces(labels: np.ndarray) -> np.ndarray:
    """Groups of touching voxels of one label, numbered from 1 in raster order; 0 where the label is 0 or less."""
    if labels.dtype.kind == "f":
        labels = labels.astype(np.int32)
    if labels.dtype.kind == "i":
        labels = np.maximum(labels, 0)
    return cc3d.connected_components(np.ascontiguousarray(labels), connectivity=6, out_dtype=np.uint32).view(np.int32)


def _classes(pieces: np.ndarray, labels: np.ndarray, found: Instances) -> np.ndarray:
    """The label of each piece, int64 `[n]`."""
    of_piece = np.zeros(int(found.labels.max(initial=0)) + 1, np.int64)
    for piece, plane in zip(pieces, labels, strict=True):
        inside = piece > 0
        of_piece[piece[inside]] = plane[inside]
    return of_piece[found.labels]


def _divide(pieces: np.ndarray, large: Instances, classes: np.ndarray, radii: Mapping[int, float]) -> None:
    """Give the parts of each large piece numbers of their own, above all others; the largest part keeps its number."""
    free = int(pieces.max()) + 1
    for label, box, number in zip(classes.tolist(), large.boxes, large.labels.tolist(), strict=True):
        around = _grown(box, pieces.shape)
        place = pieces[around]
        mask = place == number
        parts = h_maxima_watershed(mask, max(SHALLOWEST, NECK * radii[label]))
        count = int(parts.max())
        if count < 2:
            continue
        largest = int(np.bincount(parts.reshape(-1))[1:].argmax()) + 1
        renamed = np.zeros(count + 1, np.int32)
        others = [part for part in range(1, count + 1) if part != largest]
        renamed[others] = free + np.arange(count - 1)
        renamed[largest] = number
        place[mask] = renamed[parts[mask]]
        free += count - 1


def _grown(box: Box, shape: tuple[int, ...]) -> Box:
    """A box with one voxel more on every side, so that the background around it is seen."""
    z, y, x = (slice(max(0, s.start - 1), min(n, s.stop + 1)) for s, n in zip(box, shape, strict=True))
    return z, y, x
