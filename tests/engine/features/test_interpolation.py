"""Scores between every second one, and the labels that come of them."""

import numpy as np
import pytest
import torch

from engine.features import S1Parameters, fit_each, interpolation, prepare
from engine.features.interpolation import REACH, Field, between, interpolate
from engine.features.labelling import labellings, rules_for
from tests.engine.features.labelled import labels_of


@pytest.fixture
def fitted(noisy_balls, monkeypatch):
    monkeypatch.setattr(interpolation, "WORTH_IT", 1000)
    monkeypatch.setattr(interpolation, "BLOCK", (16, 18, 20))
    volume = np.concatenate([noisy_balls, noisy_balls[::-1]])
    parameters = S1Parameters(mode="ffts", max_neighbourhoods=3000)
    prepared = prepare(volume, parameters)
    ((_, model),) = fit_each(prepared, [parameters])
    return prepared.neighbourhoods(5, model.centre), model


@pytest.mark.parametrize("length", [6, 7, 10, 13])
def test_a_straight_line_is_kept(length):
    # The first value given lies 2 · (REACH − 1) places before the first wanted.
    given = torch.arange(length // 2 + 2 * REACH - 1, dtype=torch.float64) * 2 - 2 * (REACH - 1)
    weights = torch.tensor([0.6, -0.12, 0.02], dtype=torch.float64)
    found = between(given[:, None] * torch.ones(3), weights, 0, length)
    torch.testing.assert_close(found[:, 1], torch.arange(length, dtype=torch.float64))


def test_what_lies_between_is_near_what_is_there(fitted):
    boxes, model = fitted
    (rule,) = rules_for(boxes, model.features, [model.decision])
    found = interpolate(boxes, rule.form)
    field = Field(boxes, found)
    scores = torch.cat([field.scores(start, min(start + 4, boxes.shape[0])) for start in range(0, boxes.shape[0], 4)])
    exact = model.decision.scores(model.features.columns(boxes.columns(torch.arange(boxes.count)))).reshape(boxes.shape)
    every_second = (slice(None, None, 2),) * 3
    torch.testing.assert_close(scores[every_second].double(), exact[every_second], rtol=1e-3, atol=1e-3)
    # The border too, whose neighbours lie outside: it is no worse than what was measured.
    assert (scores - exact).abs().max() < 2 * found.errors.max()
    assert (scores - exact).std() < 0.2 * exact.std()


def test_labels_are_those_of_the_rule(fitted):
    boxes, model = fitted
    (labelling,) = labellings(boxes, model.features, [model.decision])
    assert labelling.field is not None
    exact = model.decision.scores(model.features.columns(boxes.columns(torch.arange(boxes.count)))).reshape(boxes.shape)
    for start, stop in ((0, boxes.shape[0]), (8, 13)):
        assert torch.equal(labels_of(labelling, start, stop)[0], exact[start:stop] > 0)


def test_a_small_volume_is_not_interpolated(noisy_balls):
    parameters = S1Parameters(mode="ffts", max_neighbourhoods=3000)
    prepared = prepare(noisy_balls, parameters)
    ((_, model),) = fit_each(prepared, [parameters])
    (labelling,) = labellings(prepared.neighbourhoods(5, model.centre), model.features, [model.decision])
    assert labelling.field is None
