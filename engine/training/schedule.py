"""How the learning rate changes during a training."""

import math
from typing import Any, Literal

from engine.errors import UserError

Kind = Literal["constant", "cosine", "plateau"]
KINDS = ("constant", "cosine", "plateau")

FACTOR, PATIENCE, LEAST = 0.5, 5, 1e-3
"""Of "plateau": so often halved after so many epochs without a better score, down to this part of the first rate."""

FLOOR = 0.01
"""Where "cosine" ends, as a part of the first rate."""


class Schedule:
    """The learning rate at any step.

    Parameters
    ----------
    kind
        "constant"; "cosine": falls with half a cosine over the whole training to a hundredth (Loshchilov and Hutter,
        ICLR 2017); "plateau": halved after 5 epochs without a better score.
    rate
        The first learning rate.
    epochs
        Of the whole training.
    """

    def __init__(self, kind: Kind, rate: float, epochs: int):
        if kind not in KINDS:
            raise UserError(f"There is no schedule {kind!r} of the learning rate: choose one of {', '.join(KINDS)}.")
        self.kind, self.rate, self.epochs = kind, rate, epochs
        self.part = 1.0
        self.best = -math.inf
        self.waited = 0

    def at(self, epoch: float) -> float:
        """The learning rate after `epoch` epochs, with fractions."""
        if self.kind == "cosine":
            turn = min(max(epoch / max(self.epochs, 1), 0.0), 1.0)
            return self.rate * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * turn)))
        return self.rate * self.part

    def after_epoch(self, score: float) -> None:
        """Tell the score of an epoch, the higher the better."""
        if self.kind != "plateau":
            return
        if score > self.best:
            self.best, self.waited = score, 0
        else:
            self.waited += 1
        if self.waited > PATIENCE:
            self.part, self.waited = max(self.part * FACTOR, LEAST), 0

    def state_dict(self) -> dict[str, Any]:
        """What changes with time."""
        return {"part": self.part, "best": self.best, "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.part, self.best, self.waited = state["part"], state["best"], state["waited"]
