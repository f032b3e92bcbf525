"""Weights of DeepFinder's network in Keras' HDF5 files: what the original writes, and what its `load_weights` reads.

Three layouts are read: a full model (`model_weights/<layer>/<layer>/kernel:0`), weights only
(`<layer>/<layer>/kernel:0`) and Keras 3's (`layers/<layer>/vars/0`). Layers have no fixed names (`conv3d_75` depends on
how many were made before), so they are matched by their order.
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from engine.atomic import replacing
from engine.errors import UserError, explain_os_errors
from engine.networks.deepfinder import DeepFinderNetwork

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"

Layer = tuple[np.ndarray, np.ndarray]
"""Kernel [z, y, x, inputs, outputs] and bias [outputs], float32."""


def is_keras_file(path: Path) -> bool:
    """Whether the file begins as an HDF5 file does, whatever its name. Raises UserError when it cannot be read."""
    with explain_os_errors(path, "read"), Path(path).open("rb") as file:
        return file.read(len(HDF5_MAGIC)) == HDF5_MAGIC


def read_keras_weights(path: Path) -> list[Layer]:
    """Kernel and bias of every convolution of a Keras file, in the order of the network.

    The order is that of the attribute `layer_names`, else of the recorded model (`model_config`), else of the numbers
    at the end of the names (`conv3d`, `conv3d_1` … `conv3d_9`, `conv3d_10`).

    Raises
    ------
    UserError
        No such file, not HDF5, truncated, no convolutions in it, a layer without bias or with values that are not
        finite.
    """
    path = Path(path)
    with _opened(path) as file:
        top = file["model_weights"] if isinstance(file.get("model_weights"), h5py.Group) else file
        found = _layers(top)
        if not found:
            raise UserError(
                f"{path} holds no weights of 3D convolutions: give a weight file of DeepFinder (net_weights_FINAL.h5)."
            )
        return [_checked(path, name, found[name]) for name in _in_order(file, top, list(found))]


def network_from_keras(path: Path) -> DeepFinderNetwork:
    """DeepFinder's network with the weights of a Keras file; the number of classes is found from the file.

    Raises
    ------
    UserError
        What `read_keras_weights` says; weights of another architecture.
    """
    layers = read_keras_weights(path)
    network = DeepFinderNetwork(layers[-1][1].size)
    _put(network, layers, Path(path))
    return network


def load_keras_weights(network: DeepFinderNetwork, path: Path) -> None:
    """Put the weights of a Keras file into `network`, on whatever device it is.

    Raises
    ------
    UserError
        What `read_keras_weights` says; weights of another architecture or number of classes. The network is then
        unchanged.
    """
    _put(network, read_keras_weights(path), Path(path))


def write_keras_weights(network: DeepFinderNetwork, path: Path) -> None:
    """Write the weights-only file that Keras' `load_weights` reads by order. Raises UserError as `replacing` does."""
    names = ["conv3d"] + [f"conv3d_{i}" for i in range(1, len(network.convolutions()))]
    with replacing(Path(path)) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["layer_names"] = np.array(names, dtype="S")
        file.attrs["backend"] = np.bytes_("tensorflow")
        file.attrs["keras_version"] = np.bytes_("2.13.1")
        for name, layer in zip(names, network.convolutions(), strict=True):
            group = file.create_group(name)
            group.attrs["weight_names"] = np.array([f"{name}/kernel:0", f"{name}/bias:0"], dtype="S")
            group[f"{name}/kernel:0"] = layer.weight.detach().float().cpu().permute(2, 3, 4, 1, 0).contiguous().numpy()
            group[f"{name}/bias:0"] = _bias(layer).detach().float().cpu().numpy()


def _put(network: DeepFinderNetwork, layers: Sequence[Layer], path: Path) -> None:
    targets = network.convolutions()
    theirs = [kernel.shape for kernel, _ in layers]
    ours = [tuple(layer.weight.permute(2, 3, 4, 1, 0).shape) for layer in targets]
    if len(theirs) != len(ours):
        raise UserError(
            f"{path} holds {len(theirs)} convolutions, DeepFinder's network has {len(ours)}: these are weights of "
            "another architecture; give a file that DeepFinder wrote."
        )
    for number, (their, our) in enumerate(zip(theirs, ours, strict=True), start=1):
        if their[:-1] != our[:-1] or (their != our and number < len(ours)):
            raise UserError(
                f"{path} holds weights of another architecture: its convolution {number} is {_edges(their)}, that of "
                f"DeepFinder's network {_edges(our)}; give a file that DeepFinder wrote."
            )
    if theirs[-1] != ours[-1]:
        raise UserError(
            f"{path} holds weights for {theirs[-1][-1]} classes, the network has {ours[-1][-1]} (background included): "
            f"set the number of classes to {theirs[-1][-1]}, or give other weights."
        )
    with torch.no_grad():
        for (kernel, bias), layer in zip(layers, targets, strict=True):
            layer.weight.copy_(torch.from_numpy(kernel).permute(4, 3, 0, 1, 2))
            _bias(layer).copy_(torch.from_numpy(bias))


def _bias(layer: torch.nn.Conv3d) -> torch.Tensor:
    assert layer.bias is not None  # every layer of this network has one
    return layer.bias


def _edges(shape: Sequence[int]) -> str:
    return "×".join(str(edge) for edge in shape)


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    if not is_keras_file(path):
        raise UserError(f"{path} is not an HDF5 file: give a weight file of DeepFinder (.h5).")
    damaged = f"{path} is damaged or truncated: copy it again from where it was made."
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise UserError(damaged) from error
    with file:
        try:
            yield file
        except UserError:
            raise
        except (OSError, RuntimeError, KeyError) as error:  # what h5py raises where bytes are missing or changed
            raise UserError(damaged) from error


def _layers(top: h5py.Group) -> dict[str, dict[int, h5py.Dataset]]:
    """Layer name → its datasets by number of axes (5: kernel, 1: bias), for every layer with a 3D kernel."""
    found: dict[str, dict[int, h5py.Dataset]] = {}

    def visit(name: str, node: Any) -> None:
        parts = name.split("/")
        # The state of an optimiser has arrays of the same shapes.
        if not isinstance(node, h5py.Dataset) or parts[0].startswith("optimizer"):
            return
        layer = parts[1] if parts[0] == "layers" and len(parts) > 2 else parts[0]
        if node.ndim in (1, 5):
            found.setdefault(layer, {})[node.ndim] = node

    top.visititems(visit)
    return {name: arrays for name, arrays in found.items() if 5 in arrays}


def _in_order(file: h5py.File, top: h5py.Group, found: list[str]) -> list[str]:
    for order in (_texts(top, "layer_names"), _recorded_model(file)):
        known = [name for name in order if name in found]
        if len(known) == len(found):
            return known
    return sorted(found, key=_number)


def _texts(group: h5py.Group, name: str) -> list[str]:
    """An attribute that is a list of texts; Keras divides a long one into `name0`, `name1` and so on."""
    pieces = [name] if name in group.attrs else sorted((a for a in group.attrs if _piece(a, name)), key=_number)
    values = [value for piece in pieces for value in np.atleast_1d(group.attrs[piece])]
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _piece(attribute: str, name: str) -> bool:
    return re.fullmatch(name + r"\d+", attribute) is not None


def _number(name: str) -> tuple[str, int]:
    """Sort key: `conv3d` < `conv3d_1` < `conv3d_9` < `conv3d_10`."""
    stem, digits = re.fullmatch(r"(.*?)_?(\d*)", name, re.DOTALL).groups()  # type: ignore[union-attr]
    # The 3 of a bare "conv3d" is followed by a letter, so it never counts as a number.
    return stem, int(digits) if digits else -1


def _recorded_model(file: h5py.File) -> list[str]:
    """The names of the layers in the order of the attribute `model_config`, or none."""
    texts = _texts(file, "model_config")
    try:
        layers = json.loads(texts[0])["config"]["layers"] if texts else []
        return [layer.get("name") or layer["config"]["name"] for layer in layers]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def _checked(path: Path, name: str, arrays: dict[int, h5py.Dataset]) -> Layer:
    if 1 not in arrays:
        raise UserError(
            f"{path}: layer {name} has no bias, so these are weights of another architecture than DeepFinder's."
        )
    kernel, bias = np.asarray(arrays[5], np.float32), np.asarray(arrays[1], np.float32)
    if bias.shape != kernel.shape[-1:]:
        raise UserError(
            f"{path}: layer {name} has {kernel.shape[-1]} kernels and {bias.size} biases; copy the file again from "
            "where it was made."
        )
    if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
        raise UserError(
            f"{path}: layer {name} holds values that are not finite, as after a training that diverged; give weights "
            "of an earlier epoch."
        )
    return kernel, bias
