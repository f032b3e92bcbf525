"""What training minimises: losses of logits [batch, classes, z, y, x] and labels [batch, z, y, x], 0 = background.

Labels are integers below the number of classes; whoever reads a target checks that. Losses are computed in float32
even under mixed precision, where sums over a patch would overflow.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from engine.errors import UserError

Absent = Literal["count", "skip"]
"""What a class that a batch does not hold adds: "count" = the constant 1 of the original; "skip" = nothing, the class
weighs on neither the value nor its average. Such a class has no true positives, so that its Tversky term has no
gradient either way; predicting it where it is absent costs through the classes that lose those voxels."""

TINY = 1e-12


@dataclass(frozen=True)
class Loss:
    """One entry of the list of losses: `build(weights, absent)` makes a module of logits and labels."""

    name: str
    title: str
    summary: str
    build: Callable[[torch.Tensor | None, Absent], nn.Module]


def build_loss(
    name: str, classes: int, class_weights: Sequence[float] | None = None, absent: Absent | None = None
) -> nn.Module:
    """A loss as a module: `loss(logits, labels)`. Its weights move with `.to(device)`.

    Parameters
    ----------
    name
        One of `LOSSES`.
    classes
        How many, background included.
    class_weights
        One for each class, background first; None = all 1.
    absent
        What classes do that a batch does not hold; None = "count" for Tversky, as in the original, else "skip".

    Raises
    ------
    UserError
        No such loss; weights of another number, negative, not finite or all zero.
    """
    if name not in LOSSES:
        raise UserError(f"There is no loss {name!r}: choose one of {', '.join(LOSSES)}.")
    weights = None if class_weights is None else _checked_weights(class_weights, classes)
    return LOSSES[name].build(weights, absent or ("count" if name == "tversky" else "skip"))


class OpenVoxels(nn.Module):
    """A loss that leaves out the voxels with a label below 0, of which nobody said what they are.

    Parameters
    ----------
    loss
        One of `build_loss`; it sees the other voxels of the batch in a row.
    """

    def __init__(self, loss: nn.Module):
        super().__init__()
        self.loss = loss

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        known = labels >= 0
        if bool(known.all()):
            return self.loss(logits, labels)
        if not bool(known.any()):
            return logits.float().sum() * 0.0
        row = logits.movedim(1, 0)[:, known]
        return self.loss(row[None, :, :, None, None], labels[known][None, :, None, None])


def weights_from_counts(counts: Sequence[int], power: float = 0.5) -> list[float]:
    """Class weights that give rare classes more say: count^(−power), scaled to a mean of 1 over the classes present.

    Parameters
    ----------
    counts
        Voxels of each class in the targets, background first; a class without any has weight 0.
    power
        0 = all alike, 1 = every class the same in total.
    """
    raw = [float(count) ** -power if count else 0.0 for count in counts]
    present = [value for value in raw if value]
    return [value * len(present) / sum(present) for value in raw] if present else [1.0] * len(counts)


def check_finite(loss: torch.Tensor | float, step: int) -> None:
    """Raise UserError when the loss of a step is not a finite number. On a GPU this waits for the step to end."""
    value = float(loss)
    if not math.isfinite(value):
        raise UserError(
            f"The loss became {value} at step {step}: lower the learning rate or switch mixed precision off, and look "
            "for tomograms with constant or missing densities."
        )


class TverskyLoss(nn.Module):
    """DeepFinder's loss: Σ over classes of 1 − TP / (TP + ½ FP + ½ FN), sums over the whole batch, no ε.

    Parameters
    ----------
    weights
        Factor of each class's term; None = 1.
    absent
        See `Absent`.
    """

    weights: torch.Tensor | None

    def __init__(self, weights: torch.Tensor | None = None, absent: Absent = "count"):
        super().__init__()
        self.register_buffer("weights", weights)
        self.absent = absent

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with torch.autocast(logits.device.type, enabled=False):
            probabilities = logits.float().softmax(1).movedim(1, 0).flatten(1)
            return tversky(probabilities, labels.flatten(), self.weights, self.absent)


def tversky(
    probabilities: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None = None, absent: Absent = "count"
) -> torch.Tensor:
    """The same of probabilities [classes, voxels] and labels [voxels].

    With p the probability and g the truth of a class, TP = Σpg and TP + ½ FP + ½ FN = ½ (Σp + Σg).
    """
    # A comparison instead of index_add: that adds in another order at each run on a GPU.
    truth = labels == torch.arange(probabilities.shape[0], device=labels.device)[:, None]
    hits = torch.where(truth, probabilities, 0).sum(1)
    counts = truth.sum(1).to(probabilities.dtype)
    # Where a class is neither there nor predicted, the original divides 0 by 0.
    terms = 1 - hits / (0.5 * (probabilities.sum(1) + counts)).clamp_min(TINY)
    if weights is not None:
        terms = terms * weights.to(terms)
    return terms[counts > 0].sum() if absent == "skip" else terms.sum()


class DiceCrossEntropyLoss(nn.Module):
    """Mean soft Dice of the classes without background, over the whole batch, plus cross-entropy: both MONAI's sum.

    With absent="count" this is `monai.losses.DiceCELoss` of a batch; there a class that is absent adds almost 1 to the
    mean. With absent="skip" the mean goes over the classes that are there.

    Parameters
    ----------
    weights
        Factor of each class, in both parts; None = 1.
    absent
        See `Absent`.
    """

    def __init__(self, weights: torch.Tensor | None = None, absent: Absent = "skip"):
        from monai.losses.dice import DiceLoss  # seconds to load, so not before it is needed

        super().__init__()
        self.dice = DiceLoss(
            include_background=False,
            to_onehot_y=True,
            softmax=True,
            batch=True,
            reduction="none",
            weight=None if weights is None else weights[1:],
        )
        self.cross_entropy = _CrossEntropy(weights)
        self.absent = absent

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with torch.autocast(logits.device.type, enabled=False):
            logits, labels = logits.float(), labels.long()
            dice = self.dice(logits, labels[:, None]).flatten()
            if self.absent == "skip":
                present = torch.bincount(labels.flatten(), minlength=logits.shape[1])[1:] > 0
                dice = (dice * present).sum() / present.sum().clamp_min(1)
            return dice.mean() + self.cross_entropy(logits, labels)


class TverskyCrossEntropyLoss(nn.Module):
    """Mean Tversky term of the classes plus cross-entropy: Tversky's balance, with gradients where a class is missed.

    Parameters
    ----------
    weights
        Factor of each class, in both parts; None = 1.
    absent
        See `Absent`.
    """

    def __init__(self, weights: torch.Tensor | None = None, absent: Absent = "skip"):
        super().__init__()
        self.tversky = TverskyLoss(weights, absent)
        self.cross_entropy = _CrossEntropy(weights)

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        classes = logits.shape[1]
        if self.tversky.absent == "skip":
            number: torch.Tensor | int = (torch.bincount(labels.flatten().long(), minlength=classes) > 0).sum()
        else:
            number = classes
        with torch.autocast(logits.device.type, enabled=False):
            return self.tversky(logits, labels) / number + self.cross_entropy(logits.float(), labels.long())


class _CrossEntropy(nn.Module):
    """Cross-entropy of logits and labels, 0 instead of 0/0 where all voxels of a batch have weight 0."""

    weights: torch.Tensor | None

    def __init__(self, weights: torch.Tensor | None):
        super().__init__()
        self.register_buffer("weights", weights)

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        # One row per voxel: torch's form for volumes adds in another order at each run on a GPU.
        rows, labels = logits.movedim(1, -1).flatten(0, -2), labels.flatten()
        if self.weights is None:
            return functional.cross_entropy(rows, labels)
        total = functional.cross_entropy(rows, labels, self.weights, reduction="sum")
        return total / self.weights[labels].sum().clamp_min(TINY)


def _checked_weights(values: Sequence[float], classes: int) -> torch.Tensor:
    if len(values) != classes:
        raise UserError(
            f"{len(values)} class weights are given for {classes} classes: give one for each, background first."
        )
    for number, value in enumerate(values):
        if not math.isfinite(value) or value < 0:
            raise UserError(f"The weight of class {number} is {value}: give a number of 0 or more.")
    if not any(values):
        raise UserError("All class weights are 0: give at least one class a weight.")
    return torch.tensor(list(values), dtype=torch.float32)


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss(
            "dice-ce",
            "Dice and cross-entropy",
            "Steady from the first step and fair to rare classes: the default.",
            DiceCrossEntropyLoss,
        ),
        Loss("tversky", "Tversky", "DeepFinder's loss, exactly.", TverskyLoss),
        Loss(
            "tversky-ce",
            "Tversky and cross-entropy",
            "DeepFinder's loss as a mean, with cross-entropy to start it off.",
            TverskyCrossEntropyLoss,
        ),
    )
}
