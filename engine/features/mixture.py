"""A mixture of two Gaussians with full covariances, fitted in one pass over the neighbourhoods per iteration.

Method: expectation and maximisation as in scikit-learn's
`GaussianMixture(n_components=2, random_state=seed)` (k-means start, covariances plus 10⁻⁶ on the diagonal,
tolerance 10⁻³ on the mean log-likelihood, at most 100 iterations), rearranged: only the difference q of the
two weighted log-densities is formed per neighbourhood, one quadratic form instead of two, because the mean of
the first log-density follows from the moments of all; and the first Gaussian's moments are those of all less
the second's.
"""

import math
from dataclasses import dataclass

import torch
from torch.nn.functional import softplus

from engine.errors import UserError
from engine.features.decisions import LinearDecision, QuadraticDecision
from engine.features.neighbourhoods import FLOAT
from engine.features.progress import Progress, silent
from engine.features.rows import Rows

MAX_ITERATIONS = 100
TOLERANCE = 1e-3
REGULARISATION = 1e-6
NEGLIGIBLE = 1e-13
"""A probability that is left out of sums over neighbourhoods, where most are so small."""

FEWEST = 2.0
"""Neighbourhoods that a cluster must weigh; below, it has no covariance."""


@dataclass(frozen=True)
class _Moments:
    """Weighted number, sum `[width]` and sum of products `[width, width]` of columns."""

    count: float
    total: torch.Tensor
    products: torch.Tensor

    def less(self, other: "_Moments") -> "_Moments":
        return _Moments(self.count - other.count, self.total - other.total, self.products - other.products)


def fit_mixture(rows: Rows, start: LinearDecision, progress: Progress = silent) -> QuadraticDecision:
    """Fit two Gaussians.

    Parameters
    ----------
    rows
        The neighbourhoods.
    start
        The clusters of k-means to begin with.
    progress
        Called with a fraction of this fit and a text.

    Raises
    ------
    UserError
        A cluster ran empty.
    """
    progress(0.0, "Gaussian mixture: beginning from k-means")
    shift = start.means.mean(0)
    everything, _ = _moments(rows, shift, None)
    second, _ = _moments(rows, shift, start)
    pair = _maximise(everything, second)
    bound, change, iteration = -math.inf, math.inf, 0
    for iteration in range(1, MAX_ITERATIONS + 1):
        second, excess = _moments(rows, shift, pair.decision(shift))
        before, bound = bound, pair.mean_of_first(everything) + excess
        pair = _maximise(everything, second)
        change = bound - before
        progress(1 - 0.85**iteration, f"Gaussian mixture: iteration {iteration}")
        if abs(change) < TOLERANCE:
            return pair.decision(shift, iteration)
    sentence = (
        f"The Gaussian mixture did not settle in {iteration} iterations (the log-likelihood still changes by "
        f"{abs(change):.2g}, settled is {TOLERANCE:g}), so its clusters may be arbitrary: learn from more slices or "
        "take k-means."
    )
    return pair.decision(shift, iteration, sentence)


@dataclass(frozen=True)
class _Pair:
    """Two weighted Gaussians about the shift."""

    weights: tuple[float, float]
    means: torch.Tensor
    precisions: torch.Tensor
    log_heights: tuple[float, float]

    def mean_of_first(self, everything: _Moments) -> float:
        """Mean of the first weighted log-density over all neighbourhoods."""
        mean, centre = everything.total / everything.count, self.means[0]
        spread = everything.products / everything.count - torch.outer(mean, centre) - torch.outer(centre, mean)
        spread += torch.outer(centre, centre)
        return self.log_heights[0] - 0.5 * float((self.precisions[0] * spread).sum())

    def decision(self, shift: torch.Tensor, iterations: int = 0, warning: str = "") -> QuadraticDecision:
        """Which of the two is likelier, in the columns as they are."""
        means = self.means + shift
        quadratic = 0.5 * (self.precisions[0] - self.precisions[1])
        pulls = [precision @ mean for precision, mean in zip(self.precisions, means, strict=True)]
        depths = [float(mean @ pull) for mean, pull in zip(means, pulls, strict=True)]
        return QuadraticDecision(
            quadratic=quadratic,
            linear=pulls[1] - pulls[0],
            constant=self.log_heights[1] - self.log_heights[0] + 0.5 * (depths[0] - depths[1]),
            means=means,
            iterations=iterations,
            weights=self.weights,
            warning=warning,
        )


def _maximise(everything: _Moments, second: _Moments) -> _Pair:
    weights, means, precisions, heights = [], [], [], []
    for part in (everything.less(second), second):
        if part.count < FEWEST:
            raise UserError(
                "One of the two clusters of the Gaussian mixture ran empty: these densities do not divide in two. "
                "Choose other slice limits, learn from more neighbourhoods, or take k-means."
            )
        mean = part.total / part.count
        covariance = part.products / part.count - torch.outer(mean, mean)
        covariance.diagonal().add_(REGULARISATION)
        factor, failed = torch.linalg.cholesky_ex(covariance)
        if int(failed):
            raise UserError(
                "A cluster of the Gaussian mixture has no spread that could be measured: learn from more "
                "neighbourhoods, or take k-means."
            )
        weight = part.count / everything.count
        weights.append(weight)
        means.append(mean)
        precisions.append(torch.cholesky_inverse(factor))
        heights.append(math.log(weight) - float(factor.diagonal().log().sum()))
    return _Pair((weights[0], weights[1]), torch.stack(means), torch.stack(precisions), (heights[0], heights[1]))


def _moments(
    rows: Rows, shift: torch.Tensor, decision: LinearDecision | QuadraticDecision | None
) -> tuple[_Moments, float]:
    """Moments of the second cluster about `shift`, and the mean of log(1 + exp q).

    A linear decision counts each neighbourhood wholly to one cluster, a quadratic one by its probability; without any,
    all count.
    """

    def of_chunk(_: int, columns: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        moved = columns - shift[:, None]
        excess = torch.zeros((), dtype=FLOAT, device=rows.device)
        if decision is None:
            weights = torch.ones(columns.shape[1], dtype=FLOAT, device=rows.device)
        elif isinstance(decision, LinearDecision):
            weights = (decision.scores(columns) > 0).to(FLOAT)
        else:
            scores = decision.scores(columns)
            weights, excess = torch.sigmoid(scores), softplus(scores).sum()
        counted = weights > NEGLIGIBLE
        if 2 * int(torch.count_nonzero(counted)) < len(weights):  # most neighbourhoods belong wholly to the first
            moved, weights = moved[:, counted], weights[counted]
        weighted = moved * weights
        return weights.sum(), weighted.sum(1), weighted @ moved.T, excess

    width = rows.features.width
    count, excess = 0.0, 0.0
    total = torch.zeros(width, dtype=FLOAT, device=rows.device)
    products = torch.zeros((width, width), dtype=FLOAT, device=rows.device)
    for n, of_sum, of_products, of_excess in rows.each(of_chunk):
        count += float(n)
        total += of_sum
        products += of_products
        excess += float(of_excess)
    return _Moments(count, total, products), excess / rows.count
