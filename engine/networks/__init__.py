"""Networks from a tomogram to scores per class: architectures, trained models in folders, weights from elsewhere.

Input [batch, 1, z, y, x] float32, output logits [batch, classes, z, y, x], class 0 = background. Training them lives in
`engine.training`, running them over tomograms in `engine.inference`. MONAI is loaded when a network of it is built.
"""

from engine.networks.architecture import Architecture
from engine.networks.keras_weights import (
    load_keras_weights,
    network_from_keras,
    read_keras_weights,
    write_keras_weights,
)
from engine.networks.memory import forward_bytes, training_bytes
from engine.networks.model import (
    ModelDescription,
    Threshold,
    TrainedModel,
    build_described,
    load_model,
    read_description,
    save_model,
    write_description,
)
from engine.networks.registry import ARCHITECTURES, build_network, check_options, find_architecture
from engine.networks.weights import load_weights, put_state, read_tensors, save_weights, write_tensors

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "ModelDescription",
    "Threshold",
    "TrainedModel",
    "build_described",
    "build_network",
    "check_options",
    "find_architecture",
    "forward_bytes",
    "load_keras_weights",
    "load_model",
    "load_weights",
    "network_from_keras",
    "put_state",
    "read_description",
    "read_keras_weights",
    "read_tensors",
    "save_model",
    "save_weights",
    "training_bytes",
    "write_description",
    "write_keras_weights",
    "write_tensors",
]
