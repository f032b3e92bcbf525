"""How well objects are found on whole validation tomograms: what a training is for, where voxels only hint at it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from engine.instances import Candidates, FittedThreshold, Truth, fit_thresholds

FindObjects = Callable[[nn.Module, int], Candidates]
"""Given the network and the number of a validation tomogram: everything found in it, labels being channels, with
scores. Limits are not applied yet."""


@dataclass(frozen=True, eq=False)
class ObjectScores:
    """Object-level scores.

    Parameters
    ----------
    by_class
        Class name → its scores with the limits that suit it best.
    """

    by_class: Mapping[str, FittedThreshold]

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that the validation tomograms hold; 0 without any."""
        known = [fitted.f for fitted in self.by_class.values() if fitted.truths]
        return float(np.mean(known)) if known else 0.0

    def as_row(self) -> dict[str, float]:
        """For the history."""
        row = {"object_macro_f1": self.macro_f1}
        for name, fitted in self.by_class.items():
            row |= {
                f"object_precision:{name}": fitted.precision,
                f"object_recall:{name}": fitted.recall,
                f"object_f1:{name}": fitted.f,
                f"object_score:{name}": math.nan if fitted.score is None else fitted.score,
            }
        return row


def score_objects(
    network: nn.Module,
    find: FindObjects,
    truths: Sequence[Truth],
    reach: Mapping[int, float],
    names: Mapping[int, str],
) -> ObjectScores:
    """Find objects in each validation tomogram and match them one to one with the true ones.

    Each class is scored with the limits on score and size that give it the highest F1 there, so that epochs are
    compared by what a network can do and not by where its scores happen to lie. They are fitted and judged on the same
    tomograms: a figure to choose weights by, not one to publish.

    Parameters
    ----------
    network
        Set to predict.
    find
        See `FindObjects`.
    truths
        True objects of each validation tomogram, labels being channels.
    reach
        Channel → how far a find may be from the true object, voxels.
    names
        Channel → name of its class.

    Raises
    ------
    UserError
        What `find` raises; an object without a position.
    """
    found = [find(network, number) for number in range(len(truths))]
    fitted = fit_thresholds(found, truths, reach)
    return ObjectScores({names[channel]: limits for channel, limits in fitted.items()})
