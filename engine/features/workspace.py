"""Arrays that a thread uses again and again, because asking the system for fresh memory costs more than the sums."""

import threading

import torch


class Workspace:
    """One array for each name and shape, a set of them for each thread.

    What is in an array holds until the same thread asks for the same name again.
    """

    def __init__(self) -> None:
        self._mine = threading.local()

    def array(self, name: str, shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
        """An array of a shape with the type and device of another; its values are whatever was left in it."""
        held: dict[str, torch.Tensor] = self._mine.__dict__
        size = 1
        for n in shape:
            size *= n
        flat = held.get(name)
        if flat is None or flat.numel() < size or flat.dtype != like.dtype or flat.device != like.device:
            flat = held[name] = torch.empty(size, dtype=like.dtype, device=like.device)
        return flat[:size].view(shape)
