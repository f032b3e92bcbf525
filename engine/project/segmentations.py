"""The label maps of a project: `segmentations/<tomogram>__<name>.mrc`, each with a `.yaml` that says what made it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = "segmentations"


@dataclass(frozen=True)
class Segmentation:
    """One label map of one tomogram.

    Attributes
    ----------
    made_by
        What the `.yaml` beside the file says: task, parameters, tomogram file, counts per label, time.
    """

    tomogram: str
    name: str
    path: Path
    made_by: dict[str, Any]

    @property
    def key(self) -> str:
        """The name of the file without its ending: unique in the project."""
        return f"{self.tomogram}__{self.name}"


def list_segmentations(root: Path) -> list[Segmentation]:
    """Every label map in the project folder `root`, by tomogram and name."""
    found = []
    for path in sorted((root / FOLDER).glob("*__*.mrc")):
        if path.name.startswith("."):
            continue
        tomogram, name = path.stem.split("__", 1)
        found.append(Segmentation(tomogram, name, path, read_provenance(path)))
    return found


def segmentation_path(root: Path, tomogram: str, name: str) -> Path:
    """Where the label map `name` of `tomogram` belongs."""
    return root / FOLDER / f"{tomogram}__{name}.mrc"


def read_provenance(path: Path) -> dict[str, Any]:
    """What made the result `path`; empty when the `.yaml` beside it is missing or broken."""
    try:
        content = yaml.safe_load(path.with_suffix(".yaml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}
