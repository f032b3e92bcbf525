"""Losses: the recorded values of the original, MONAI's and plain definitions, gradients, what is wrong or absent."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.losses.dice import DiceCELoss

from engine.errors import UserError
from engine.training.losses import LOSSES, OpenVoxels, build_loss, check_finite, tversky, weights_from_counts


def logits_of(probabilities: list[list[float]]) -> torch.Tensor:
    """Voxels × classes of probabilities as logits [1, classes, 1, 1, voxels]."""
    return torch.tensor(probabilities).clamp_min(1e-30).log().T[None, :, None, None]


def plain_tversky(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """DeepFinder's description, voxel by voxel, in double precision; absent classes count 1."""
    total = 0.0
    for c in range(len(probabilities)):
        p, g = probabilities[c].astype(float), (labels == c).astype(float)
        hits, false, missed = (p * g).sum(), (p * (1 - g)).sum(), ((1 - p) * g).sum()
        total += 1 - (hits / (hits + 0.5 * false + 0.5 * missed) if hits else 0.0)
    return total


def random_case(seed: int, classes: int = 4, highest: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(2, classes, 3, 4, 5, generator=generator)
    return logits, torch.randint(0, highest or classes, (2, 3, 4, 5), generator=generator)


def test_recorded_values_of_the_original():
    loss = build_loss("tversky", 3)
    two = loss(logits_of([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1]]), torch.tensor([[[[0, 1]]]]))
    assert float(two) == pytest.approx(1.633333, abs=1e-6)
    perfect = loss(logits_of([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), torch.tensor([[[[0, 1]]]]))
    assert float(perfect) == pytest.approx(1.0, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(1, 6))
def test_tversky_is_its_plain_definition(seed, classes, highest):
    logits, labels = random_case(seed, classes, min(classes, highest))
    probabilities = logits.double().softmax(1).movedim(1, 0).flatten(1).numpy()
    expected = plain_tversky(probabilities, labels.flatten().numpy())
    assert float(build_loss("tversky", classes)(logits, labels)) == pytest.approx(expected, abs=1e-5)


def test_a_class_neither_there_nor_predicted_gives_no_nan():
    probabilities = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], requires_grad=True)
    value = tversky(probabilities, torch.tensor([0, 1]))
    value.backward()
    assert value.item() == 1.0
    assert torch.isfinite(probabilities.grad).all()
    assert tversky(probabilities, torch.tensor([0, 1]), absent="skip").item() == 0.0


@pytest.mark.parametrize("name", LOSSES)
def test_absent_classes_change_the_value_as_said_and_no_gradient_of_tversky(name):
    logits, labels = random_case(3, classes=5, highest=3)
    values, gradients = [], []
    for absent in ("count", "skip"):
        leaf = logits.clone().requires_grad_(True)
        value = build_loss(name, 5, absent=absent)(leaf, labels)
        value.backward()
        values.append(value.item())
        gradients.append(leaf.grad)
    if name == "tversky":
        assert values[0] == pytest.approx(values[1] + 2, abs=1e-5)
        torch.testing.assert_close(gradients[0], gradients[1])
    else:
        assert values[0] > values[1]


def test_only_background_is_no_problem():
    logits, _ = random_case(1)
    labels = torch.zeros(2, 3, 4, 5, dtype=torch.uint8)
    for name in LOSSES:
        for absent in ("count", "skip"):
            leaf = logits.clone().requires_grad_(True)
            build_loss(name, 4, absent=absent)(leaf, labels).backward()
            assert torch.isfinite(leaf.grad).all(), (name, absent)


def test_dice_and_cross_entropy_is_monais():
    logits, labels = random_case(5)
    theirs = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True)
    assert float(build_loss("dice-ce", 4)(logits, labels)) == pytest.approx(float(theirs(logits, labels[:, None])))
    weights = [0.5, 1.0, 2.0, 3.0]
    theirs = DiceCELoss(
        include_background=False, to_onehot_y=True, softmax=True, batch=True, weight=torch.tensor(weights)
    )
    ours = build_loss("dice-ce", 4, weights, absent="count")
    assert float(ours(logits, labels)) == pytest.approx(float(theirs(logits, labels[:, None])), rel=1e-5)


def test_skipping_is_the_same_as_not_having_the_class():
    """Two classes of which the second is never predicted nor there, against a loss of one class only."""
    logits, labels = random_case(7, classes=3)
    more = torch.cat([logits, torch.full_like(logits[:, :1], -60.0)], 1)
    for name in LOSSES:
        alone = build_loss(name, 3, absent="skip")(logits, labels)
        assert float(build_loss(name, 4, absent="skip")(more, labels)) == pytest.approx(float(alone), rel=1e-5), name


def test_class_weights_multiply_the_terms():
    logits, labels = random_case(9, classes=3)
    one_by_one = [float(build_loss("tversky", 3, [float(c == k) for c in range(3)])(logits, labels)) for k in range(3)]
    weighted = float(build_loss("tversky", 3, [0.2, 1.0, 4.0])(logits, labels))
    assert weighted == pytest.approx(0.2 * one_by_one[0] + one_by_one[1] + 4 * one_by_one[2], rel=1e-5)
    for name in LOSSES:
        plain = float(build_loss(name, 3)(logits, labels))
        assert float(build_loss(name, 3, [1.0, 1.0, 1.0])(logits, labels)) == pytest.approx(plain, rel=1e-5), name


def test_weight_of_zero_for_all_that_is_there():
    logits, _ = random_case(2)
    labels = torch.zeros(2, 3, 4, 5, dtype=torch.long)
    for name in LOSSES:
        leaf = logits.clone().requires_grad_(True)
        value = build_loss(name, 4, [0.0, 1.0, 1.0, 1.0])(leaf, labels)
        value.backward()
        assert math.isfinite(value.item()), name
        assert torch.isfinite(leaf.grad).all(), name


@pytest.mark.parametrize("name", LOSSES)
def test_gradients(name):
    logits, labels = random_case(4, classes=3)
    logits = logits[:, :, :2, :2, :2].double().clone().requires_grad_(True)
    labels = labels[:, :2, :2, :2]
    loss = build_loss(name, 3, [0.5, 1.0, 2.0])
    value = loss(logits, labels)
    (analytic,) = torch.autograd.grad(value, logits)
    # The loss itself is computed in float32, hence a wide step and tolerance.
    place, step = (1, 2, 0, 1, 1), 0.05
    shifted = [logits.detach().clone() for _ in range(2)]
    shifted[0][place] += step
    shifted[1][place] -= step
    numeric = (float(loss(shifted[0], labels)) - float(loss(shifted[1], labels))) / (2 * step)
    assert float(analytic[place]) == pytest.approx(numeric, rel=0.02)
    better = logits.detach() - 0.1 * analytic / analytic.norm()
    assert float(loss(better, labels)) < value.item()


def test_half_precision_does_not_overflow():
    logits = torch.zeros(1, 2, 48, 48, 48, dtype=torch.bfloat16)
    labels = torch.zeros(1, 48, 48, 48, dtype=torch.uint8)
    for name in LOSSES:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            value = build_loss(name, 2)(logits, labels)
        assert value.dtype == torch.float32
        assert math.isfinite(float(value)), name
    # Half the background's probability is lost: TP/(TP + ½FN) = ½/(½ + ¼), and the absent class counts 1.
    assert float(build_loss("tversky", 2)(logits, labels)) == pytest.approx(1 + 1 / 3, abs=1e-5)


def test_moves_to_the_device_of_the_network():
    loss = build_loss("dice-ce", 3, [1.0, 2.0, 3.0])
    buffers = {name: buffer.device.type for name, buffer in loss.to("meta").named_buffers()}
    assert buffers
    assert set(buffers.values()) == {"meta"}


def test_weights_of_counts():
    weights = weights_from_counts([900, 100, 0, 25])
    assert weights == pytest.approx([1 / 30 / 0.333333 * 3, 1 / 10 / 0.333333 * 3, 0, 1 / 5 / 0.333333 * 3], rel=1e-4)
    assert weights_from_counts([5, 7], power=0) == [1.0, 1.0]
    assert weights_from_counts([0, 0]) == [1.0, 1.0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("focal", 3), "There is no loss 'focal': choose one of dice-ce, tversky, tversky-ce."),
        (("tversky", 3, [1.0, 2.0]), "2 class weights are given for 3 classes: give one for each, background first."),
        (("tversky", 2, [1.0, -2.0]), "The weight of class 1 is -2.0: give a number of 0 or more."),
        (("tversky", 2, [math.nan, 1.0]), "The weight of class 0 is nan: give a number of 0 or more."),
        (("dice-ce", 2, [0.0, 0.0]), "All class weights are 0: give at least one class a weight."),
    ],
)
def test_what_a_person_can_get_wrong(arguments, sentence):
    with pytest.raises(UserError) as error:
        build_loss(*arguments)
    assert str(error.value) == sentence


def test_a_loss_that_is_no_number():
    check_finite(torch.tensor(1.5), 3)
    with pytest.raises(UserError, match="became nan at step 12: lower the learning rate"):
        check_finite(torch.tensor(math.nan), 12)


@pytest.mark.parametrize("name", LOSSES)
def test_voxels_that_are_left_open_do_not_count(name):
    logits, labels = random_case(3)
    loss = OpenVoxels(build_loss(name, 4))
    assert torch.equal(loss(logits, labels), build_loss(name, 4)(logits, labels))
    left_open = torch.rand(labels.shape, generator=torch.Generator().manual_seed(1)) < 0.3
    marked = torch.where(left_open, -1, labels)
    logits.requires_grad_()
    value = loss(logits, marked)
    value.backward()
    known = ~left_open
    plain = build_loss(name, 4)(logits.movedim(1, -1)[known].T[None, :, None, None], labels[known][None, None, None])
    assert value.item() == pytest.approx(plain.item(), abs=1e-6)
    gradient = logits.grad.abs().sum(1)
    assert (gradient[left_open] == 0).all() and (gradient[known] > 0).all()
    other = torch.where(left_open[:, None], 9.0, logits.detach())
    assert loss(other, marked).item() == pytest.approx(value.item(), abs=1e-6)


def test_a_batch_that_is_all_left_open_teaches_nothing():
    logits = torch.randn(1, 3, 2, 2, 2, requires_grad=True)
    value = OpenVoxels(build_loss("dice-ce", 3))(logits, torch.full((1, 2, 2, 2), -1))
    value.backward()
    assert value.item() == 0 and (logits.grad == 0).all()
