"""What the course of a training says: whether the network learns by heart, and what to do about it."""

import math
from collections.abc import Mapping, Sequence

LATER = 3
"""Epochs after the best one before something is said."""

RISE = 1.05


def best_epoch(rows: Sequence[Mapping[str, float]]) -> int | None:
    """The epoch (from 1) whose weights are kept; None before the first has ended."""
    best = [int(row["epoch"]) for row in rows if row.get("best") == 1]
    return best[-1] if best else None


def advice(rows: Sequence[Mapping[str, float]]) -> str:
    """One or two sentences about the curves; empty where there is nothing to say.

    Overfitting is taken to be what DeepFinder's guide says: the loss of validation rises while that of training falls.

    Parameters
    ----------
    rows
        Of `engine.training.history`.
    """
    judged = [row for row in rows if math.isfinite(row.get("val_loss", math.nan))]
    if not rows:
        return ""
    if not judged:
        return (
            "Without validation targets nothing shows whether the network learns by heart: choose another tomogram's."
        )
    lowest = min(judged, key=lambda row: row["val_loss"])
    last, begun = judged[-1], int(lowest["epoch"])
    if int(last["epoch"]) - begun < LATER:
        return ""
    if last["val_loss"] > RISE * lowest["val_loss"] and last["train_loss"] < lowest["train_loss"]:
        return (
            f"Since epoch {begun} the loss of validation has risen while that of training fell: the network learns its "
            f"tomograms by heart. The weights of epoch {best_epoch(rows) or begun} are kept. More annotated tomograms "
            "help most; then half-turns about all axes, gain and noise, a narrower network, or stopping early."
        )
    return ""
