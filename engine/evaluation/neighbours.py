"""Which predictions lie near which references: what every matching rule starts from."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from engine.errors import UserError
from engine.evaluation.counts import Counts

MOST_PAIRS = 50_000_000
"""About 1.5 GB; a distance that gives more is larger than any particle."""

ROUNDING = 1e-9
"""A distance counts as within the reach up to this part of it, so that 6 × 7.84 Å is within 6 voxels of 7.84 Å."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Predictions, references, and the pairs of them that lie within reach of each other.

    Attributes
    ----------
    classes
        How many classes there are.
    predicted_class, reference_class
        Class numbers [n], [m]; all 0 where classes do not count.
    prediction, reference, distance
        One entry per pair, the nearest first; ties in the order of references, then predictions.
    """

    classes: int
    predicted_class: np.ndarray
    reference_class: np.ndarray
    prediction: np.ndarray
    reference: np.ndarray
    distance: np.ndarray

    def pairs(self, chosen: np.ndarray) -> "Neighbours":
        """The same with only the chosen pairs (a mask or indices in order)."""
        return replace(
            self,
            prediction=self.prediction[chosen],
            reference=self.reference[chosen],
            distance=self.distance[chosen],
        )

    def same_class(self) -> "Neighbours":
        """Only pairs of equal class."""
        return self.pairs(self.predicted_class[self.prediction] == self.reference_class[self.reference])

    def within(self, reach: np.ndarray) -> "Neighbours":
        """Only pairs within the reach of their reference, [m]; not more than was searched for."""
        return self.pairs(self.distance <= reach[self.reference] * (1 + ROUNDING))

    def of_predictions(self, kept: np.ndarray) -> "Neighbours":
        """The same with only some predictions (mask [n]), numbered anew in their order."""
        number = np.cumsum(kept) - 1
        part = self.pairs(kept[self.prediction])
        return replace(part, predicted_class=self.predicted_class[kept], prediction=number[part.prediction])


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a matching rule says.

    Attributes
    ----------
    partner_of_prediction
        [n] the reference for which each prediction counts as right, −1 = it is a false pick.
    partner_of_reference
        [m] the prediction by which each reference counts as found, −1 = it is missed.
    by_class
        Counts of each class.
    overall
        Counts of all together, as the rule pools them.
    """

    partner_of_prediction: np.ndarray
    partner_of_reference: np.ndarray
    by_class: list[Counts]
    overall: Counts


def find_neighbours(
    predictions: np.ndarray,
    references: np.ndarray,
    reach: np.ndarray,
    predicted_class: np.ndarray,
    reference_class: np.ndarray,
    classes: int,
) -> Neighbours:
    """All pairs within reach, with a k-d tree.

    Parameters
    ----------
    predictions, references
        Positions [n, d], [m, d]; any unit and dimension.
    reach
        Largest distance to each reference [m], same unit.
    predicted_class, reference_class, classes
        See `Neighbours`.

    Raises
    ------
    UserError
        The reach is so large that nearly everything is near everything.
    """
    none = np.zeros(0, dtype=np.int64)
    empty = Neighbours(classes, predicted_class, reference_class, none, none, np.zeros(0))
    if not len(predictions) or not len(references):
        return empty
    farthest = float(reach.max()) * (1 + ROUNDING)
    one, other = cKDTree(predictions), cKDTree(references)
    if len(predictions) * len(references) > MOST_PAIRS and one.count_neighbors(other, farthest) > MOST_PAIRS:
        raise UserError(
            f"Within a distance of {reach.max():g}, {len(predictions):,} predictions and {len(references):,} "
            f"references make more than {MOST_PAIRS:,} pairs: give a smaller distance."
        )
    pairs = one.sparse_distance_matrix(other, farthest, output_type="ndarray")
    order = np.lexsort((pairs["i"], pairs["j"], pairs["v"]))
    pairs = pairs[order]
    found = replace(
        empty,
        prediction=pairs["i"].astype(np.int64),
        reference=pairs["j"].astype(np.int64),
        distance=pairs["v"].astype(np.float64),
    )
    return found.within(reach)


def nearest_partners(neighbours: Neighbours) -> tuple[np.ndarray, np.ndarray]:
    """The nearest reference of each prediction [n] and the nearest prediction of each reference [m]; −1 = none."""
    of_prediction = np.full(len(neighbours.predicted_class), -1, dtype=np.int64)
    of_reference = np.full(len(neighbours.reference_class), -1, dtype=np.int64)
    # Pairs come nearest first: written backwards, the nearest stays.
    of_prediction[neighbours.prediction[::-1]] = neighbours.reference[::-1]
    of_reference[neighbours.reference[::-1]] = neighbours.prediction[::-1]
    return of_prediction, of_reference
