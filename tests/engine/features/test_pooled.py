"""One model of several tomograms."""

import numpy as np
import pytest

from engine.errors import UserError
from engine.features import S1Parameters, fit_pooled, label, pooled_windows, prepare


def volumes() -> list[np.ndarray]:
    """The same noise and balls, the second with three times as many balls, the third with other units."""
    made = []
    for seed, balls in ((0, 5), (1, 15)):
        random = np.random.default_rng(seed)
        volume = random.normal(size=(30, 40, 40))
        z, y, x = np.indices(volume.shape)
        for c in random.uniform(5, 25, (balls, 3)) * (1, 1.4, 1.4):
            volume -= 4 * ((z - c[0]) ** 2 + (y - c[1]) ** 2 + (x - c[2]) ** 2 < 12)
        made.append(volume.astype(np.float32))
    return [*made, 100 * made[1] + 3000]


@pytest.mark.parametrize("method", ["kmeans", "gmm"])
def test_a_cluster_means_the_same_everywhere(method):
    parameters = S1Parameters(method=method)
    prepared = [prepare(volume, parameters) for volume in volumes()]
    model = fit_pooled([pooled_windows(p, parameters, 0.5, 4000) for p in prepared], 0.5, parameters)
    assert model.n_neighbourhoods == 12_000
    few, many, scaled = (label(p, model) for p in prepared)
    assert few.counts[1] < many.counts[1]
    assert np.count_nonzero(many.labels != scaled.labels) <= 1e-3 * many.labels.size
    # The particle cluster is the darker one in all of them.
    for volume, result in zip(volumes(), (few, many, scaled), strict=True):
        assert volume[result.labels == 1].mean() < volume[result.labels == 0].mean()


def test_order_decides_nothing_but_the_draw():
    parameters = S1Parameters()
    prepared = [prepare(volume, parameters) for volume in volumes()[:2]]
    windows = [pooled_windows(p, parameters, 0.5, 5000) for p in prepared]
    one, other = fit_pooled(windows, 0.5, parameters), fit_pooled(windows[::-1], 0.5, parameters)
    a, b = label(prepared[0], one).labels, label(prepared[0], other).labels
    assert np.count_nonzero(a != b) <= 0.02 * a.size


def test_all_the_same_is_refused():
    parameters = S1Parameters()
    volume = np.zeros((20, 12, 12), np.float32)
    volume[15:] = np.random.default_rng(0).random((5, 12, 12))
    prepared = prepare(volume, S1Parameters(lower_z=0, upper_z=6))
    with pytest.raises(UserError, match="are the same"):
        fit_pooled([pooled_windows(prepared, parameters, 0.5, 100)], 0.5, parameters)
