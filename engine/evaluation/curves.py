"""Scores against the distance, and against the threshold on the predictions' score."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from engine.evaluation.random_baseline import random_points
from engine.evaluation.scenes import Settings, at_distance, prepare
from engine.evaluation.scoring import mean_and_spread, score_row
from engine.objects import ObjectTable

STEPS = 24
CURVE_REPEATS = 5
THRESHOLDS = 60


def distance_curve(
    prediction: ObjectTable,
    reference: ObjectTable,
    settings: Settings,
    distances: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Precision, recall and F against the distance within which a reference counts as found.

    Parameters
    ----------
    prediction, reference, settings
        As for `evaluate`; class radii do not count here.
    distances
        Å; None = `STEPS` equal steps to twice the distance of the settings.

    Returns
    -------
    DataFrame
        One row per distance: distance, precision, recall, f1, f_beta, and mean and spread of each for random points
        (at most `CURVE_REPEATS` draws), named as in `Evaluation.scores`.
    """
    if distances is None:
        distances = np.linspace(0, 2 * settings.distance, STEPS + 1)[1:].tolist()
    if not distances:
        return pd.DataFrame(columns=["distance"])
    few = replace(settings, repeats=min(settings.repeats, CURVE_REPEATS))
    scene = at_distance(prepare(prediction, reference, few), max(distances))
    # Pairs are searched for once, at the largest distance; the smaller ones are parts of them.
    near = scene.neighbours()
    drawn = [scene.neighbours(predicted=points) for points in random_points(scene)]
    rows = []
    for distance in distances:
        reach = scene.in_unit(np.full(len(scene.references), distance))
        counts = scene.judge(near.within(reach)).overall
        chance = [scene.judge(each.within(reach)).overall for each in drawn]
        rows.append({"distance": distance} | score_row(counts, settings.beta) | mean_and_spread(chance, settings.beta))
    return pd.DataFrame(rows)


def precision_recall_curve(prediction: ObjectTable, reference: ObjectTable, settings: Settings) -> pd.DataFrame:
    """Precision and recall when only predictions from a least score on are kept.

    Parameters
    ----------
    prediction, reference, settings
        As for `evaluate`. Predictions without a score are kept from the lowest threshold on only.

    Returns
    -------
    DataFrame
        One row per threshold, from the highest to the lowest (at most `THRESHOLDS`, spread evenly over the
        predictions): threshold, predictions, precision, recall, f1, f_beta. Empty when no prediction has a score.
    """
    scene = prepare(prediction, reference, settings)
    score = scene.predictions["score"].to_numpy(dtype=np.float64)
    known = np.isfinite(score)
    columns = ["threshold", "predictions", "precision", "recall", "f1", "f_beta"]
    if not known.any():
        return pd.DataFrame(columns=columns, dtype=np.float64)
    levels = np.unique(score[known])[::-1]
    if len(levels) > THRESHOLDS:
        ranked = np.sort(score[known])[::-1]
        levels = np.unique(ranked[np.linspace(0, len(ranked) - 1, THRESHOLDS).round().astype(int)])[::-1]
    near = scene.neighbours()
    rows = []
    for level in levels:
        kept = score >= level if level > levels[-1] else (score >= level) | ~known
        counts = scene.judge(near.of_predictions(kept)).overall
        rows.append({"threshold": float(level), "predictions": int(kept.sum())} | score_row(counts, settings.beta))
    return pd.DataFrame(rows, columns=columns)


def average_precision(curve: pd.DataFrame) -> float:
    """Area under the steps of a precision-recall curve: Σ (Rᵢ − Rᵢ₋₁) Pᵢ; NaN for an empty one."""
    if not len(curve):
        return float("nan")
    recall, precision = curve["recall"].to_numpy(), curve["precision"].to_numpy()
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))
