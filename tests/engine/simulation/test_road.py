"""From a phantom to picks with S1 and S2: the demo must be worth looking at. Simulated data only."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from engine.features import S1Parameters, segment
from engine.instances import S2Parameters, find_instances
from engine.simulation import phantom


@pytest.mark.parametrize("seed", [0, 1])
def test_most_large_particles_are_picked(seed):
    made = phantom((80, 160, 160), seed=seed)
    labels = segment(made.volume, S1Parameters()).labels
    _, found = find_instances(labels, S2Parameters(min_size=250))
    radius = {c.name: c.radius for c in made.classes}
    large = [o for o in made.objects if o.class_name in ("tripod", "barrel")]
    apart = np.linalg.norm([np.subtract((o.z, o.y, o.x), found.centroids) for o in large], axis=2)
    near = apart <= np.array([[0.6 * radius[o.class_name] / 10] for o in large])
    rows, columns = linear_sum_assignment(~near)
    hits = np.count_nonzero(near[rows, columns])
    assert hits / len(large) >= 0.7
    assert hits / len(found) >= 0.6
