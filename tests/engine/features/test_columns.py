"""Decisions in 32 bits on columns against the decisions themselves."""

import numpy as np
import pytest
import torch

from engine.features.columns import FAST, ROWS, Plane, Triangle, on_columns
from engine.features.decisions import LinearDecision, QuadraticDecision
from engine.features.workspace import Workspace


@pytest.mark.parametrize("width", [1, ROWS - 1, ROWS, ROWS + 1, 63, 125])
def test_half_of_the_products_is_the_whole_form(width):
    random = np.random.default_rng(width)
    half = random.normal(size=(width, width))
    decision = QuadraticDecision(
        quadratic=torch.from_numpy(half + half.T),
        linear=torch.from_numpy(random.normal(size=width)),
        constant=0.75,
        means=torch.zeros((2, width)),
        iterations=1,
        weights=(0.5, 0.5),
    )
    columns = torch.from_numpy(random.normal(size=(width, 40)))
    rule = on_columns(decision)
    assert isinstance(rule, Triangle)
    wanted = decision.scores(columns)
    found = rule.scores(columns.to(FAST), Workspace()).double()
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4 * width)
    assert rule.cost <= width * (width + ROWS) / 2 + ROWS * ROWS


def test_a_plane():
    decision = LinearDecision.between(torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.5]], dtype=torch.float64))
    rule = on_columns(decision)
    assert isinstance(rule, Plane)
    columns = torch.randn((3, 11), dtype=torch.float64)
    found = rule.scores(columns.to(FAST), Workspace()).double()
    torch.testing.assert_close(found, decision.scores(columns), rtol=1e-5, atol=1e-5)
