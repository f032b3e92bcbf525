"""Where each browser session looks in each tomogram, so that pages know the crosshair without a rerun.

Lives in the memory of the server; the browser posts to it (`dashboard.viewer.routes`).
Coordinates are x, y, z in voxels.
"""

from collections import OrderedDict
from threading import Lock

Position = tuple[int, int, int]

KEPT = 2000

_lock = Lock()
_positions: OrderedDict[tuple[str, str], Position] = OrderedDict()


def put(session_id: str, tomogram: str, position: Position) -> None:
    """Remember where the session `session_id` looks in `tomogram`."""
    with _lock:
        _positions.pop((session_id, tomogram), None)
        _positions[session_id, tomogram] = position
        while len(_positions) > KEPT:
            _positions.popitem(last=False)


def get(session_id: str, tomogram: str) -> Position | None:
    """Where the session looks in `tomogram`; None when it never looked there."""
    with _lock:
        return _positions.get((session_id, tomogram))


def latest(tomogram: str) -> Position | None:
    """Where anyone looked last in `tomogram`: the place to begin for a new session."""
    with _lock:
        for (_, name), position in reversed(_positions.items()):
            if name == tomogram:
                return position
    return None
