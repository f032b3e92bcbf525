"""DeepFinder's cluster step: the voxels of a label map gathered by mean shift; and the same for each class alone.

Described from the behaviour of DeepFinder 0.2. Its defect that a class absent from the label map makes every higher one
class 1 is not reproduced.
"""

from collections.abc import Callable, Mapping

import numpy as np

from engine.instances.candidates import Candidates, nothing, together
from engine.instances.mean_shift import check_bandwidth, mean_shift
from engine.instances.score_maps import ScoreMaps, mean_scores, present_labels

Progress = Callable[[float, str], None]


def deepfinder_clusters(labels: np.ndarray, radius: float, scores: ScoreMaps | None = None) -> Candidates:
    """Gather all voxels above 0 by mean shift, whatever their class; the most frequent label is each cluster's class.

    Parameters
    ----------
    labels
        Label map `[z, y, x]`; labels below 0 do not count.
    radius
        Of the ball of mean shift, voxels; DeepFinder's default is 5.
    scores
        Score maps of the same shape; then a cluster's score is the mean over its voxels of its class's map.

    Returns
    -------
    Candidates
        In DeepFinder's order, densest first: the centre is where the ball came to rest, the size is the number of
        voxels that lie nearest to it. Of labels equally frequent the lowest is taken. Empty where no voxel is above 0.

    Raises
    ------
    UserError
        The radius is not above 0, not a label map, or score maps of another shape.
    """
    check_bandwidth(radius)
    if not present_labels(labels):
        return nothing()
    clusters, centres = mean_shift(labels > 0, radius)
    classes, sizes = majority_labels(clusters, labels, len(centres))
    known = _scores(scores, clusters, classes, sizes)
    return Candidates(classes, centres, sizes, known)


def class_clusters(
    labels: np.ndarray,
    bandwidths: Mapping[int, float],
    scores: ScoreMaps | None = None,
    progress: Progress | None = None,
) -> Candidates:
    """Gather the voxels of each class by a mean shift of its own, so that neighbours of another class stay apart.

    Parameters
    ----------
    labels
        Label map `[z, y, x]`.
    bandwidths
        Label → radius of the ball, voxels; other labels are left out.
    scores
        As for `deepfinder_clusters`.
    progress
        Called with (fraction, text).

    Returns
    -------
    Candidates
        By ascending label, the densest of each class first; centre and size as of `deepfinder_clusters`.

    Raises
    ------
    UserError
        As `deepfinder_clusters`.
    """
    for bandwidth in bandwidths.values():
        check_bandwidth(bandwidth)
    parts = []
    present = [label for label in present_labels(labels) if label in bandwidths]
    for number, label in enumerate(present):
        if progress is not None:
            progress(number / len(present), f"gathering voxels of class {label}")
        clusters, centres = mean_shift(labels == label, bandwidths[label])
        sizes = np.bincount(clusters.reshape(-1), minlength=len(centres) + 1)[1:]
        classes = np.full(len(centres), label, np.int64)
        parts.append(Candidates(classes, centres, sizes, _scores(scores, clusters, classes, sizes)))
    return together(parts)


def majority_labels(clusters: np.ndarray, labels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The most frequent label of each cluster, the lowest of equals, and its voxels.

    Parameters
    ----------
    clusters
        int32 `[z, y, x]`: 0 = none, else 1 … count.
    labels
        Label map of the same shape, above 0 in every cluster.
    count
        How many clusters there are.

    Returns
    -------
    classes, sizes : ndarray
        int64 `[n]`.
    """
    inside = clusters > 0
    number = clusters[inside].astype(np.int64) - 1
    present, which = np.unique(labels[inside], return_inverse=True)
    votes = np.bincount(number * len(present) + which, minlength=count * len(present)).reshape(count, len(present))
    return present[votes.argmax(axis=1)].astype(np.int64), votes.sum(axis=1)


def _scores(scores: ScoreMaps | None, clusters: np.ndarray, classes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    if scores is None:
        return np.full(len(classes), np.nan)
    return mean_scores(scores, clusters, classes, sizes)
