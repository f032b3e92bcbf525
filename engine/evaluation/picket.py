"""PickET's evaluation, for numbers that compare with those published for it.

Behaviour of `centroid_assessment` and `particle_wise_recall` of PickET 0.1.0, from their description: classes are
ignored; the distance becomes whole voxels; a prediction is right when any reference is in range, so that duplicates
are rewarded; a reference is found when any prediction is in range. Random points are drawn as PickET draws them.
"""

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from engine.evaluation.counts import NOTHING, counts_by_class, f_score
from engine.evaluation.neighbours import Neighbours, Outcome, nearest_partners

SEED = 42
TOO_MANY = 1_000_000
"""PickET gives no scores for so many predictions."""


def judge(neighbours: Neighbours) -> Outcome:
    """A prediction is right and a reference is found when the other side has anything of equal class in range."""
    near = neighbours.same_class()
    of_prediction, of_reference = nearest_partners(near)
    counts = counts_by_class(
        near.classes, near.predicted_class, near.reference_class, of_prediction >= 0, of_reference >= 0
    )
    return Outcome(of_prediction, of_reference, counts, sum(counts, NOTHING))


def whole_voxels(distance: float, voxel_size: tuple[float, float, float]) -> int:
    """A distance (Å) in voxels of the largest edge (Å), rounded to whole ones, halves to the even one."""
    return int(np.rint(distance / max(voxel_size)))


def random_points(shape: tuple[int, int, int], count: int, seed: int = SEED) -> np.ndarray:
    """Whole random voxels [count, 3] as z, y, x in a volume of `shape` (z, y, x): NumPy's older generator, cut."""
    return np.random.RandomState(seed).uniform(0, shape, size=(count, 3)).astype(np.int64)


def relative_recall(recall: float, random_recall: float) -> float:
    """Harmonic mean of the recall and of what as many random points (MDR) do not find."""
    return f_score(recall, 1 - random_recall)


def normalised_recall(recall: np.ndarray, random_recall: np.ndarray) -> float:
    """Mean over tomograms of recall / (random recall + 1e-8), as `particle_wise_recall` gives it."""
    known = np.isfinite(recall)
    return float(np.mean(recall[known] / (random_recall[known] + 1e-8))) if known.any() else float("nan")


def assess(truths: np.ndarray, predictions: np.ndarray, reach: int, shape: tuple[int, int, int]) -> dict[str, float]:
    """Assess one tomogram.

    Parameters
    ----------
    truths, predictions
        Centres in voxels [m, 3], [n, 3] as z, y, x.
    reach
        Whole voxels, included.
    shape
        Of the tomogram, (z, y, x): random points are drawn in the whole of it.

    Returns
    -------
    dict
        precision, recall, f1; the same with `gtr_` for as many random points as truths and with `mdr_` for as many
        as predictions; relative_recall. All NaN without truths, without predictions, or from a million predictions.
    """
    kinds = {
        "": predictions,
        "gtr_": random_points(shape, len(truths)),
        "mdr_": random_points(shape, len(predictions)),
    }
    names = [kind + score for kind in kinds for score in ("precision", "recall", "f1")]
    if not len(truths) or not 0 < len(predictions) < TOO_MANY:
        return dict.fromkeys([*names, "relative_recall"], float("nan"))
    scores: dict[str, float] = {}
    for kind, points in kinds.items():
        precision, recall = _in_range(points, truths, reach), _in_range(truths, points, reach)
        scores |= {
            f"{kind}precision": precision,
            f"{kind}recall": recall,
            f"{kind}f1": f_score(precision, recall),
        }
    scores["relative_recall"] = relative_recall(scores["recall"], scores["mdr_recall"])
    return scores


def mean_over_tomograms(assessed: pd.DataFrame) -> dict[str, float]:
    """The mean of each score over the tomograms that have it."""
    return {str(name): float(assessed[name].mean()) for name in assessed.columns if assessed[name].dtype.kind == "f"}


def _in_range(points: np.ndarray, others: np.ndarray, reach: int) -> float:
    distance, _ = cKDTree(others).query(points)
    return float(np.mean(distance <= reach))
