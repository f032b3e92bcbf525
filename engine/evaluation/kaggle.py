"""The score of the CZII challenge on Kaggle (2024): Fβ with β = 4 over pooled counts, weighted by class.

A reference counts as found when a prediction of its class lies within half its radius. False ones are all predictions
less the references found: duplicates cost, and a prediction within reach of two references finds both (the precision
of a class can then exceed 1; the challenge counts so too). Counts are pooled over tomograms.
"""

from collections.abc import Mapping

import numpy as np

from engine.evaluation.counts import NOTHING, Counts
from engine.evaluation.neighbours import Neighbours, Outcome, nearest_partners

MULTIPLIER = 0.5
RADII = {
    "apo-ferritin": 60.0,
    "beta-amylase": 65.0,
    "beta-galactosidase": 90.0,
    "ribosome": 150.0,
    "thyroglobulin": 130.0,
    "virus-like-particle": 135.0,
}
"""Å, of the challenge's six classes."""
WEIGHTS = {
    "apo-ferritin": 1.0,
    "beta-amylase": 0.0,
    "beta-galactosidase": 2.0,
    "ribosome": 1.0,
    "thyroglobulin": 2.0,
    "virus-like-particle": 1.0,
}
"""Of the challenge's six classes; any other class weighs 1."""


def judge(neighbours: Neighbours) -> Outcome:
    """Count references found within their reach; the nearest prediction of each is the one that counts as right."""
    near = neighbours.same_class()
    _, of_reference = nearest_partners(near)
    of_prediction = np.full(len(near.predicted_class), -1, dtype=np.int64)
    found = np.flatnonzero(of_reference >= 0)
    of_prediction[of_reference[found]] = found
    hits = np.bincount(near.reference_class[found], minlength=near.classes)
    predictions = np.bincount(near.predicted_class, minlength=near.classes)
    references = np.bincount(near.reference_class, minlength=near.classes)
    counts = [
        Counts(tp=int(t), fp=int(n - t), fn=int(m - t), correct=int(t))
        for t, n, m in zip(hits, predictions, references, strict=True)
    ]
    return Outcome(of_prediction, of_reference, counts, sum(counts, NOTHING))


def weighted_mean(scores: Mapping[str, float]) -> float:
    """The challenge's score: Σ weight × Fβ / Σ weight; a class whose F is unknown counts as 0, as there."""
    weights = {name: WEIGHTS.get(name, 1.0) for name in scores}
    total = sum(weights.values())
    if not total:
        return float("nan")
    return sum(weights[name] * (0.0 if np.isnan(f) else f) for name, f in scores.items()) / total
