"""Cheap 32-bit forms of a decision: a few projections of each neighbourhood, squared and added up.

A quadratic rule is brought to its principal axes over the volume's own neighbourhoods, q = Σ μᵢ zᵢ² + l·x + c
with every zᵢ of mean 0 and variance 1, so that the terms with small |μᵢ| can be left out whatever the scale of
the features they came from. On linear features a projection is a correlation of the volume with one kernel.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch.nn.functional import conv2d

from engine.features.columns import FAST, Plane, Triangle, on_columns
from engine.features.decisions import Decision, LinearDecision, QuadraticDecision
from engine.features.modes import Features, LinearFeatures, SpectralFeatures
from engine.features.separable import separable_forms
from engine.features.workspace import Workspace

STEPS = (15, 23, 31, 39, 47, 55, 63, 79, 103)
"""Numbers of quadratic terms that are tried. With the linear one they fill the eight lanes of a vector register."""


class Form(Protocol):
    """A cheap form of a decision.

    Attributes
    ----------
    planes, voxels
        Planes of neighbourhoods of a block that suits it, and about how many neighbourhoods in all.
    cost
        Of one neighbourhood, in multiplications.
    """

    @property
    def planes(self) -> int: ...

    @property
    def voxels(self) -> int: ...

    @property
    def cost(self) -> float: ...

    def described(self, values: torch.Tensor) -> torch.Tensor:
        """What of a block, float32 `[z, y, x]`, the scores are formed from; stands until the next call."""

    def scores(self, described: torch.Tensor) -> torch.Tensor:
        """Scores of all neighbourhoods of a described block: `[z − N + 1, y − N + 1, x − N + 1]`."""

    def of_windows(self, windows: torch.Tensor) -> torch.Tensor:
        """Scores of neighbourhoods `[N³, n]`, float32 → `[n]`."""


@dataclass(frozen=True)
class Terms:
    """q = Σ `weights`ᵢ pᵢ² + p_last + `constant`, where p = `directions` x + `offsets`; float64.

    Parameters
    ----------
    directions
        `[terms + 1, width]`.
    offsets
        `[terms + 1]`.
    weights
        `[terms]`, falling in size.
    constant
        Of the whole sum.
    """

    directions: torch.Tensor
    offsets: torch.Tensor
    weights: torch.Tensor
    constant: float

    def first(self, count: int, rest: float) -> "Terms":
        """The `count` weightiest terms, the others replaced by their mean."""
        kept = [*range(count), len(self.weights)]
        return Terms(self.directions[kept], self.offsets[kept], self.weights[:count], self.constant + rest)

    def added_up(self, projections: torch.Tensor) -> torch.Tensor:
        """Scores for projections `[terms + 1, …]` to which the offsets are added already; overwrites them."""
        n = len(self.weights)
        if not n:
            return projections[0]
        shape = projections.shape[1:]
        squares = projections[:n].square_().reshape(n, -1)
        sums = torch.addmv(projections[n].reshape(-1), squares.T, self.weights.to(squares))
        return sums.add_(self.constant).reshape(shape)


@dataclass
class CorrelatedForm:
    """For linear features: one kernel a projection.

    Parameters
    ----------
    size
        N, voxels.
    terms
        Of the decision.
    kernels
        `[terms + 1, N³]`, the directions as kernels on the volume.
    """

    size: int
    terms: Terms
    kernels: torch.Tensor
    _weights: dict[int, torch.Tensor] = field(default_factory=dict)

    @property
    def planes(self) -> int:
        """See `Form`; planes side by side share what they read, which pays where there are few kernels."""
        return 16 if len(self.kernels) < 4 else 1

    @property
    def voxels(self) -> int:
        """See `Form`; with fewer, beginning an operation costs more than the cache saves (measured)."""
        return 500_000 if len(self.kernels) < 4 else 100_000

    @property
    def cost(self) -> float:
        """See `Form`."""
        return float(-(-len(self.kernels) // 8) * 8 * self.size**3)

    def described(self, values: torch.Tensor) -> torch.Tensor:
        """See `Form`: the block itself."""
        return values

    def scores(self, described: torch.Tensor) -> torch.Tensor:
        """See `Form`."""
        planes = described.shape[0] - self.size + 1
        offsets = self.terms.offsets.to(described).repeat_interleave(planes)
        found = conv2d(described[None], self._bank(planes), offsets)
        return self.terms.added_up(found.view(len(self.kernels), planes, *found.shape[2:]))

    def of_windows(self, windows: torch.Tensor) -> torch.Tensor:
        """See `Form`."""
        return self.terms.added_up(self.kernels.to(windows) @ windows + self.terms.offsets.to(windows)[:, None])

    def _bank(self, planes: int) -> torch.Tensor:
        """Kernels to convolve over y and x with planes as channels, `[kernels · planes, planes + N − 1, N, N]`."""
        if planes not in self._weights:
            n, k = self.size, len(self.kernels)
            bank = torch.zeros((k, planes, planes + n - 1, n, n), dtype=FAST, device=self.kernels.device)
            for plane in range(planes):
                bank[:, plane, plane : plane + n] = self.kernels.view(k, n, n, n)
            self._weights[planes] = bank.view(k * planes, planes + n - 1, n, n)
        return self._weights[planes]


@dataclass(frozen=True)
class SpectralForm:
    """For spectra: sliding transforms, then the rule on their magnitudes.

    Parameters
    ----------
    features
        Of the decision.
    rule
        The decision.
    """

    features: SpectralFeatures
    rule: Plane | Triangle
    planes: int = 8
    voxels: int = 13_000
    _space: Workspace = field(default_factory=Workspace)

    @property
    def cost(self) -> float:
        """See `Form`."""
        return 100.0 * self.features.width + self.rule.cost

    def described(self, values: torch.Tensor, step: int = 1) -> torch.Tensor:
        """See `Form`: the columns of its neighbourhoods, or of every `step`-th, `[width, z', y', x']`."""
        return self.features.of_block(values, self._space, step)

    def scores(self, described: torch.Tensor) -> torch.Tensor:
        """See `Form`."""
        return self.rule.scores(described.reshape(len(described), -1), self._space).reshape(described.shape[1:])

    def of_windows(self, windows: torch.Tensor) -> torch.Tensor:
        """See `Form`."""
        return self.rule.scores(self.features.columns(windows), self._space)


def terms_of(decision: Decision, columns: torch.Tensor) -> Terms:
    """All terms of a decision.

    Parameters
    ----------
    decision
        Linear or quadratic.
    columns
        A sample, float64 `[width, n]`: the principal axes are those over it.
    """
    if isinstance(decision, LinearDecision):
        direction = decision.direction[None]
        return Terms(direction, direction.new_tensor([-decision.threshold]), direction.new_empty(0), 0.0)
    assert isinstance(decision, QuadraticDecision)
    mean = columns.mean(1)
    spread, axes = torch.linalg.eigh(torch.cov(columns))
    scaled = axes * spread.clamp_(min=0).sqrt()
    weights, turned = torch.linalg.eigh(scaled.T @ decision.quadratic @ scaled)
    order = weights.abs().argsort(descending=True)
    order = order[weights[order].abs() > 1e-12 * weights.abs().max()]
    weights = weights[order]
    # z = Λ^-½ Uᵀ(x − mean), written without the inverse: where the spread is 0, so is the weight.
    directions = (decision.quadratic @ scaled @ turned[:, order] / weights).T
    slope = 2 * decision.quadratic @ mean + decision.linear
    constant = float(mean @ decision.quadratic @ mean + decision.linear @ mean) + decision.constant
    directions = torch.cat([directions, slope[None]])
    return Terms(directions, -(directions @ mean), weights, constant)


def forms(decision: Decision, features: Features, windows: torch.Tensor, columns: torch.Tensor) -> Iterator[Form]:
    """Forms of a decision, the cheapest first; the last holds all its terms.

    Parameters
    ----------
    decision, features
        What is to be applied, to what.
    windows, columns
        A sample of the neighbourhoods it will be applied to, float64 `[N³, n]`, and their features `[width, n]`.
    """
    if isinstance(features, SpectralFeatures):
        yield SpectralForm(features, on_columns(decision))
        return
    assert isinstance(features, LinearFeatures)
    terms = terms_of(decision, columns)
    count = len(terms.weights)
    if count:
        projections = terms.directions[:count] @ columns + terms.offsets[:count, None]
        means = terms.weights * projections.square_().mean(1)
    else:
        kernel = features.to_values(terms.directions)[0]
        yield from separable_forms(kernel, float(terms.offsets[0]), windows, features.size)
    for step in (*(s for s in STEPS if s < count), count):
        some = terms.first(step, float(means[step:].sum()) if step < count else 0.0)
        yield CorrelatedForm(features.size, some, features.to_values(some.directions).to(FAST))
