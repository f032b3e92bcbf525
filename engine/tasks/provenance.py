"""What made a result, and whether it still stands: the `.yaml` beside every file that a task writes."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.project import Tomogram
from engine.volumes import Volume, check_finite, open_volume


def stamp(task: str, settings: dict[str, Any], made_from: dict[str, Any], **facts: Any) -> dict[str, Any]:
    """The contents of a result's `.yaml`.

    Parameters
    ----------
    task
        Its name.
    settings
        The parameters that decide the result, and no others: another value makes it stale.
    made_from
        `file_identity` of the input, taken before it was read.
    facts
        Anything else worth knowing: counts, seconds.
    """
    return {
        "task": task,
        "settings": settings,
        "input": made_from,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
    }


def still_stands(made_by: dict[str, Any], task: str, settings: dict[str, Any], made_from: dict[str, Any]) -> bool:
    """Whether a result with this `.yaml` is what `task` would make again from the same file with `settings`."""
    return made_by.get("task") == task and made_by.get("settings") == settings and made_by.get("input") == made_from


def file_identity(path: Path) -> dict[str, Any]:
    """Path, size and modification time: another value means another input."""
    status = Path(path).stat()
    return {"path": str(path), "size": status.st_size, "modified": status.st_mtime_ns}


def open_for_science(tomogram: Tomogram, path: Path) -> Volume:
    """Open a tomogram whose every voxel will be used; raises UserError for NaN or constant volumes."""
    volume = open_volume(path)
    check_finite(volume.array, tomogram.name)
    return volume
