"""What chance alone scores: as many random points as predictions, judged by the same rule."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.evaluation import picket
from engine.evaluation.counts import Counts
from engine.evaluation.scenes import Scene


@dataclass(frozen=True, eq=False)
class Baseline:
    """Random draws, judged.

    Attributes
    ----------
    overall
        Counts of all together, one per draw.
    by_class
        Counts per class, one list per draw.
    found
        [draws, m]: whether each reference was found.
    """

    overall: list[Counts]
    by_class: list[list[Counts]]
    found: np.ndarray


def draw(scene: Scene) -> Baseline:
    """Judge `random_points` in place of the predictions."""
    outcomes = [scene.judge(scene.neighbours(predicted=points)) for points in random_points(scene)]
    return Baseline(
        overall=[o.overall for o in outcomes],
        by_class=[o.by_class for o in outcomes],
        found=np.array([o.partner_of_reference >= 0 for o in outcomes]).reshape(len(outcomes), len(scene.references)),
    )


def random_points(scene: Scene) -> Iterator[np.ndarray]:
    """Random positions in place of the predictions' [n, 3], voxels, z, y, x; as often as the settings say.

    In every tomogram there are as many points as predictions, of the same classes, uniform in the whole volume: between
    the outer faces of its voxels, or for PickET's rule on whole voxels as PickET draws them (the first draw has its
    seed).
    """
    shapes = np.array([scene.geometry[name].shape for name in scene.tomograms], dtype=np.float64).reshape(-1, 3)
    generator = np.random.default_rng(scene.settings.seed)
    for number in range(scene.settings.repeats):
        if not scene.metric.whole_voxels:
            yield generator.random(scene.predicted.shape) * shapes[scene.predicted_tomogram] - 0.5
            continue
        points = np.empty_like(scene.predicted)
        for t, name in enumerate(scene.tomograms):
            those = scene.predicted_tomogram == t
            shape = scene.geometry[name].shape
            points[those] = picket.random_points(shape, int(those.sum()), scene.settings.seed + number)
        yield points
