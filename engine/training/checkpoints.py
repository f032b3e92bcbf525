"""`last.pt`: all that a training needs to go on exactly where it stopped. Replaced whole or not at all.

The best weights so far are another file (`engine.networks.model`), so that a model can be used while it is trained.
"""

import errno
import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.errors import UserError
from engine.networks.weights import put_state, read_tensors, write_tensors

FILE_NAME = "last.pt"
FORMAT = 1


@dataclass
class Progress:
    """How far a training is.

    Parameters
    ----------
    epoch
        Epochs done.
    best, best_epoch
        The best score that was watched, and after how many epochs; None = none yet.
    best_loss
        The validation loss of that epoch; None where there was none.
    facts
        What a training must have in common with the one that it goes on from: numbers and words by name.
    """

    epoch: int = 0
    best: float | None = None
    best_epoch: int | None = None
    best_loss: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def is_beaten_by(self, score: float, loss: float | None) -> bool:
        """Whether an epoch with this score and validation loss is better than the best so far; NaN was not judged."""
        if math.isnan(score):
            return False
        if self.best is None or score > self.best:
            return True
        return score == self.best and loss is not None and self.best_loss is not None and loss < self.best_loss


def save_checkpoint(
    folder: Path, network: nn.Module, optimiser: Any, schedule: Any, scaler: Any, progress: Progress
) -> None:
    """Write `last.pt`; the one before stays until this one is whole.

    Parameters
    ----------
    folder
        Of the model.
    network
        Its weights are kept; a network in DistributedDataParallel is taken out of it first.
    optimiser, schedule, scaler
        What has a `state_dict`.
    progress
        How far it is.

    Raises
    ------
    UserError
        The disk is full or the folder cannot be written; the last good checkpoint is as it was.
    """
    content = {
        "format": FORMAT,
        "network": {name: value.detach().cpu() for name, value in network.state_dict().items()},
        "optimiser": optimiser.state_dict(),
        "schedule": schedule.state_dict(),
        "scaler": scaler.state_dict(),
        "random": random_states(),
        "epoch": progress.epoch,
        "best": progress.best,
        "best_epoch": progress.best_epoch,
        "best_loss": progress.best_loss,
        "facts": progress.facts,
    }
    write_tensors(content, folder / FILE_NAME)


def load_checkpoint(
    folder: Path, network: nn.Module, optimiser: Any, schedule: Any, scaler: Any, facts: dict[str, Any]
) -> Progress:
    """Put what `save_checkpoint` wrote back in its places, torch's and Python's random states included.

    Parameters
    ----------
    folder
        Of the model.
    network, optimiser, schedule, scaler
        What gets its state back; built as they were at first.
    facts
        What must be as it was.

    Raises
    ------
    UserError
        No checkpoint there, damaged, of another version; a fact that differs, named with both values.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise UserError(f"There is no checkpoint {path} to resume from: start this training anew.")
    content = read_tensors(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT or "optimiser" not in content:
        raise UserError(f"{path} is no checkpoint that this version can resume from: start the training anew.")
    for name, value in facts.items():
        before = content["facts"].get(name, value)
        if before != value:
            raise UserError(
                f"This training was begun with {name} = {before} and cannot be resumed with {value}: give {before}, "
                "or start a new training."
            )
    put_state(network, content["network"], str(path))
    optimiser.load_state_dict(content["optimiser"])
    schedule.load_state_dict(content["schedule"])
    scaler.load_state_dict(content["scaler"])
    restore_random_states(content["random"])
    best_loss = content.get("best_loss")  # checkpoints of earlier versions have none
    return Progress(content["epoch"], content["best"], content["best_epoch"], best_loss, dict(content["facts"]))


@contextmanager
def telling_what_is_kept(folder: Path) -> Iterator[None]:
    """Where the disk gets full inside the block, say too how far the training in `folder` is kept.

    Raises
    ------
    UserError
        That of the block; of a full disk with the epoch of the last checkpoint, if there is one.
    """
    try:
        yield
    except UserError as error:
        cause = error.__cause__
        full = isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if not full or not (folder / FILE_NAME).is_file():
            raise
        epoch = read_tensors(folder / FILE_NAME)["epoch"]
        reason = str(error).removesuffix("Free some space there, then run this again.").strip()
        raise UserError(
            f"{reason} The training is kept up to epoch {epoch}: free some space there, then go on with "
            f"{folder.name} (resume)."
        ) from cause


def random_states() -> dict[str, Any]:
    """The states of the random numbers of Python, NumPy, torch and the GPUs."""
    kind, keys, position, has_gauss, cached = np.random.get_state()  # type: ignore[misc]
    return {
        "python": random.getstate(),
        "numpy": (kind, torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, cached),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
    }


def restore_random_states(states: dict[str, Any]) -> None:
    """Set what `random_states` gave; GPUs only where there are as many."""
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    kind, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(states["torch"])
    if states["cuda"] and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
