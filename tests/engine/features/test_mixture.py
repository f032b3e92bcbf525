"""Two Gaussians against scikit-learn's, and what happens when there are not two."""

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from engine.errors import UserError
from engine.features.decisions import LinearDecision
from engine.features.kmeans import fit_kmeans
from engine.features.mixture import fit_mixture
from engine.features.modes import LinearFeatures
from engine.features.rows import KeptRows


def rows_of(matrix: np.ndarray, threads: int = 1) -> KeptRows:
    return KeptRows(torch.from_numpy(matrix), LinearFeatures(3), threads)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_as_scikit_learn(seed):
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(2, 27, 27)) * np.array([0.3, 0.6])[:, None, None]
    matrix = np.concatenate([random.normal(size=(n, 27)) @ m for n, m in zip((9000, 3000), mixing, strict=True)])
    matrix[9000:] += 0.5
    rows = rows_of(matrix, threads=2)
    decision = fit_mixture(rows, fit_kmeans(rows, seed))
    with threadpool_limits(1):
        model = GaussianMixture(2, random_state=seed).fit(matrix)
    assert decision.iterations == model.n_iter_
    np.testing.assert_allclose(decision.weights, model.weights_, atol=1e-8)
    np.testing.assert_allclose(decision.means.numpy(), model.means_, atol=1e-7)
    log = model._estimate_weighted_log_prob(matrix)
    np.testing.assert_allclose(
        decision.scores(torch.from_numpy(matrix).T).numpy(), log[:, 1] - log[:, 0], rtol=1e-6, atol=1e-6
    )


def test_a_cluster_that_runs_empty_is_refused():
    matrix = np.random.default_rng(0).normal(size=(500, 27))
    nobody = LinearDecision(torch.zeros(27, dtype=torch.float64), 1.0, torch.zeros((2, 27), dtype=torch.float64), 1)
    with pytest.raises(UserError, match="ran empty"):
        fit_mixture(rows_of(matrix), nobody)


def test_flat_features_have_the_regularised_spread():
    matrix = np.zeros((400, 27))
    matrix[300:, 0] = 1
    rows = rows_of(matrix)
    decision = fit_mixture(rows, fit_kmeans(rows, 0))
    assert decision.weights == pytest.approx((0.75, 0.25)) or decision.weights == pytest.approx((0.25, 0.75))
    model = GaussianMixture(2, random_state=0).fit(matrix)
    log = model._estimate_weighted_log_prob(matrix)
    scores = decision.scores(torch.from_numpy(matrix).T).numpy()
    np.testing.assert_allclose(scores, log[:, 1] - log[:, 0], rtol=1e-5)
