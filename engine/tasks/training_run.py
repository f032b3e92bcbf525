"""One training from its data to a folder with a model: what the task "train" and DeepFinder's parameter file share.

It knows no project, only the folder it writes to. In several processes (`training_processes`) each runs this; the first
one speaks and writes.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from engine.errors import UserError
from engine.networks.model import ModelDescription, load_model
from engine.networks.registry import build_network, check_options, find_architecture
from engine.networks.weights import load_weights
from engine.tasks.task import Job
from engine.tasks.train_parameters import LearningParameters
from engine.tasks.training_checks import Prepared, prepare
from engine.tasks.training_data import TrainingData
from engine.tasks.training_objects import object_finder
from engine.training import processes
from engine.training.augmentation import Augmentation
from engine.training.checkpoints import telling_what_is_kept
from engine.training.estimate import Estimate, Size, check_memory, estimate, is_out_of_memory, memory_sentence
from engine.training.history import History, Row
from engine.training.loop import LoopSettings, Outlet, ScoreObjects, train_network
from engine.training.losses import OpenVoxels, build_loss, weights_from_counts
from engine.training.object_scores import ObjectScores, score_objects
from engine.training.patches import PatchBatches, PatchStream
from engine.training.sampling import EXAMPLES, BalancedSampler, DeepFinderSampler, Places, Sampler, step_generator

PREPARING = 0.02
"""Part of the progress that looking at the data takes."""

TOLD_EVERY = 1.0
MOST_EXAMPLES = 6


def train_model(
    data: TrainingData,
    parameters: LearningParameters,
    folder: Path,
    job: Job,
    weights: Path | None = None,
    made_by: dict[str, Any] | None = None,
    on_model: Callable[[], None] = lambda: None,
    on_weights: Callable[[torch.nn.Module, int], None] = lambda network, epoch: None,
) -> History:
    """Train a network and keep it in `folder`.

    Parameters
    ----------
    data
        What to learn from.
    parameters
        How; those that say what to learn from are not looked at.
    folder
        Of the model; it exists.
    job
        Told of progress.
    weights
        To begin with: the folder of a model or a file of weights.
    made_by
        What stands in the description of the model about where it comes from.
    on_model
        Called once the folder holds a model that can be used.
    on_weights
        Called with the network and the number of epochs done, after each epoch.

    Raises
    ------
    UserError
        Data that cannot be trained on, a patch that does not fit the network, too little memory, a full disk.
    """
    check_patch(parameters)
    device = chosen_device(parameters.device)
    first = processes.rank() == 0
    with processes.together(processes.local_device(device)):
        prepared = prepare(data, parameters.allow_leakage, parameters.seed, lambda f, t: job.progress(PREPARING * f, t))
        network = build_network(
            parameters.architecture, len(prepared.classes) + 1, parameters.options, parameters.seed, "cpu"
        )
        if weights is not None and not parameters.resume:
            _begin_with(network, weights)
        if first:
            for note in prepared.notes:
                job.log(note)
        precision = chosen_precision(parameters.mixed_precision, device)
        if first and device == "cpu" and precision != "float32":
            job.log(f"Mixed precision ({precision}) is many times slower than single on a CPU: set it to auto.")
        loss = _loss(parameters, prepared)
        check_memory(network, parameters.patch, parameters.batch, processes.local_device(device))
        scores = _object_scores(parameters, prepared, data, device) if first else None
        if first:
            job.progress(PREPARING, "measuring a step")
            measured = estimate(network, loss, size_of(parameters, prepared), device, precision)
            job.log(estimate_sentence(measured))
            if scores is not None:
                job.log("Finding objects in whole validation tomograms comes on top.")
        outlet = Outlet(
            folder,
            description_of(parameters, prepared, data, made_by or {}),
            facts_of(parameters, prepared),
            **_speaking(job, parameters, on_model, lambda epoch: on_weights(network, epoch)) if first else {},
        )
        try:
            with telling_what_is_kept(folder):
                return train_network(
                    network,
                    loss,
                    batches_of(parameters, prepared),
                    loop_settings(parameters, prepared, device, precision),
                    outlet,
                    scores,
                    parameters.resume,
                    ("background", *(c.name for c in prepared.classes)),
                )
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise UserError(memory_sentence(network, parameters.patch, parameters.batch, device)) from error


def estimate_training(data: TrainingData, parameters: LearningParameters) -> Estimate:
    """Time and memory of a training, without looking at voxels or beginning it. Raises UserError as `train_model`."""
    check_patch(parameters)
    device = chosen_device(parameters.device)
    classes = len(data.classes) + 1 if data.classes else 2
    network = build_network(parameters.architecture, classes, parameters.options, parameters.seed, "cpu")
    loss = build_loss(parameters.loss, classes)
    steps = parameters.steps_per_validation if data.validation else 0
    size = Size(parameters.patch, parameters.batch, parameters.epochs, parameters.steps_per_epoch, steps)
    return estimate(network, loss, size, device, chosen_precision(parameters.mixed_precision, device))


def estimate_sentence(measured: Estimate) -> str:
    """What an estimate says, for a person."""
    peak = measured.peak_bytes / 1e9
    memory = f"{peak:.1f}" if peak >= 0.1 else f"{peak:.2g}"
    memory += f" of {measured.free_bytes / 1e9:.1f} GB that are free"
    if not measured.seconds == measured.seconds:
        return f"About {memory} would be needed: too much."
    return (
        f"About {measured.seconds_per_step:.2g} s per step, {_duration(measured.seconds_per_epoch)} per epoch, "
        f"{_duration(measured.seconds)} in all, and {memory}."
    )


def check_patch(parameters: LearningParameters) -> None:
    """Raise UserError unless the patch is a multiple of what the network needs; unknown networks and options too."""
    unit = find_architecture(parameters.architecture).multiple_of
    check_options(parameters.architecture, parameters.options)
    if parameters.patch % unit:
        lower = parameters.patch // unit * unit
        near = f"{lower} or {lower + unit}" if lower else str(unit)
        raise UserError(
            f"A patch of {parameters.patch} voxels does not fit the network {parameters.architecture}, which needs a "
            f"multiple of {unit}: give {near}."
        )


def chosen_device(device: str) -> str:
    """The device "cpu" or "cuda". Raises UserError when a GPU is asked for and there is none."""
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise UserError("No GPU can be used on this machine: choose the device cpu, or auto.")
    return "cuda" if device != "cpu" and available else "cpu"


def chosen_precision(asked: str, device: str) -> Literal["float32", "bf16", "fp16"]:
    """What "auto" means here: bf16 on a GPU that can, fp16 on an older one; on a CPU it would be slower."""
    if asked == "off" or (asked == "auto" and device == "cpu"):
        return "float32"
    if asked == "auto":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "bf16" if asked == "bf16" or device == "cpu" else "fp16"


def size_of(parameters: LearningParameters, prepared: Prepared) -> Size:
    """What decides over time and memory."""
    steps = parameters.steps_per_validation if prepared.validation else 0
    return Size(parameters.patch, parameters.batch, parameters.epochs, parameters.steps_per_epoch, steps)


def loop_settings(
    parameters: LearningParameters, prepared: Prepared, device: str, precision: Literal["float32", "bf16", "fp16"]
) -> LoopSettings:
    """How the loop runs."""
    return LoopSettings(
        epochs=parameters.epochs,
        steps=parameters.steps_per_epoch,
        validation_steps=parameters.steps_per_validation if prepared.validation else 0,
        learning_rate=parameters.first_rate,
        schedule=parameters.schedule,
        optimiser=parameters.optimiser,
        precision=precision,
        clip=parameters.clip or None,
        patience=parameters.patience,
        seed=parameters.seed,
        workers=parameters.workers,
        device=device,
    )


def batches_of(parameters: LearningParameters, prepared: Prepared) -> PatchBatches:
    """Where patches come from and what is done to them."""
    shapes = [[_shape(source) for source in sources] for sources in (prepared.training, prepared.validation)]
    sampler = _sampler(parameters, prepared.training_places, shapes[0], prepared.negatives)
    training = PatchStream(prepared.training, sampler)
    validation, places, of = None, prepared.training_places, shapes[0]
    if prepared.validation:
        validation = PatchStream(prepared.validation, _sampler(parameters, prepared.validation_places, shapes[1]))
        places, of = prepared.validation_places, shapes[1]
    shown = BalancedSampler(places, of, parameters.patch, 0, 0.0)
    return PatchBatches(
        training,
        validation,
        parameters.patch,
        parameters.batch,
        prepared.channel_of,
        parameters.normalisation,
        Augmentation(parameters.half_turns, parameters.mirror, parameters.gain, parameters.offset, parameters.noise),
        shown.one_of_each(MOST_EXAMPLES, step_generator(parameters.seed, EXAMPLES, 0, 0)),
        parameters.seed,
        processes.rank(),
    )


def description_of(
    parameters: LearningParameters, prepared: Prepared, data: TrainingData, made_by: dict[str, Any]
) -> ModelDescription:
    """What is stored with the weights."""
    sizes = [pair.voxel_size for pair in data.training if pair.voxel_size]
    options = check_options(parameters.architecture, parameters.options).model_dump(mode="json")
    return ModelDescription(
        architecture=parameters.architecture,
        options=options,
        classes=prepared.classes,
        voxel_size=float(np.mean(sizes)) if sizes else None,
        normalisation=parameters.normalisation,
        patch=parameters.patch,
        made_by=made_by,
    )


def facts_of(parameters: LearningParameters, prepared: Prepared) -> dict[str, Any]:
    """What a resumed training must have in common with the one before."""
    return {
        "architecture": parameters.architecture,
        "classes": ", ".join(f"{c.label} {c.name}" for c in prepared.classes),
        "normalisation": parameters.normalisation,
        "optimiser": parameters.optimiser,
    }


def _sampler(
    parameters: LearningParameters,
    places: Places,
    shapes: list[tuple[int, int, int]],
    negatives: Places | None = None,
) -> Sampler:
    if parameters.sampling == "deepfinder":
        return DeepFinderSampler(places, shapes, parameters.patch, parameters.random_shift, parameters.bootstrap)
    return BalancedSampler(
        places,
        shapes,
        parameters.patch,
        parameters.random_shift,
        parameters.background,
        negatives,
        parameters.hard_negative_share,
    )


def _shape(source: Any) -> tuple[int, int, int]:
    from engine.volumes import read_info

    return read_info(source.density).shape


def _loss(parameters: LearningParameters, prepared: Prepared) -> torch.nn.Module:
    weights = weights_from_counts(prepared.counts) if parameters.class_weights == "rare classes more" else None
    loss = build_loss(parameters.loss, len(prepared.classes) + 1, weights)
    return OpenVoxels(loss) if (prepared.channel_of < 0).any() else loss


def _begin_with(network: torch.nn.Module, weights: Path) -> None:
    if weights.is_dir():
        network.load_state_dict(_compatible(network, weights))
    else:
        load_weights(network, weights)


def _compatible(network: torch.nn.Module, folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a model, checked against the network by loading them into it once."""
    trained = load_model(folder)
    load_weights(network, folder / trained.description.weights)
    return trained.network.state_dict()


def _object_scores(
    parameters: LearningParameters, prepared: Prepared, data: TrainingData, device: str
) -> ScoreObjects | None:
    truths = prepared.truths
    if not parameters.object_scores or truths is None or not any(len(truth.labels) for truth in truths):
        return None
    sizes = [float(np.mean(pair.voxel_size)) for pair in data.pairs if pair.voxel_size]
    size = sizes[0] if sizes else 1.0
    listed = {label for pair in data.pairs for label in (pair.objects or {})}
    radii = {n: c.radius / size for n, c in enumerate(prepared.classes, start=1) if c.label in listed}
    find = object_finder(data.validation, truths, parameters.normalisation, parameters.patch, radii, device)
    names = {channel: prepared.classes[channel - 1].name for channel in radii}
    every = parameters.judge_every

    def judge(network: torch.nn.Module, epoch: int) -> ObjectScores | None:
        if (epoch + 1) % every and epoch + 1 != parameters.epochs:
            return None
        return score_objects(network, find, truths, radii, names)

    return judge


def _speaking(
    job: Job, parameters: LearningParameters, on_model: Callable[[], None], on_weights: Callable[[int], None]
) -> dict[str, Any]:
    """The callables that tell the job how far a training is."""
    total = parameters.epochs * parameters.steps_per_epoch
    told = [0.0, False]

    def on_step(epoch: int, step: int, loss: float) -> None:
        if time.monotonic() - told[0] < TOLD_EVERY:
            return
        told[0] = time.monotonic()
        done = (epoch * parameters.steps_per_epoch + step + 1) / total
        job.progress(
            PREPARING + (1 - PREPARING) * done,
            f"epoch {epoch + 1} of {parameters.epochs}, step {step + 1} of {parameters.steps_per_epoch}, "
            f"loss {loss:.4g}",
        )

    def on_epoch(epoch: int, row: Row) -> None:
        if not told[1]:
            told[1] = True
            on_model()
        on_weights(epoch + 1)
        job.log(epoch_line(row))

    return {"on_step": on_step, "on_epoch": on_epoch}


def epoch_line(row: Row) -> str:
    """One line about an epoch."""
    said = [f"epoch {int(row['epoch'])}: loss {row['train_loss']:.4g}"]
    if "val_loss" in row:
        said.append(f"validation loss {row['val_loss']:.4g}, voxels' F1 {row['val_macro_f1']:.3f}")
    if "object_macro_f1" in row:
        said.append(f"objects' F1 {row['object_macro_f1']:.3f}")
    return ", ".join(said) + (", the best so far" if row["best"] else "")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
