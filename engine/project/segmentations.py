"""The label maps of a project: `segmentations/<tomogram>__<name>.mrc`, each with a `.yaml` that says what made it."""

import glob
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


# description file → (its modification time, contents): a project may hold thousands, and pages ask at every drawing
_descriptions: dict[Path, tuple[int, dict[str, Any]]] = {}


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


def read_provenance(path: Path) -> dict[str, Any]:
    """What made the result `path`; empty when the `.yaml` beside it is missing or broken."""
    file = path.with_suffix(".yaml")
    try:
        modified = file.stat().st_mtime_ns
        known = _descriptions.get(file)
        if known is None or known[0] != modified:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            known = (modified, content if isinstance(content, dict) else {})
            _descriptions[file] = known
    except (OSError, yaml.YAMLError):
        return {}
    return dict(known[1])
