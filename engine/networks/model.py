"""A trained model: a folder with its weights and `model.yaml`, which says all that is needed to use them.

What else lies in such a folder (the checkpoint to resume from, the history) belongs to training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import nn

from engine.annotation.classes import ObjectClass
from engine.atomic import write_text
from engine.errors import UserError, explain_os_errors
from engine.networks.registry import build_network, check_options, find_architecture
from engine.networks.weights import load_weights, save_weights
from engine.parameters import validation_sentence

FILE_NAME = "model.yaml"
WEIGHTS_NAME = "weights.pt"


class Threshold(BaseModel):
    """From which score and size on an object of a class counts; None = any."""

    model_config = ConfigDict(extra="allow")

    score: float | None = Field(default=None, ge=0, le=1)
    size: float | None = Field(default=None, ge=0, description="voxels")


class ModelDescription(BaseModel):
    """The contents of `model.yaml`. Keys that are not known here are kept.

    The network's channel 0 is background and its channel *k* the *k*-th of `classes`, whose label may be another
    number.
    """

    model_config = ConfigDict(extra="allow")

    format: Literal[1] = 1
    architecture: str
    options: dict[str, Any] = {}
    classes: list[ObjectClass] = Field(min_length=1, description="without background, in the order of the channels")
    voxel_size: float | None = Field(default=None, gt=0, description="Å of the tomograms trained on; None = unknown")
    normalisation: Literal["tomogram", "patch"] = Field(
        default="tomogram", description="mean 0 and deviation 1 of the whole tomogram, or of each patch"
    )
    patch: int = Field(ge=1, description="edge in voxels of the patches trained on")
    thresholds: dict[str, Threshold] = Field(default={}, description="class name → threshold")
    weights: str = Field(default=WEIGHTS_NAME, pattern=r"^[^/\\]+$", description="file name in the same folder")
    made_by: dict[str, Any] = {}

    @model_validator(mode="after")
    def _distinct(self) -> "ModelDescription":
        for what in ("name", "label"):
            values = [str(getattr(c, what)) for c in self.classes]
            twice = [value for value in values if values.count(value) > 1]
            if twice:
                raise ValueError(f"two classes have the {what} {twice[0]!r}: each needs its own")
        unknown = self.thresholds.keys() - {c.name for c in self.classes}
        if unknown:
            raise ValueError(f"a threshold is given for {sorted(unknown)[0]!r}, which is not one of the classes")
        return self

    @property
    def channels(self) -> int:
        """Classes of the network, background included."""
        return len(self.classes) + 1

    @property
    def labels(self) -> list[int]:
        """The label of each channel: 0 for background, then those of the classes."""
        return [0, *(c.label for c in self.classes)]


@dataclass(frozen=True)
class TrainedModel:
    """A network with its trained weights, ready to predict, and its description."""

    network: nn.Module
    description: ModelDescription

    @property
    def multiple_of(self) -> int:
        """Edges and origins of tiles must be multiples of it."""
        return int(self.network.multiple_of)  # type: ignore[arg-type]

    @property
    def halo(self) -> int:
        """Voxels on each side that may influence a voxel."""
        return int(self.network.halo)  # type: ignore[arg-type]


def read_description(folder: Path) -> ModelDescription:
    """The description of the model in `folder`, without loading its weights.

    Raises
    ------
    UserError
        No model there, not YAML, a value out of its range (named), an unknown architecture or option.
    """
    path = Path(folder) / FILE_NAME
    if not path.is_file():
        raise UserError(f"There is no model in {folder}: {FILE_NAME} is missing; choose the folder of a trained model.")
    with explain_os_errors(path, "read"):
        text = path.read_bytes()
    try:
        raw = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: mend it or restore the file.") from error
    if not isinstance(raw, dict):
        raise UserError(f"{path} describes no model (expected 'architecture:' and 'classes:'): restore the file.")
    try:
        description = ModelDescription.model_validate(raw)
        check_options(description.architecture, description.options)
    except ValidationError as error:
        raise UserError(validation_sentence(ModelDescription, error, str(path))) from error
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return description


def write_description(folder: Path, description: ModelDescription) -> None:
    """Replace `model.yaml` in `folder`, which must exist. Raises UserError when it cannot be written."""
    raw = description.model_dump(mode="json")
    write_text(Path(folder) / FILE_NAME, yaml.safe_dump(raw, sort_keys=False, allow_unicode=True))


def build_described(description: ModelDescription, seed: int = 0, device: str | torch.device = "cpu") -> nn.Module:
    """A network as `description` says, with fresh weights. Raises UserError as `build_network` does."""
    return build_network(description.architecture, description.channels, description.options, seed, device)


def load_model(folder: Path, device: str | torch.device = "cpu") -> TrainedModel:
    """The model in `folder`, set to predict.

    Raises
    ------
    UserError
        What `read_description` says; weights missing, truncated, not finite, or of another architecture or class
        count.
    """
    description = read_description(folder)
    network = build_described(description)
    load_weights(network, Path(folder) / description.weights)
    return TrainedModel(network.to(device).eval(), description)


def save_model(folder: Path, network: nn.Module, description: ModelDescription) -> None:
    """Write weights and description to `folder`, which is made if need be; each file is replaced whole or not at all.

    The weights come first: a disk that is full then leaves an older model as it was.

    Raises
    ------
    UserError
        The folder cannot be written; the network is not what the description says.
    """
    folder = Path(folder)
    check_network(network, description)
    with explain_os_errors(folder, "create"):
        folder.mkdir(parents=True, exist_ok=True)
    save_weights(network, folder / description.weights)
    write_description(folder, description)


def check_network(network: nn.Module, description: ModelDescription) -> None:
    """Raise UserError unless `network` has the class count that `description` lists."""
    find_architecture(description.architecture)
    classes = getattr(network, "classes", description.channels)
    if classes != description.channels:
        raise UserError(
            f"The network has {classes} classes and the description {description.channels} (background included): "
            f"list the {int(classes) - 1} classes it was trained for."
        )


def threshold_of(description: ModelDescription, name: str) -> Threshold:
    """The threshold of class `name`, or one that lets everything pass."""
    thresholds: Mapping[str, Threshold] = description.thresholds
    return thresholds.get(name, Threshold())
