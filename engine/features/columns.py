"""A decision applied to columns of features in 32 bits; a quadratic one with little over half its multiplications."""

from dataclasses import dataclass

import torch

from engine.features.decisions import Decision, LinearDecision, QuadraticDecision
from engine.features.workspace import Workspace

FAST = torch.float32
ROWS = 16
"""Rows of the triangle that are multiplied together: fewer would save more but keep fewer registers busy."""


@dataclass(frozen=True)
class Plane:
    """d·x − t.

    Parameters
    ----------
    direction
        d, `[1, width]`.
    threshold
        t.
    """

    direction: torch.Tensor
    threshold: float

    @property
    def cost(self) -> float:
        """Multiplications of one column."""
        return float(self.direction.shape[1])

    def scores(self, columns: torch.Tensor, space: Workspace) -> torch.Tensor:
        """Scores of columns `[width, n]`, float32 → `[n]`; they stand until the next call."""
        found = space.array("products", (1, columns.shape[1]), columns)
        return torch.mm(self.direction, columns, out=found)[0].sub_(self.threshold)


@dataclass(frozen=True)
class Triangle:
    """xᵀUx + b·x + c; as xᵀAx needs only one triangle of A, U holds its diagonal and twice what lies above.

    Parameters
    ----------
    upper
        U, `[width, width]`.
    linear
        b, `[width, 1]`.
    constant
        c.
    """

    upper: torch.Tensor
    linear: torch.Tensor
    constant: float

    @property
    def cost(self) -> float:
        """Multiplications of one column."""
        width = len(self.upper)
        return float(sum(ROWS * (width - first) for first in range(0, width, ROWS)))

    def scores(self, columns: torch.Tensor, space: Workspace) -> torch.Tensor:
        """Scores of columns `[width, n]`, float32 → `[n]`."""
        products = space.array("products", tuple(columns.shape), columns)
        for first in range(0, len(self.upper), ROWS):
            rows = slice(first, first + ROWS)
            torch.mm(self.upper[rows, first:], columns[first:], out=products[rows])
        return products.add_(self.linear).mul_(columns).sum(0).add_(self.constant)


def on_columns(decision: Decision) -> Plane | Triangle:
    """A decision in 32 bits."""
    if isinstance(decision, LinearDecision):
        return Plane(decision.direction[None].to(FAST), decision.threshold)
    assert isinstance(decision, QuadraticDecision)
    upper = decision.quadratic.triu() + decision.quadratic.triu(1)
    return Triangle(upper.to(FAST), decision.linear[:, None].to(FAST), decision.constant)
