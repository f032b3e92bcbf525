"""What a preview must know of the whole tomogram, looked up once per file and remembered."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from engine.project import Project
from engine.volumes import bin_volume, check_finite, open_volume

if TYPE_CHECKING:
    from engine.features import LamellaSuggestion

BINNING = 2
Fact = TypeVar("Fact")


def value_range(project: Project, tomogram: str) -> tuple[float, float]:
    """Smallest and largest density after the blur of S1, to a few per cent: what a box is scaled by.

    Raises
    ------
    UserError
        Some voxels are not numbers, or all are the same; in the words of the full run.
    """
    return _of_file(project, tomogram, _value_range)


def lamella(project: Project, tomogram: str) -> "LamellaSuggestion":
    """The slices that hold the specimen."""
    return _of_file(project, tomogram, _lamella)


def _of_file(project: Project, tomogram: str, look: Callable[[Path, str], Fact]) -> Fact:
    path = project.readable(project.tomogram(tomogram).path)
    status = path.stat()
    return _remembered(look, path, tomogram, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _remembered(look: Callable[[Path, str], Any], path: Path, name: str, size: int, modified: int) -> Any:
    return look(path, name)


def _value_range(path: Path, name: str) -> tuple[float, float]:
    from engine.features import approximate_range

    with open_volume(path) as volume:
        factor = min(BINNING, *volume.shape)
        binned = bin_volume(volume, factor)
        if not np.isfinite(binned).all() or binned.min() == binned.max():
            check_finite(volume.array, name)  # reads all of it, which only a broken tomogram has to wait for
        return approximate_range(binned, factor)


def _lamella(path: Path, name: str) -> "LamellaSuggestion":
    from engine.features import suggest_lamella

    with open_volume(path) as volume:
        return suggest_lamella(volume)
