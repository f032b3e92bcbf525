"""Events from the browser, each taken exactly once.

The browser keeps its events in a growing list until the server has acknowledged them: fast clicks that fall
into one rerun are then all seen, and a rerun that sees the list twice acts once. No Streamlit here.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Acknowledged = dict[str, int]
"""For each page load of the browser (`boot`) the number of the last event taken."""

Event = dict[str, Any]
"""One thing that a person did: `type`, and with it `tomogram`, `table`, `id`, `x`, `y`, `z` (voxels) …"""


def take(outbox: Iterable[Mapping[str, Any]] | None, acknowledged: Acknowledged) -> tuple[list[Event], Acknowledged]:
    """The events of `outbox` that are new, in order, and what to acknowledge after them.

    Entries that are no events (no `boot`, no number, no `type`) are passed over.
    """
    taken: list[Event] = []
    seen = dict(acknowledged)
    for entry in outbox or ():
        boot, number, kind = entry.get("boot"), entry.get("number"), entry.get("type")
        if not (isinstance(boot, str) and isinstance(number, int) and isinstance(kind, str)):
            continue
        if number > seen.get(boot, 0):
            seen[boot] = number
            taken.append({**(entry.get("values") or {}), "type": kind})
    return taken, seen
