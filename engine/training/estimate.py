"""How long a training will take and how much memory, measured before it is launched; and what would fit."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import psutil
import torch
from torch import nn

from engine.errors import UserError
from engine.networks.memory import training_bytes

MARGIN = 4 / 3
"""What libraries work in comes on top of the tensors that live."""

SMALL = 32
"""Edge of the patch that is timed on a CPU; time grows with the voxels."""

TIMED = 2
"""Patches that are timed at once on a CPU: with one small patch torch takes another, slower road than in training."""

CUDA_CONTEXT = 600_000_000


@dataclass(frozen=True)
class Estimate:
    """What a training will need.

    Parameters
    ----------
    seconds_per_step
        One step of training.
    seconds_per_epoch, seconds
        An epoch, validation included (a step without the way back takes a third), and the whole training. Validation
        on whole tomograms comes on top.
    peak_bytes
        Most memory on the device.
    free_bytes
        What is free there now.
    """

    seconds_per_step: float
    seconds_per_epoch: float
    seconds: float
    peak_bytes: int
    free_bytes: int

    @property
    def fits(self) -> bool:
        """Whether the memory that is free now suffices."""
        return self.peak_bytes <= self.free_bytes


@dataclass(frozen=True)
class Size:
    """What decides over time and memory.

    Parameters
    ----------
    patch, batch
        Edge of a patch in voxels, a multiple of the network's `multiple_of`; patches per step.
    epochs, steps, validation_steps
        Epochs, and steps in each.
    """

    patch: int
    batch: int
    epochs: int
    steps: int
    validation_steps: int


def estimate(
    network: nn.Module, loss: nn.Module, size: Size, device: str = "cpu", precision: str = "float32"
) -> Estimate:
    """Measure a forward and backward step with random numbers; the weights stay as they are.

    On a CPU a small patch is timed (some 0.1 s) and scaled by the voxels; memory is counted, not measured. On a GPU the
    very step is run, after its memory was found to suffice.

    Parameters
    ----------
    network, loss
        As for training.
    size
        What is asked for.
    device, precision
        "cpu" or "cuda"; as for the loop.
    """
    peak = needed_bytes(network, size.patch, size.batch, device)
    free = free_bytes(device)
    on_gpu = device.startswith("cuda")
    timed = size
    if not on_gpu:
        unit = int(network.multiple_of)  # type: ignore[arg-type]
        timed = replace(size, patch=min(size.patch, max(SMALL // unit, 1) * unit), batch=TIMED)
    seconds = float("nan")
    if not on_gpu or peak <= free:
        seconds, measured = _timed(network, loss, timed, device, precision)
        seconds *= size.batch * size.patch**3 / (timed.batch * timed.patch**3)
        peak = measured + CUDA_CONTEXT if on_gpu else peak
    epoch = seconds * (size.steps + size.validation_steps / 3)
    return Estimate(seconds, epoch, epoch * size.epochs, peak, free)


def needed_bytes(network: nn.Module, patch: int, batch: int, device: str = "cpu") -> int:
    """Memory of a step of training: counted, with a margin."""
    counted = training_bytes(network, (patch, patch, patch), batch)
    return int(counted * MARGIN) + (CUDA_CONTEXT if device.startswith("cuda") else 0)


def free_bytes(device: str) -> int:
    """Memory that is free on a device now."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    return int(psutil.virtual_memory().available)


def smaller_that_fits(
    network: nn.Module, patch: int, batch: int, free: int, device: str = "cpu"
) -> tuple[int, int] | None:
    """The largest batch with this patch that fits in `free` bytes, else the largest smaller patch with a batch of 1.

    Returns
    -------
    (patch, batch), or None where not even the smallest patch fits.
    """
    fewer = _largest(lambda b: needed_bytes(network, patch, b, device) <= free, batch - 1)
    if fewer:
        return patch, fewer
    unit = int(network.multiple_of)  # type: ignore[arg-type]
    units = _largest(lambda n: needed_bytes(network, n * unit, 1, device) <= free, patch // unit - 1)
    return (units * unit, 1) if units else None


def memory_sentence(network: nn.Module, patch: int, batch: int, device: str = "cpu", free: int | None = None) -> str:
    """What to say when a step does not fit: the setting, what it needs, and the smaller one that would fit."""
    free = free_bytes(device) if free is None else free
    where = "GPU" if device.startswith("cuda") else "machine"
    needed = needed_bytes(network, patch, batch, device)
    sentence = (
        f"Training with patches of {patch} voxels, {batch} at a time, needs about {needed / 1e9:.1f} GB and the "
        f"{where} has {free / 1e9:.1f} GB free"
    )
    smaller = smaller_that_fits(network, patch, batch, min(free, needed - 1), device)
    if smaller is None:
        return f"{sentence}: close other programs, or choose a smaller network."
    what = (
        f"a batch of {smaller[1]}" if smaller[0] == patch else f"a patch of {smaller[0]} with a batch of {smaller[1]}"
    )
    return f"{sentence}: {what} would fit."


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or Python says that memory ran out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("can't allocate memory" in text or "not enough memory" in text)


def check_memory(network: nn.Module, patch: int, batch: int, device: str) -> None:
    """Raise UserError, naming the smaller setting that would fit, where a step needs more than is free."""
    if needed_bytes(network, patch, batch, device) > free_bytes(device):
        raise UserError(memory_sentence(network, patch, batch, device))


def _timed(network: nn.Module, loss: nn.Module, size: Size, device: str, precision: str) -> tuple[float, int]:
    """Seconds of the second of two steps, and the most bytes on a GPU."""
    kept = [p.grad for p in network.parameters()]
    was_training, place = network.training, next(network.parameters()).device
    network.to(device).train()
    loss.to(device)
    edges = (size.batch, size.patch, size.patch, size.patch)
    density = torch.randn((edges[0], 1, *edges[1:]), device=device)
    classes = int(getattr(network, "classes", 2))
    channels = torch.randint(0, classes, edges, device=device)
    mixed: Any = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    seconds, most = 0.0, 0
    on_gpu = device.startswith("cuda")
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(torch.device(device))
    for _ in range(2):
        began = time.perf_counter()
        with torch.autocast(device.split(":")[0], dtype=mixed, enabled=mixed is not None):
            logits = network(density)
        loss(logits, channels).backward()
        if on_gpu:
            torch.cuda.synchronize(torch.device(device))
        seconds = time.perf_counter() - began
    if on_gpu:
        parameters = sum(p.numel() * p.element_size() for p in network.parameters())
        most = int(torch.cuda.max_memory_allocated(torch.device(device))) + 2 * parameters  # Adam's moments
    for parameter, gradient in zip(network.parameters(), kept, strict=True):
        parameter.grad = gradient
    network.to(place).train(was_training)
    return seconds, most


def _largest(fits: Callable[[int], bool], most: int) -> int:
    """The largest number from 1 to `most` that fits, 0 where none does; below it all fit."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low
