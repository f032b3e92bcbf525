"""Products of short kernels against the kernel that they stand for."""

import numpy as np
import pytest
import torch

from engine.features import S1Parameters, fit_each, prepare
from engine.features.labelling import Labelling, rules_for
from engine.features.separable import FAST, MOST, SeparableForm, separable_forms
from tests.engine.features.labelled import labels_of


@pytest.fixture
def windows() -> torch.Tensor:
    """Neighbourhoods of a smooth volume, as blurring leaves them."""
    random = np.random.default_rng(3)
    waves = [np.exp(-0.5 * ((np.arange(5) - place) / 2) ** 2) for place in range(-2, 7)]
    basis = np.stack([np.einsum("z,y,x->zyx", a, b, c).ravel() for a in waves for b in waves for c in waves])
    values = random.normal(size=(2000, len(basis))) @ basis + 1e-4 * random.normal(size=(2000, 125))
    return torch.from_numpy(values.T.copy())


def plain(block: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    n = kernel.shape[0]
    views = block.double().unfold(0, n, 1).unfold(1, n, 1).unfold(2, n, 1)
    return torch.einsum("abczyx,zyx->abc", views, kernel.double())


def test_scores_are_the_correlation_with_the_kernel():
    torch.manual_seed(0)
    along_z, over_yx = torch.randn(2, 5), torch.randn(2, 5, 5)
    form = SeparableForm(along_z, over_yx, 0.25)
    kernel = torch.einsum("rz,ryx->zyx", along_z, over_yx)
    for shape in ((5, 5, 5), (9, 12, 7), (20, 6, 31), (9, 12, 7)):
        block = torch.randn(shape)
        wanted = plain(block, kernel) + 0.25
        torch.testing.assert_close(form.scores(block).double(), wanted, rtol=1e-4, atol=1e-4)
        corner = block[:5, :5, :5].reshape(-1, 1)
        torch.testing.assert_close(form.of_windows(corner).double(), wanted[:1, 0, 0], rtol=1e-4, atol=1e-4)


def test_a_product_of_three_is_found_exactly(windows):
    a, b, c = torch.tensor([1.0, 2, 3, 2, 1]), torch.tensor([0.0, 1, -2, 1, 0]), torch.tensor([1.0, 1, 0, -1, -1])
    kernel = torch.einsum("z,y,x->zyx", a, b, c).reshape(-1).double()
    first = next(separable_forms(kernel, 1.5, windows, 5))
    exact = kernel @ windows + 1.5
    torch.testing.assert_close(first.of_windows(windows.to(FAST)).double(), exact, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kernel", [torch.ones(125), torch.zeros(125)], ids=["flat", "zero"])
def test_products_that_nothing_is_left_for(windows, kernel):
    exact = kernel.double() @ windows + 0.5
    found = list(separable_forms(kernel.double(), 0.5, windows, 5))
    assert len(found) == MOST
    for form in found:
        torch.testing.assert_close(form.of_windows(windows.to(FAST)).double(), exact, rtol=1e-4, atol=1e-3)


def test_more_products_come_nearer(windows):
    kernel = torch.from_numpy(np.random.default_rng(5).normal(size=125))
    exact = kernel @ windows
    errors = [
        float((form.of_windows(windows.to(FAST)) - exact).std() / exact.std())
        for form in separable_forms(kernel, 0.0, windows, 5)
    ]
    assert len(errors) == MOST
    assert errors[0] > 3 * errors[1] > 9 * errors[2]
    # Scores, not kernels, are what has to agree: cutting the kernel's own decomposition short is far worse.
    left, values, right = torch.linalg.svd(kernel.reshape(5, 25))
    cut = ((left[:, :3] * values[:3]) @ right[:3]).reshape(-1)
    assert errors[2] < 0.1 * float((cut @ windows - exact).std() / exact.std())


@pytest.mark.parametrize("mode", ["intensities", "gabor"])
def test_labels_are_those_of_the_rule(mode, noisy_balls):
    parameters = S1Parameters(mode=mode, max_neighbourhoods=3000, sinusoids=3, output_features=8)
    prepared = prepare(noisy_balls, parameters)
    ((_, model),) = fit_each(prepared, [parameters])
    boxes = prepared.neighbourhoods(5, model.centre)
    (rule,) = rules_for(boxes, model.features, [model.decision])
    assert isinstance(rule.form, SeparableForm)
    assert rule.margin > rule.rounding
    columns = model.features.columns(boxes.columns(torch.arange(boxes.count)))
    exact = (model.decision.scores(columns) > 0).reshape(boxes.shape)
    (found,) = labels_of(Labelling(boxes, model.features, (rule,)), 3, boxes.shape[0])
    assert torch.equal(found, exact[3:])
