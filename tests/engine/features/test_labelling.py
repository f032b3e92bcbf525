"""Cheap scores against the decision itself, and the second look at what is too close to call."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.features import METHODS, MODES, S1Parameters, blur, fit_each, normalise, prepare
from engine.features.forms import FAST, forms, terms_of
from engine.features.labelling import Labelling, labellings, rules_for
from tests.engine.features.labelled import labels_of

SMALL_BANK = {"sinusoids": 3, "output_features": 8}


@pytest.fixture(params=[(mode, method) for mode in MODES for method in METHODS], ids="-".join)
def fitted(request, noisy_balls):
    mode, method = request.param
    parameters = S1Parameters(mode=mode, method=method, max_neighbourhoods=3000, **SMALL_BANK)
    prepared = prepare(noisy_balls, parameters)
    ((_, model),) = fit_each(prepared, [parameters])
    boxes = prepared.neighbourhoods(5, model.centre)
    windows = boxes.take(torch.arange(boxes.count)).T
    return boxes, model, windows


def test_all_terms_are_the_decision(fitted):
    _, model, windows = fitted
    columns = model.features.columns(windows[:, ::7])
    exact = model.decision.scores(columns)
    terms = terms_of(model.decision, columns)
    again = terms.added_up(terms.directions @ columns + terms.offsets[:, None])
    torch.testing.assert_close(again, exact, rtol=1e-6, atol=1e-6)


def test_forms_of_a_block_are_those_of_its_windows(fitted):
    boxes, model, windows = fitted
    columns = model.features.columns(windows[:, ::7])
    for form in forms(model.decision, model.features, windows[:, ::7], columns):
        block = (boxes.volume - boxes.centre)[:9, :12]
        sliding = form.scores(form.described(block)).clone()
        by_place = windows.reshape(125, *boxes.shape)[:, :5, :8].reshape(125, -1)
        apart = form.of_windows(by_place.to(FAST)).reshape(sliding.shape)
        scale = float(apart.abs().max())
        torch.testing.assert_close(sliding, apart, rtol=1e-3, atol=1e-4 * scale)


def test_what_is_too_close_is_decided_as_it_stands(fitted):
    boxes, model, windows = fitted
    wanted = (model.decision.scores(model.features.columns(windows)) > 0).reshape(boxes.shape)
    (rule,) = rules_for(boxes, model.features, [model.decision])
    (found,) = labels_of(Labelling(boxes, model.features, (rule,)), 0, boxes.shape[0])
    assert int((found != wanted).sum()) <= 1
    # With every score too close to call, all are formed anew.
    everything = Labelling(boxes, model.features, (replace(rule, margin=float("inf")),))
    for start, stop in ((0, 2), (7, 9)):
        assert torch.equal(labels_of(everything, start, stop)[0], wanted[start:stop])


def test_rules_that_share_a_description(noisy_balls):
    workflows = [S1Parameters(mode="ffts", method="gmm", max_neighbourhoods=n) for n in (2000, 3000)]
    prepared = prepare(noisy_balls, workflows[0])
    models = [model for parameters in workflows for _, model in fit_each(prepared, [parameters])]
    boxes = prepared.neighbourhoods(5, models[0].centre)
    rules = rules_for(boxes, models[0].features, [model.decision for model in models])
    (shared,) = labellings(boxes, models[0].features, [model.decision for model in models])
    together = labels_of(shared, 0, 6)
    for rule, labels in zip(rules, together, strict=True):
        (alone,) = labels_of(Labelling(boxes, models[0].features, (rule,)), 0, 6)
        assert torch.equal(alone, labels)


def test_a_prepared_part_is_the_part_of_the_whole(noisy_balls):
    inside = (slice(3, 15), slice(4, 30), slice(2, 28))
    blurred = normalise(blur(noisy_balls))
    whole = blur(noisy_balls)
    scale = float(whole.min()), float(whole.max())
    part = prepare(noisy_balls, S1Parameters(), value_range=scale, inside=inside)
    np.testing.assert_array_equal(part.densities.numpy(), blurred[inside])
