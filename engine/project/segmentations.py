"""The label maps of a project: `segmentations/<tomogram>__<name>.mrc`, each with a `.yaml` that says what made it."""

import glob
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.project.descriptions import read_provenance

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


def list_segmentations(root: Path, tomogram: str | None = None) -> list[Segmentation]:
    """The label maps in the project folder `root`, of one tomogram or of all, by tomogram and name."""
    found = []
    for path in sorted((root / FOLDER).glob(f"{glob.escape(tomogram) if tomogram else '*'}__*.mrc")):
        if path.name.startswith("."):
            continue
        of, name = path.stem.split("__", 1)
        found.append(Segmentation(of, name, path, read_provenance(path)))
    return found


def segmentation_path(root: Path, tomogram: str, name: str) -> Path:
    """Where the label map `name` of `tomogram` belongs."""
    return root / FOLDER / f"{tomogram}__{name}.mrc"
