"""Whether the classes of predictions say anything beside those of a reference."""

from engine.objects import ObjectTable

LEAST_SHARE = 0.5
"""Of the predictions that must be of a class of the reference for a comparison class by class to make sense."""


def of_known_class(prediction: ObjectTable, reference: ObjectTable) -> int:
    """How many predictions are of a class that the reference has."""
    return int(prediction.rows["class"].isin(set(reference.rows["class"])).sum())


def classes_are_shared(prediction: ObjectTable, reference: ObjectTable) -> bool:
    """Whether at least half of the predictions are of a class of the reference.

    Picks of an unsupervised run share no class with any reference, also when a few of them were given one by hand:
    judged class by class, nearly all of them would be false.
    """
    return bool(len(prediction)) and of_known_class(prediction, reference) >= LEAST_SHARE * len(prediction)
