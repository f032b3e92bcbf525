"""The network that a segmentation is made with: a model of the project, or a weight file of DeepFinder's."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.annotation.classes import PALETTE
from engine.errors import UserError
from engine.project import Project
from engine.tasks.provenance import file_identity

if TYPE_CHECKING:
    from torch import nn

KERAS_ENDINGS = (".h5", ".hdf5")


@dataclass(frozen=True, eq=False)
class SegmentModel:
    """A network ready to predict, and what must be known to apply it.

    Attributes
    ----------
    network
        On the device to compute on.
    classes
        Label → name, colour and radius (Å, None = not known), in the order of the network's channels from 1 on.
    voxel_size
        Å; None = not known.
    normalisation, patch
        As the model was trained: "tomogram" or "patch", and the edge of its patches in voxels.
    thresholds
        Class → limits stored with the model.
    weights
        `file_identity` of the weights.
    """

    name: str
    network: "nn.Module"
    classes: dict[int, dict[str, Any]]
    voxel_size: float | None
    normalisation: str
    patch: int
    thresholds: dict[str, Any]
    weights: dict[str, Any]

    @property
    def labels(self) -> list[int]:
        """The label of each channel."""
        return [0, *self.classes]


def find_model(project: Project, name: str, device: str) -> SegmentModel:
    """The model `name` of the project, or the weight file at that path.

    Raises
    ------
    UserError
        There is none, it cannot be read, or a file outside the project.
    """
    if name.lower().endswith(KERAS_ENDINGS):
        return _weight_file(project, name, device)
    from engine.networks.model import load_model, read_description

    folder = project.model_folder(name)
    description = read_description(folder)
    identity = file_identity(folder / description.weights)
    trained = load_model(folder, device)
    described = trained.description
    return SegmentModel(
        name,
        trained.network,
        {c.label: {"name": c.name, "colour": c.colour, "radius": c.radius} for c in described.classes},
        described.voxel_size,
        described.normalisation,
        described.patch,
        {name: limit.model_dump(mode="json", exclude_none=True) for name, limit in described.thresholds.items()},
        identity,
    )


def keras_model(path: Path, device: str, classes: dict[int, dict[str, Any]] | None = None) -> SegmentModel:
    """A weight file of DeepFinder's; the number of classes is found in it.

    Parameters
    ----------
    path
        Keras' .h5.
    device
        Of torch.
    classes
        What is known of labels; others are called "class 3".

    Raises
    ------
    UserError
        The file cannot be read or holds weights of another architecture.
    """
    from engine.networks.keras_weights import network_from_keras

    network = network_from_keras(path).to(device).eval()
    known = classes or {}
    own = {
        label: known.get(label)
        or {"name": f"class {label}", "colour": PALETTE[(label - 1) % len(PALETTE)], "radius": None}
        for label in range(1, network.classes)
    }
    return SegmentModel(path.stem, network, own, None, "tomogram", 1, {}, file_identity(path))


def chosen_device(wanted: str) -> str:
    """The device of torch for "auto", "cpu" or "cuda". Raises UserError where there is no GPU to be had."""
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError("There is no GPU that can be used on this machine: choose 'auto' or 'cpu' as device.")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def _weight_file(project: Project, name: str, device: str) -> SegmentModel:
    path = project.root / Path(name).expanduser()
    try:
        path = project.readable(path)
    except UserError as error:
        raise UserError(
            f"{path} lies outside this project and its tomogram folders, so it is not read: copy it to "
            f"{project.root / 'models'}."
        ) from error
    if not path.is_file():
        raise UserError(f"There is no weight file {path}: check the path.")
    library = {c.label: {"name": c.name, "colour": c.colour, "radius": c.radius} for c in project.classes}
    return keras_model(path, device, library)
