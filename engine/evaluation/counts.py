"""What was found and what was not, as counts; precision, recall and F from them."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Counts:
    """Counts of one class, or of all together; they add up over classes and tomograms.

    Attributes
    ----------
    tp
        References that count as found.
    fp
        Predictions that count as false. Below zero where a rule lets one prediction find several references
        (see `engine.evaluation.kaggle`).
    fn
        References that count as missed.
    correct
        Predictions that count as right: `tp` in every rule but PickET's, where duplicates count.
    """

    tp: int
    fp: int
    fn: int
    correct: int

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.correct + other.correct)

    @property
    def precision(self) -> float:
        """Right ones among the predictions; NaN without predictions."""
        return self.correct / (self.correct + self.fp) if self.correct + self.fp else math.nan

    @property
    def recall(self) -> float:
        """Found ones among the references; NaN without references."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else math.nan

    def f_score(self, beta: float = 1.0) -> float:
        """(1 + β²) P R / (β² P + R); 0 where either side is empty or nothing fits, NaN where both are empty."""
        if self.correct + self.fp == 0 and self.tp + self.fn == 0:
            return math.nan
        return f_score(self.precision, self.recall, beta)


NOTHING = Counts(0, 0, 0, 0)


def f_score(precision: float, recall: float, beta: float = 1.0) -> float:
    """(1 + β²) P R / (β² P + R), van Rijsbergen's F; 0 where P or R is 0 or unknown."""
    if not (precision > 0 and recall > 0):
        return 0.0
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def counts_by_class(
    classes: int, predicted_class: np.ndarray, reference_class: np.ndarray, correct: np.ndarray, found: np.ndarray
) -> list[Counts]:
    """Counts per class from what is right and what is found.

    Parameters
    ----------
    classes
        How many there are.
    predicted_class, reference_class
        Class numbers 0 … classes − 1 of the predictions [n] and references [m].
    correct, found
        Truth values [n] and [m].
    """
    every_prediction = np.bincount(predicted_class, minlength=classes)
    every_reference = np.bincount(reference_class, minlength=classes)
    right = np.bincount(predicted_class[correct], minlength=classes)
    seen = np.bincount(reference_class[found], minlength=classes)
    return [
        Counts(tp=int(seen[c]), fp=int(every_prediction[c] - right[c]), fn=int(n - seen[c]), correct=int(right[c]))
        for c, n in enumerate(every_reference)
    ]
