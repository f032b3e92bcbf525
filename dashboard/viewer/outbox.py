"""Events from the browser, each taken exactly once.

The browser keeps its events in a growing list until the server has acknowledged them: fast clicks that fall into one
rerun are then all seen, and a rerun that sees the list twice acts once. Nothing here knows Streamlit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Acknowledged = dict[str, int]
"""For each page load of the browser (`boot`) the number of the last event taken."""


@dataclass(frozen=True)
class ViewerEvent:
    """One thing that a person did in the viewer.

    Attributes
    ----------
    type
        `selected` (object `id`), `moved` (crosshair), `added` (`x, y, z, class_name`), `deleted` (`id`),
        `dragged` (object `id` to `x, y, z`), `undo`, `redo`.
    values
        What belongs to it: `tomogram`, `table`, `id`, `x`, `y`, `z` (voxels) …
    """

    type: str
    values: dict[str, Any] = field(default_factory=dict)


def take(
    outbox: Iterable[Mapping[str, Any]] | None, acknowledged: Acknowledged
) -> tuple[list[ViewerEvent], Acknowledged]:
    """The events of `outbox` that are new, in order, and what to acknowledge after them.

    Entries that are no events (no `boot`, no number, no `type`) are passed over.
    """
    taken: list[ViewerEvent] = []
    seen = dict(acknowledged)
    for entry in outbox or ():
        boot, number, kind = entry.get("boot"), entry.get("id"), entry.get("type")
        if not (isinstance(boot, str) and isinstance(number, int) and isinstance(kind, str)):
            continue
        if number > seen.get(boot, 0):
            seen[boot] = number
            taken.append(ViewerEvent(kind, dict(entry.get("values") or {})))
    return taken, seen
