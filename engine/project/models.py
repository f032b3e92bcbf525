"""The trained models of a project: one folder each in `models/`, known by its `model.yaml`.

What stands in a description is the business of `engine.networks.model`; here it is a mapping.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import UserError, explain_os_errors
from engine.project.descriptions import read_provenance
from engine.project.settings import check_name

FOLDER = "models"
FILE_NAME = "model.yaml"


@dataclass(frozen=True)
class Model:
    """One trained model.

    Attributes
    ----------
    name, path
        Its name and folder.
    description
        The contents of `model.yaml`; empty when it is broken.
    """

    name: str
    path: Path
    description: dict[str, Any]


def list_models(root: Path) -> list[Model]:
    """The models in the project folder `root`, by name. A training that has not yet written weights is none."""
    folders = sorted(p.parent for p in (root / FOLDER).glob(f"*/{FILE_NAME}") if not p.parent.name.startswith("."))
    return [Model(folder.name, folder, read_provenance(folder / FILE_NAME)) for folder in folders]


def model_folder(root: Path, name: str) -> Path:
    """The folder of the model `name`.

    Raises
    ------
    UserError
        There is none, or it is a link that leads out of the project.
    """
    folder = root / FOLDER / check_name(name, "model")
    if not folder.is_dir():
        known = ", ".join(model.name for model in list_models(root)) or "none yet"
        raise UserError(f"This project has no model {name!r} (models: {known}).")
    if not folder.resolve().is_relative_to((root / FOLDER).resolve()):
        raise UserError(f"{folder} is a link that leads out of this project, so it is not read: copy the folder here.")
    return folder


def make_model_folder(root: Path, name: str) -> Path:
    """A new empty folder for the model `name`, or `name-2`, `name-3` … where that is taken.

    Raises
    ------
    UserError
        A name that cannot be a folder's, or the folder cannot be made.
    """
    check_name(name, "model")
    with explain_os_errors(root / FOLDER, "create"):
        (root / FOLDER).mkdir(exist_ok=True)
    candidate, number = name, 2
    while True:
        folder = root / FOLDER / candidate
        with explain_os_errors(folder, "create"):
            try:
                folder.mkdir()
                return folder
            except FileExistsError:
                candidate, number = f"{name}-{number}", number + 1
