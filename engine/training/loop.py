"""The training loop: steps, validation, the best and the last weights, early stopping.

It knows no project: where patches come from, how objects are scored and what is told of progress is given to it.
"""

import math
import signal
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch.utils.data import DataLoader

from engine.errors import UserError
from engine.networks.model import ModelDescription, save_model
from engine.training import processes
from engine.training.checkpoints import Progress, load_checkpoint, save_checkpoint
from engine.training.examples import Examples
from engine.training.history import EpochSteps, History, Row, read_history
from engine.training.object_scores import ObjectScores
from engine.training.patches import Batch, Failure, PatchBatches, Request
from engine.training.sampling import EXAMPLES, TRAINING, VALIDATION
from engine.training.schedule import Kind, Schedule
from engine.training.voxel_metrics import VoxelScores, confusion, voxel_scores

Precision = Literal["float32", "bf16", "fp16"]

MOST_SKIPPED = 20
"""So many steps in a row may have gradients that are not finite; then the training has diverged."""

PENDING = 8
"""A GPU is asked for its losses every so many steps, because asking means waiting for it."""


@dataclass(frozen=True)
class LoopSettings:
    """How to train.

    Parameters
    ----------
    epochs, steps, validation_steps
        Epochs; steps in each; steps of validation after each.
    learning_rate, schedule
        The first learning rate and how it changes.
    optimiser, weight_decay
        "adam" or "adamw", both with β 0.9 and 0.999 and ε 1e-8; the decay counts for "adamw".
    precision
        "bf16" and "fp16" compute with mixed precision.
    clip
        Gradients are shortened to this norm; None = not. Steps with gradients that are not finite are left out.
    patience
        Epochs without a better score after which training stops; 0 = never.
    seed
        Of everything random.
    workers
        Processes that read patches; 0 = the training process reads.
    device
        "cpu" or "cuda".
    """

    epochs: int
    steps: int
    validation_steps: int = 0
    learning_rate: float = 1e-4
    schedule: Kind = "constant"
    optimiser: Literal["adam", "adamw"] = "adam"
    weight_decay: float = 1e-2
    precision: Precision = "float32"
    clip: float | None = None
    patience: int = 0
    seed: int = 0
    workers: int = 0
    device: str = "cpu"


@dataclass(frozen=True)
class Outlet:
    """Where results of a training go.

    Parameters
    ----------
    folder
        Of the model; None = nothing is written.
    description
        Stored with the best weights.
    facts
        What a resumed training must have in common with the one before.
    on_step
        Called with (epoch, step, loss) as losses become known.
    on_epoch
        Called with (epoch, row) after each epoch.
    """

    folder: Path | None = None
    description: ModelDescription | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    on_step: Callable[[int, int, float], None] = lambda epoch, step, loss: None
    on_epoch: Callable[[int, Row], None] = lambda epoch, row: None


ScoreObjects = Callable[[nn.Module, int], ObjectScores | None]
"""Given the network, set to predict, and the number of the epoch: its scores, or None where it is not judged now."""


def train_network(
    network: nn.Module,
    loss: nn.Module,
    batches: PatchBatches,
    settings: LoopSettings,
    outlet: Outlet | None = None,
    score_objects: ScoreObjects | None = None,
    resume: bool = False,
    class_names: tuple[str, ...] = (),
) -> History:
    """Train a network.

    The score that is watched (for the best weights, early stopping and "plateau") is the objects' macro-F1 where they
    are scored, else the voxels' macro-F1 on validation patches, else minus the training loss. Of epochs that score
    alike, as those do that find all of few objects, the one with the smaller validation loss is the better.

    Parameters
    ----------
    network, loss
        As `engine.networks` and `engine.training.losses` make them; the network is changed in place.
    batches
        Gives `Batch` for `Request`.
    settings
        How.
    outlet
        What is written and told.
    score_objects
        Called after each epoch; None = objects are not scored.
    resume
        Go on from the checkpoint in the outlet's folder.
    class_names
        Of all channels, background first, for the columns of the history.

    Returns
    -------
    History
        Of all epochs, earlier ones included.

    Raises
    ------
    UserError
        Patches that cannot be used, a loss that is not finite, a full disk, no checkpoint to resume from.
    """
    return _Training(network, loss, batches, settings, outlet or Outlet(), score_objects, class_names).run(resume)


class _Training:
    """One training; `train_network` says what the parts are."""

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        batches: PatchBatches,
        settings: LoopSettings,
        outlet: Outlet,
        score_objects: ScoreObjects | None,
        class_names: tuple[str, ...],
    ):
        self.settings, self.outlet, self.batches = settings, outlet, batches
        self.device = processes.local_device(settings.device)
        self.network = network.to(self.device)
        self.loss = loss.to(self.device)
        self.classes = int(batches.channel_of.max()) + 1
        self.names = class_names or tuple(str(n) for n in range(self.classes))
        self.score_objects = score_objects
        self.optimiser = _optimiser(self.network, settings)
        self.schedule = Schedule(settings.schedule, settings.learning_rate, settings.epochs)
        kind = self.device.split(":")[0]
        self.scaler = torch.amp.GradScaler(kind, enabled=settings.precision == "fp16" and kind == "cuda")  # type: ignore[attr-defined]
        self.autocast = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(settings.precision)
        self.skipped = 0
        self.first = processes.rank() == 0

    def run(self, resume: bool) -> History:
        """Train until the last epoch or until patience ends."""
        torch.manual_seed(self.settings.seed + processes.rank())
        progress, history = self._start(resume)
        if progress.epoch >= self.settings.epochs:
            return history
        self.shared = processes.shared(self.network, self.device)
        stream = self._stream(progress.epoch)
        examples = Examples.begin(self.outlet.folder, progress.epoch) if self.first else None
        with closing(stream):  # ends the worker processes
            self._epochs(stream, progress, history, examples)
        return history

    def _epochs(self, stream: Iterator[Batch], progress: Progress, history: History, examples: Examples | None) -> None:
        for epoch in range(progress.epoch, self.settings.epochs):
            began = time.perf_counter()
            steps = EpochSteps()
            self._train(stream, epoch, steps)
            row: Row = {
                "epoch": epoch + 1,
                "seconds": 0.0,
                "learning_rate": self.schedule.at(epoch),
                "train_loss": _mean(steps.loss),
                "train_accuracy": _mean(steps.accuracy),
            }
            score = 0.0
            if self.first:
                score = self._judge(stream, epoch, steps, row, examples)
            score = processes.told(score, self.device)
            if not math.isnan(score):
                self.schedule.after_epoch(score)
            better = progress.is_beaten_by(score, row.get("val_loss"))
            if better:
                progress.best, progress.best_epoch, progress.best_loss = score, epoch + 1, row.get("val_loss")
            progress.epoch = epoch + 1
            row |= {"best": float(better), "seconds": time.perf_counter() - began}
            history.add(row, steps)
            if self.first:
                self._write(history, progress, better, examples)
                self.outlet.on_epoch(epoch, row)
            waited = progress.epoch - (progress.best_epoch or 0)
            if self.settings.patience and waited >= self.settings.patience:
                break

    def _start(self, resume: bool) -> tuple[Progress, History]:
        if not resume:
            return Progress(facts=self.outlet.facts), History()
        if self.outlet.folder is None:
            raise UserError("A training without a folder cannot be resumed: name the model to go on with.")
        progress = load_checkpoint(
            self.outlet.folder, self.network, self.optimiser, self.schedule, self.scaler, self.outlet.facts
        )
        return progress, read_history(self.outlet.folder).shortened(progress.epoch)

    def _stream(self, first_epoch: int) -> Generator[Batch, None, None]:
        """All batches in the order in which the loop takes them, read ahead across epochs."""
        validate = self.first and self.batches.validation is not None
        wanted = []
        for epoch in range(first_epoch, self.settings.epochs):
            wanted += [Request(TRAINING, epoch, step) for step in range(self.settings.steps)]
            if validate:
                wanted += [Request(VALIDATION, epoch, step) for step in range(self.settings.validation_steps)]
            if self.first and len(self.batches.examples):
                wanted.append(Request(EXAMPLES, epoch, 0))
        loader: Any = DataLoader(
            self.batches,
            batch_size=None,
            sampler=wanted,  # type: ignore[arg-type]
            num_workers=self.settings.workers,
            collate_fn=_as_it_is,
            pin_memory=self.device.startswith("cuda"),
            prefetch_factor=2 if self.settings.workers else None,
            worker_init_fn=_leave_ending_to_the_loop,
        )
        for made in loader:
            if isinstance(made, Failure):
                raise UserError(made.sentence)
            density, channels = made
            yield Batch(density.to(self.device, non_blocking=True), channels.to(self.device, non_blocking=True))

    def _train(self, stream: Iterator[Batch], epoch: int, steps: EpochSteps) -> None:
        self.shared.train()
        pending: list[tuple[int, torch.Tensor, torch.Tensor]] = []
        for step in range(self.settings.steps):
            density, channels = next(stream)
            rate = self.schedule.at(epoch + step / self.settings.steps)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            self.optimiser.zero_grad(set_to_none=True)
            with self._mixed():
                logits = self.shared(density)
            value = self.loss(logits, channels)
            self.scaler.scale(value).backward()
            self._step(epoch, step)
            with torch.no_grad():
                known = (channels >= 0).sum().clamp_min(1)
                right = (logits.argmax(1) == channels).sum() / known
            pending.append((step, value.detach(), right))
            if len(pending) >= PENDING or self.device == "cpu" or step == self.settings.steps - 1:
                self._settle(epoch, pending, steps)

    def _step(self, epoch: int, step: int) -> None:
        """Move the weights, unless gradients are not finite."""
        self.scaler.unscale_(self.optimiser)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip or math.inf)
        if self.scaler.is_enabled():
            self.scaler.step(self.optimiser)  # leaves the step out by itself and scales less from then on
            self.scaler.update()
            return
        if torch.isfinite(norm):
            self.optimiser.step()
            self.skipped = 0
            return
        self.skipped += 1
        if self.skipped >= MOST_SKIPPED:
            raise _diverged(f"Gradients were not finite in {MOST_SKIPPED} steps in a row", epoch, step)

    def _settle(self, epoch: int, pending: list[tuple[int, torch.Tensor, torch.Tensor]], steps: EpochSteps) -> None:
        for step, value, right in pending:
            number = float(value)
            if not math.isfinite(number):
                raise _diverged(f"The loss became {number}", epoch, step)
            steps.loss.append(number)
            steps.accuracy.append(float(right))
            if self.first:
                self.outlet.on_step(epoch, step, number)
        pending.clear()

    def _judge(
        self, stream: Iterator[Batch], epoch: int, steps: EpochSteps, row: Row, examples: Examples | None
    ) -> float:
        """Validate on patches and objects; fills `steps` and `row`, returns the score that is watched."""
        self.network.eval()
        score = -row["train_loss"]
        with torch.no_grad():
            if self.batches.validation is not None and self.settings.validation_steps:
                scores = self._validate(stream, steps)
                row |= {"val_loss": _mean(steps.val_loss), "val_accuracy": scores.accuracy}
                row["val_macro_f1"] = scores.macro_f1
                for number, name in enumerate(self.names):
                    row |= {
                        f"val_precision:{name}": float(scores.precision[number]),
                        f"val_recall:{name}": float(scores.recall[number]),
                        f"val_f1:{name}": float(scores.f1[number]),
                    }
                score = 0.0 if math.isnan(scores.macro_f1) else scores.macro_f1
            if len(self.batches.examples):
                density, channels = next(stream)
                with self._mixed():
                    predicted = self.network(density).argmax(1)
                if examples is not None:
                    examples.add(epoch + 1, density, channels, predicted)
            if self.score_objects is not None:
                objects = self.score_objects(self.network, epoch)
                row |= {} if objects is None else objects.as_row()
                score = math.nan if objects is None else objects.macro_f1
        return score

    def _validate(self, stream: Iterator[Batch], steps: EpochSteps) -> VoxelScores:
        counts = torch.zeros((self.classes, self.classes), dtype=torch.int64)
        for _ in range(self.settings.validation_steps):
            density, channels = next(stream)
            with self._mixed():
                logits = self.network(density)
            table = confusion(logits.argmax(1), channels, self.classes).cpu()
            counts += table
            scores = voxel_scores(table)
            steps.val_loss.append(float(self.loss(logits, channels)))
            steps.val_accuracy.append(scores.accuracy)
            steps.val_f1.append(scores.f1.tolist())
            steps.val_precision.append(scores.precision.tolist())
            steps.val_recall.append(scores.recall.tolist())
        return voxel_scores(counts)

    def _write(self, history: History, progress: Progress, better: bool, examples: Examples | None) -> None:
        """Best weights and history first, the checkpoint last: a history that is ahead is shortened at a resume."""
        folder = self.outlet.folder
        if folder is None:
            return
        if (better or progress.best is None) and self.outlet.description is not None:
            save_model(folder, self.network, self.outlet.description)
        history.write(folder)
        if examples is not None:
            examples.write(folder)
        save_checkpoint(folder, self.network, self.optimiser, self.schedule, self.scaler, progress)

    def _mixed(self) -> Any:
        return torch.autocast(self.device.split(":")[0], dtype=self.autocast, enabled=self.autocast is not None)


def _leave_ending_to_the_loop(_: int) -> None:
    """Let a worker be: a cancelled job's signal reaches all of its processes, and the loop ends its workers itself."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _optimiser(network: nn.Module, settings: LoopSettings) -> torch.optim.Optimizer:
    choice: dict[str, Any] = {"lr": settings.learning_rate, "betas": (0.9, 0.999), "eps": 1e-8}
    if settings.optimiser == "adamw":
        return torch.optim.AdamW(network.parameters(), weight_decay=settings.weight_decay, **choice)
    return torch.optim.Adam(network.parameters(), **choice)


def _diverged(what: str, epoch: int, step: int) -> UserError:
    return UserError(
        f"{what} (epoch {epoch + 1}, step {step + 1}): lower the learning rate or switch mixed precision off, then "
        "resume from the last checkpoint or start anew."
    )


def _as_it_is(made: Any) -> Any:
    return made


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan
