"""The evaluator of DeepFinder 0.2: a reference is found only when exactly one prediction lies near it.

Matching does not look at classes. A reference with one prediction in reach is paired with it; one with none or with
several is missed, and those predictions are false unless another reference is paired with them. One prediction may
serve several references. Per class the pairs are then counted: a pair of different classes is a miss of the one and a
false pick of the other.
"""

import numpy as np

from engine.evaluation.counts import NOTHING, Counts
from engine.evaluation.neighbours import Neighbours, Outcome


def judge(neighbours: Neighbours) -> Outcome:
    """Score as DeepFinder's evaluator does."""
    classes = neighbours.classes
    near = np.bincount(neighbours.reference, minlength=len(neighbours.reference_class))
    alone = near[neighbours.reference] == 1
    prediction, reference = neighbours.prediction[alone], neighbours.reference[alone]
    said, true = neighbours.predicted_class[prediction], neighbours.reference_class[reference]
    right = said == true
    unpaired = np.ones(len(neighbours.predicted_class), dtype=bool)
    unpaired[prediction] = False
    tp = np.bincount(true[right], minlength=classes)
    fp = np.bincount(said[~right], minlength=classes)
    fp += np.bincount(neighbours.predicted_class[unpaired], minlength=classes)
    every = np.bincount(neighbours.reference_class, minlength=classes)
    counts = [
        Counts(tp=int(t), fp=int(f), fn=int(n - t), correct=int(t)) for t, f, n in zip(tp, fp, every, strict=True)
    ]
    of_reference = np.full(len(neighbours.reference_class), -1, dtype=np.int64)
    of_reference[reference[right]] = prediction[right]
    of_prediction = np.full(len(neighbours.predicted_class), -1, dtype=np.int64)
    of_prediction[prediction[right]] = reference[right]
    return Outcome(of_prediction, of_reference, counts, sum(counts, NOTHING))
