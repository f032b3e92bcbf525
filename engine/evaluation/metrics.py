"""Which matching rules there are, and what each means. A new one is one file beside this and one entry here."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.errors import UserError
from engine.evaluation import deepfinder, kaggle, one_to_one, picket, shrec
from engine.evaluation.neighbours import Neighbours, Outcome


@dataclass(frozen=True)
class Metric:
    """One matching rule.

    Attributes
    ----------
    name, title
        For command lines, and for people.
    meaning
        What counts as found and as false, in a sentence or two.
    judge
        The rule.
    whole_voxels
        Distances are whole voxels, as PickET takes them.
    ignores_classes
        The rule knows no classes.
    uses_radii
        The reach is part of the class radius where that is known.
    """

    name: str
    title: str
    meaning: str
    judge: Callable[[Neighbours], Outcome]
    whole_voxels: bool = False
    ignores_classes: bool = False
    uses_radii: bool = False


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            name="one-to-one",
            title="One to one",
            meaning="Each prediction finds at most one reference within the distance and each reference is found once: "
            "as many pairs as possible, then the least total distance. Duplicates are false picks.",
            judge=one_to_one.judge,
        ),
        Metric(
            name="picket",
            title="PickET",
            meaning="Classes are ignored; the distance is rounded to whole voxels; a prediction is right when any "
            "reference is in range, so duplicates count as right.",
            judge=picket.judge,
            whole_voxels=True,
            ignores_classes=True,
        ),
        Metric(
            name="kaggle",
            title="Kaggle (CZII)",
            meaning="A reference is found when a prediction of its class lies within half its class radius, or within "
            "the distance where no radius is known; all other predictions are false, duplicates too. Fβ with β = 4, "
            "weighted by class.",
            judge=kaggle.judge,
            uses_radii=True,
        ),
        Metric(
            name="shrec",
            title="SHREC",
            meaning="A prediction hits the reference in whose ball of the distance it lies, the nearest where balls "
            "overlap; precision counts different references hit among all predictions. The first hit decides the "
            "class; false picks in the background count in the row of all only.",
            judge=shrec.judge,
        ),
        Metric(
            name="deepfinder",
            title="DeepFinder",
            meaning="A reference is found when exactly one prediction lies within the distance; with two or more it "
            "counts as missed and they as false picks.",
            judge=deepfinder.judge,
        ),
    )
}


def find_metric(name: str) -> Metric:
    """The matching rule called `name`.

    Raises
    ------
    UserError
        There is none; the sentence lists those there are.
    """
    if name not in METRICS:
        raise UserError(f"There is no metric {name!r}: choose one of {', '.join(METRICS)}.")
    return METRICS[name]
