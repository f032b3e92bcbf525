"""Training in several processes, one per GPU: who this one is, and what it tells the others.

`torch.distributed.run` starts the processes and puts rank and world in the environment; nothing else is needed here.
Rank 0 validates, writes files and says when to stop.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import distributed, nn

LONGEST_WAIT = timedelta(hours=24)
"""Other processes wait while rank 0 validates whole tomograms."""


def rank() -> int:
    """The number of this process, 0 alone."""
    return int(os.environ.get("RANK", "0"))


def world() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_device(device: str) -> str:
    """The device of this process: of several GPUs that which its place on this machine says."""
    if device == "cuda" and world() > 1:
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    return device


@contextmanager
def together(device: str) -> Iterator[None]:
    """Join the other processes while the block runs; nothing where this one is alone. NCCL on GPUs, else Gloo."""
    if world() == 1:
        yield
        return
    if device.startswith("cuda"):
        torch.cuda.set_device(torch.device(device))
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=LONGEST_WAIT)
    try:
        yield
        distributed.barrier()  # who leaves while another still talks ends that one, and Gloo's threads abort it
    finally:
        distributed.destroy_process_group()


def shared(network: nn.Module, device: str) -> nn.Module:
    """The network with gradients averaged over all processes, or itself where this one is alone."""
    if world() == 1:
        return network
    return nn.parallel.DistributedDataParallel(network, device_ids=[device] if device.startswith("cuda") else None)


def told(value: float, device: str) -> float:
    """What rank 0 says, on every rank."""
    if world() == 1:
        return value
    message = torch.tensor([value], dtype=torch.float64, device=device)
    distributed.broadcast(message, 0)
    return float(message.item())
