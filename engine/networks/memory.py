"""How much memory a network takes, counted without computing anything: on torch's "meta" device, tensors have no data.

Counted are the tensors that live; what a library works in beside them is not, so leave a margin (a third does on a
CPU). Choosing tiles or a patch to fit is the business of `engine.inference` and `engine.training`.
"""

import copy
import weakref
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

Shape = tuple[int, int, int]


def forward_bytes(network: nn.Module, shape: Shape, batch: int = 1) -> int:
    """Most bytes that live at once while `network` predicts an input of `shape` (z, y, x), which is included."""
    with torch.no_grad():
        return _peak(copy.deepcopy(network).eval().to("meta"), shape, batch, learn=False)


def training_bytes(network: nn.Module, shape: Shape, batch: int) -> int:
    """Most bytes that live at once in a step of training on patches of `shape` (z, y, x): forward, loss and gradients.

    Weights, gradients and the two moments that Adam keeps are included.
    """
    trained = copy.deepcopy(network).train().to("meta")
    parameters = sum(p.numel() * p.element_size() for p in trained.parameters())
    return 4 * parameters + _peak(trained, shape, batch, learn=True)


class _Living(TorchDispatchMode):
    """Counts the bytes of the storages that live, and their most."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.known: set[int] = set()

    def count(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self.known:
            return
        self.known.add(key)
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.now -= size

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for value in result if isinstance(result, tuple | list) else (result,):
            if isinstance(value, torch.Tensor):
                self.count(value)
        return result


def _peak(network: nn.Module, shape: Shape, batch: int, learn: bool) -> int:
    with _Living() as living:
        scores = network(torch.zeros((batch, 1, *shape), device="meta"))
        if learn:
            # Softmax and a product with the truth: what any of the losses keeps.
            (scores.softmax(1) * torch.zeros_like(scores)).sum().backward()
    return living.most
