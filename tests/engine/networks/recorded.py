"""The weights, input and layer names that the outputs of the original were recorded with."""

import json
from pathlib import Path

import h5py
import numpy as np

KERNELS = [
    (3, 1, 32), (3, 32, 32), (3, 32, 48), (3, 48, 48), (3, 48, 64), (3, 64, 64), (3, 64, 64), (3, 64, 64),
    (2, 64, 64), (3, 112, 48), (3, 48, 48), (2, 48, 48), (3, 80, 32), (3, 32, 32),
]  # fmt: skip
"""Edge, inputs and outputs of each layer before the last one, from the description."""


def sine_layers(classes: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Kernel [z, y, x, inputs, outputs] and bias of each layer."""
    layers = []
    for edge, inputs, outputs in [*KERNELS, (1, 32, classes)]:
        shape = (edge, edge, edge, inputs, outputs)
        u = np.sin(12.9898 * (np.arange(np.prod(shape)) + 1.0)) * 43758.5453
        kernel = (u - np.floor(u) - 0.5) * np.sqrt(24 / (edge**3 * inputs))
        layers.append((kernel.reshape(shape).astype("f4"), (0.01 * np.cos(np.arange(outputs))).astype("f4")))
    return layers


def sine_input() -> np.ndarray:
    i = np.arange(512.0)
    return (np.sin(0.11 * i) + 0.3 * np.cos((0.053 * i * i) % 7)).reshape(8, 8, 8).astype("f4")


def write_keras(
    path: Path, classes: int = 3, first: int = 75, full: bool = True, names: bool = True, config: bool = True
) -> None:
    """A file as Keras writes it: layers `conv3d_<first>` on, as a full model or weights only."""
    numbers = range(first, first + len(KERNELS) + 1)
    layers = [f"conv3d_{n}" if n else "conv3d" for n in numbers]
    with h5py.File(path, "w") as file:
        top = file.create_group("model_weights") if full else file
        if names:
            # As in the original, layers without weights are listed too.
            top.attrs["layer_names"] = np.array(["input_1", *layers, "max_pooling3d"], "S")
        if full:
            file.attrs["keras_version"] = "2.13.1"
            file.attrs["backend"] = "tensorflow"
            state = file.create_group("optimizer_weights")
            state["Adam/m/conv3d/kernel:0"] = np.zeros((3, 3, 3, 1, 32), "f4")
        if full and config:
            listed = [{"class_name": "Conv3D", "config": {"name": name}} for name in layers]
            file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": {"layers": listed}})
        top.create_group("max_pooling3d").attrs["weight_names"] = np.zeros(0)
        for name, (kernel, bias) in zip(layers, sine_layers(classes), strict=True):
            group = top.create_group(name)
            group.attrs["weight_names"] = np.array([f"{name}/kernel:0", f"{name}/bias:0"], "S")
            group[f"{name}/kernel:0"] = kernel
            group[f"{name}/bias:0"] = bias
