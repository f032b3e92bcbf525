"""What a preview must know of the whole tomogram, looked up once per file and remembered."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from engine.project import Project
from engine.volumes import bin_volume, open_volume

if TYPE_CHECKING:
    from engine.features import LamellaSuggestion

BINNING = 2
Fact = TypeVar("Fact")


def value_range(project: Project, tomogram: str) -> tuple[float, float]:
    """Smallest and largest density after the blur of S1, to a few per cent: what a box is scaled by."""
    return _of_file(project, tomogram, _value_range)


def lamella(project: Project, tomogram: str) -> "LamellaSuggestion":
    """The slices that hold the specimen."""
    return _of_file(project, tomogram, _lamella)


def _of_file(project: Project, tomogram: str, look: Callable[[Path], Fact]) -> Fact:
    path = project.readable(project.tomogram(tomogram).path)
    status = path.stat()
    return _remembered(look, path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _remembered(look: Callable[[Path], Any], path: Path, size: int, modified: int) -> Any:
    return look(path)


def _value_range(path: Path) -> tuple[float, float]:
    from engine.features import approximate_range

    with open_volume(path) as volume:
        factor = min(BINNING, *volume.shape)
        return approximate_range(bin_volume(volume, factor), factor)


def _lamella(path: Path) -> "LamellaSuggestion":
    from engine.features import suggest_lamella

    with open_volume(path) as volume:
        return suggest_lamella(volume)
