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

from engine.features.decisions import Decision, LinearDecision, QuadraticDecision
from engine.features.modes import Features, LinearFeatures, SpectralFeatures
from engine.features.spectra import places_of
from engine.features.workspace import Workspace

FAST = torch.float32
STEPS = (16, 24, 32, 40, 48, 56, 64, 80, 100)
"""Numbers of quadratic terms that are tried."""


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
        return 12 if len(self.kernels) < 4 else 2

    @property
    def voxels(self) -> int:
        """See `Form`; so few that the projections stay in the cache."""
        return 250_000 if len(self.kernels) < 4 else 10_000

    @property
    def cost(self) -> float:
        """See `Form`."""
        return 1.2 * len(self.kernels) * self.size**3

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
    """For spectra: sliding transforms, then the projections of their magnitudes.

    Parameters
    ----------
    features
        Of the decision.
    terms
        Of the decision, on the columns of `frequencies(N, waves)`.
    waves
        Highest frequency along each axis that is formed; None = all. Blurred densities have little beyond the first.
    """

    features: SpectralFeatures
    terms: Terms
    waves: int | None = None
    planes: int = 4
    voxels: int = 12_000
    _space: Workspace = field(default_factory=Workspace)

    @property
    def cost(self) -> float:
        """See `Form`."""
        width = self.terms.directions.shape[1]
        return 150.0 * width + len(self.terms.directions) * width

    def described(self, values: torch.Tensor) -> torch.Tensor:
        """See `Form`: the columns of its neighbourhoods, `[width, z − N + 1, y − N + 1, x − N + 1]`."""
        return self.features.of_block(values, self._space, self.waves)

    def scores(self, described: torch.Tensor) -> torch.Tensor:
        """See `Form`."""
        return self._of_columns(described.reshape(len(described), -1)).reshape(described.shape[1:])

    def of_windows(self, windows: torch.Tensor) -> torch.Tensor:
        """See `Form`."""
        columns = self.features.columns(windows)
        return self._of_columns(columns if self.waves is None else columns[places_of(self.features.size, self.waves)])

    def _of_columns(self, columns: torch.Tensor) -> torch.Tensor:
        directions, offsets = self.terms.directions.to(columns), self.terms.offsets.to(columns)
        target = self._space.array("projections", (len(directions), columns.shape[1]), columns)
        return self.terms.added_up(torch.addmm(offsets[:, None], directions, columns, out=target))


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


def _without_high(decision: LinearDecision, features: SpectralFeatures, columns: torch.Tensor, waves: int) -> Terms:
    """What a linear decision makes of the low frequencies, the high ones replaced by what these let expect of them."""
    low = columns[places_of(features.size, waves)]
    design = torch.cat([low, torch.ones_like(low[:1])]).T
    fitted = torch.linalg.lstsq(design, decision.scores(columns)[:, None], driver="gelsd").solution[:, 0]
    return Terms(fitted[None, :-1], fitted[-1:], fitted.new_empty(0), 0.0)


def forms(decision: Decision, features: Features, columns: torch.Tensor) -> Iterator[Form]:
    """Forms of a decision, the cheapest first; the last holds all its terms.

    Parameters
    ----------
    decision, features
        What is to be applied, to what.
    columns
        A sample of the neighbourhoods it will be applied to, float64 `[width, n]`.
    """
    terms = terms_of(decision, columns)
    if isinstance(features, SpectralFeatures):
        if isinstance(decision, LinearDecision):
            for waves in range(1, features.size // 2):
                yield SpectralForm(features, _without_high(decision, features, columns, waves), waves)
        yield SpectralForm(features, terms)
        return
    assert isinstance(features, LinearFeatures)
    count = len(terms.weights)
    if count:
        projections = terms.directions[:count] @ columns + terms.offsets[:count, None]
        means = terms.weights * projections.square_().mean(1)
    for step in (*(s for s in STEPS if s < count), count):
        some = terms.first(step, float(means[step:].sum()) if step < count else 0.0)
        yield CorrelatedForm(features.size, some, features.to_values(some.directions).to(FAST))
