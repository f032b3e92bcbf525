"""What a fit ends in: a rule that tells for any neighbourhood's features which of two clusters it belongs to."""

from dataclasses import dataclass
from typing import Protocol

import torch


class Decision(Protocol):
    """Parts two clusters.

    Attributes
    ----------
    means
        Mean columns of each cluster, float64 `[2, width]`.
    iterations
        How many the fit took.
    warning
        A sentence about the fit that a person should read; empty when all is well.
    """

    @property
    def means(self) -> torch.Tensor: ...

    @property
    def iterations(self) -> int: ...

    @property
    def warning(self) -> str: ...

    def scores(self, columns: torch.Tensor) -> torch.Tensor:
        """Above zero for the second cluster: `[width, n]` → `[n]`."""


@dataclass(frozen=True)
class LinearDecision:
    """Two clusters parted by a plane: the second where `direction` · column is above `threshold`."""

    direction: torch.Tensor
    threshold: float
    means: torch.Tensor
    iterations: int
    warning: str = ""

    @classmethod
    def between(cls, centres: torch.Tensor, iterations: int = 0) -> "LinearDecision":
        """The plane half way between two centres `[2, width]`; a tie goes to the first."""
        norms = centres.square().sum(1)
        return cls(centres[1] - centres[0], float(0.5 * (norms[1] - norms[0])), centres, iterations)

    def scores(self, columns: torch.Tensor) -> torch.Tensor:
        """See `Decision`."""
        return self.direction.to(columns) @ columns - self.threshold


@dataclass(frozen=True)
class QuadraticDecision:
    """Two Gaussians parted by a surface of second order: the second where xᵀAx + b·x + c is above zero.

    Parameters
    ----------
    quadratic, linear, constant
        A `[width, width]` symmetric, b `[width]` and c; float64.
    means, iterations, warning
        See `Decision`.
    weights
        Shares of the two clusters in what was fitted.
    """

    quadratic: torch.Tensor
    linear: torch.Tensor
    constant: float
    means: torch.Tensor
    iterations: int
    weights: tuple[float, float]
    warning: str = ""

    def scores(self, columns: torch.Tensor) -> torch.Tensor:
        """See `Decision`."""
        products = self.quadratic.to(columns) @ columns
        products += self.linear.to(columns)[:, None]
        return products.mul_(columns).sum(0).add_(self.constant)
