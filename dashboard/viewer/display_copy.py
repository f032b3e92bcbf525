"""A copy of a large tomogram as 8-bit bricks, so that XZ and YZ planes come as fast as XY.

A plane across the rows of a file of several GB touches every page of it: seconds from a cold disk. In bricks of 32³
it touches a few MB. The copy is made once in the background under `<project>/.cache/display/`, when such a plane is
first asked for; until then, and where there is no room for it, planes come from the file itself.

The bytes are those of `engine.volumes.to_display` for the same limits; a copy made for other limits is another file.
"""

import hashlib
import os
import shutil
import threading
import time
from pathlib import Path

import numpy as np

from dashboard import served
from dashboard.viewer.layers import Layer
from engine.atomic import replacing
from engine.errors import UserError
from engine.volumes import to_display

EDGE = 32
"""Voxels along each side of a brick."""

SMALLEST = 200_000_000
"""Bytes of a volume from where a copy is worth its disk."""

MOST = 30_000_000_000
"""Bytes that all copies of a project may take; the ones used longest ago go first."""

FREE_AFTERWARDS = 0.1
"""Part of the disk that must stay free."""

_building = threading.Lock()  # one copy at a time: they share one disk
_lock = threading.Lock()
_asked: set[Path] = set()
_open: dict[Path, np.ndarray] = {}


def plane(layer: Layer, axis: str, index: int, step: int) -> np.ndarray | None:
    """An XZ (`axis` "y") or YZ ("x") plane, [rows z, columns], uint8; None while there is no copy.

    The first call for a layer that is worth it begins the copy.
    """
    if axis == "z" or layer.path is None or _bytes(layer) < SMALLEST or np.dtype(layer.array.dtype).itemsize == 1:
        return None
    path = _path(layer)
    bricks = _bricks(path, layer)
    if bricks is None:
        _begin(path, layer)
        return None
    depth, height, width = layer.array.shape
    brick, inside = divmod(index, EDGE)
    if axis == "y":  # [z brick, x brick, z, x]
        found, columns = bricks[:, brick, :, :, inside, :], width
    else:  # [z brick, y brick, z, y]
        found, columns = bricks[:, :, brick, :, :, inside], height
    whole = found.transpose(0, 2, 1, 3).reshape(found.shape[0] * EDGE, found.shape[1] * EDGE)
    return whole[:depth:step, :columns:step]


def build(path: Path, layer: Layer) -> None:
    """Write the copy of `layer` to `path`, whole or not at all. Raises UserError when the disk refuses."""
    display = layer.display()
    depth, height, width = layer.array.shape
    padded = (_count(height) * EDGE, _count(width) * EDGE)
    with replacing(path) as temporary, temporary.open("wb") as file:
        for start in range(0, depth, EDGE):
            slab = np.zeros((EDGE, *padded), dtype=np.uint8)
            for z in range(start, min(start + EDGE, depth)):
                slab[z - start, :height, :width] = to_display(np.asarray(layer.array[z]), display.low, display.high)
                time.sleep(0.001)  # slices that a person waits for go first
            parts = slab.reshape(EDGE, _count(height), EDGE, _count(width), EDGE)
            file.write(np.ascontiguousarray(parts.transpose(1, 3, 0, 2, 4)).data)


def _begin(path: Path, layer: Layer) -> None:
    with _lock:
        if path in _asked:  # under way, or refused before: not tried again for this server
            return
        _asked.add(path)
    threading.Thread(target=_build_quietly, args=(path, layer), name="display-copy", daemon=True).start()


def _build_quietly(path: Path, layer: Layer) -> None:
    # Without a copy everything still works, more slowly: a full or read-only disk is no reason to bother anyone.
    with _building:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if _make_room(path.parent, _copy_bytes(layer.array.shape)):
                build(path, layer)
        except (OSError, UserError):
            return


def _make_room(folder: Path, needed: int) -> bool:
    """Delete left-overs and old copies until `needed` bytes fit; False where they do not."""
    for left in folder.glob(".*.part"):  # of a server that was killed; nobody else writes now
        left.unlink(missing_ok=True)
    copies = sorted(folder.glob("*.bricks"), key=lambda p: p.stat().st_mtime)
    taken = sum(p.stat().st_size for p in copies)
    while copies and taken + needed > MOST:
        oldest = copies.pop(0)
        taken -= oldest.stat().st_size
        oldest.unlink()
    usage = shutil.disk_usage(folder)
    return needed <= MOST and usage.free - needed > FREE_AFTERWARDS * usage.total


def _bricks(path: Path, layer: Layer) -> np.ndarray | None:
    """The copy as [z brick, y brick, x brick, z, y, x], or None when there is none (or a broken one)."""
    with _lock:
        known = _open.get(path)
    if known is not None:
        return known
    try:
        if path.stat().st_size != _copy_bytes(layer.array.shape):
            return None
        os.utime(path)  # used: the oldest go first
    except OSError:
        return None
    counts = tuple(_count(n) for n in layer.array.shape)
    bricks = np.memmap(path, dtype=np.uint8, mode="r", shape=(*counts, EDGE, EDGE, EDGE))
    with _lock:
        if len(_open) >= 16:
            _open.pop(next(iter(_open)))
        _open[path] = bricks
    return bricks


def _path(layer: Layer) -> Path:
    display = layer.display()
    name = f"{layer.path}|{layer.version}|{display.low!r}|{display.high!r}|{EDGE}"
    digest = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()[:20]
    return served.root() / ".cache" / "display" / f"{digest}.bricks"


def _count(length: int) -> int:
    return -(-int(length) // EDGE)


def _copy_bytes(shape: tuple[int, ...]) -> int:
    return int(np.prod([_count(n) * EDGE for n in shape]))


def _bytes(layer: Layer) -> int:
    return int(np.prod(layer.array.shape)) * np.dtype(layer.array.dtype).itemsize
