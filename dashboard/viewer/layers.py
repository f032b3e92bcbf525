"""What a layer key means: a tomogram, a segmentation of the served project, or a preview held in memory.

Keys come from the browser and never hold a path. Files are opened through `Project.readable` only and stay
open, because a slice of an open memory map costs a millisecond. Nothing here knows HTTP.
"""

import hashlib
import os
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np

from dashboard import served
from dashboard.viewer import quantise
from engine.errors import UserError, explain_os_errors
from engine.project.settings import FILE_NAME
from engine.volumes import open_volume, sample_statistics, take_slice

Kind = Literal["density", "labels", "scores"]

OPEN_LAYERS = 24
UNPACKED_BYTES = 2 << 30
"""Memory for layers that cannot be mapped (.gz, .bz2); one that is larger by itself is kept alone."""

PREVIEWS = 64
COUNTED_VOXELS = 1 << 22
"""Label maps up to this size are counted whole; of larger ones every n-th plane, multiplied by n."""


@dataclass(frozen=True)
class Display:
    """What the browser needs to show a layer.

    Attributes
    ----------
    low, high
        Densities shown as 0 and 255.
    auto
        The contrast to begin with.
    histogram, range
        Counts of a sample in equal bins over `range`.
    values
        Label → voxels counted in a sample; empty for densities.
    """

    low: float
    high: float
    auto: tuple[float, float]
    histogram: list[int]
    range: tuple[float, float]
    values: dict[int, int]


@dataclass(frozen=True)
class Layer:
    """An open layer.

    Attributes
    ----------
    array
        [z, y, x]: a memory map where the format allows, otherwise something that slices like one.
    voxel_size
        Å in z, y, x; None for a preview, which shares the one of its tomogram.
    offset
        z, y, x of the layer's first voxel in its tomogram.
    version
        Changes with the file (modification time and size).
    path
        None for a preview.
    """

    key: str
    kind: Kind
    array: Any
    voxel_size: tuple[float, float, float] | None
    offset: tuple[int, int, int]
    version: str
    path: Path | None = None
    _display: list[Display] = field(default_factory=list, repr=False, compare=False)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def display(self) -> Display:
        """Limits, histogram and labels, computed at the first call."""
        with self._lock:
            if not self._display:
                self._display.append(_measure(self.array, self.kind))
            return self._display[0]


@dataclass(frozen=True)
class _Place:
    """Where a key leads, and the state of the settings for which that was found."""

    settings: tuple[int, int]
    path: Path
    real: Path
    voxel_size: tuple[float, float, float] | None


_lock = Lock()
_places: OrderedDict[tuple[Path, str], _Place] = OrderedDict()
_open: OrderedDict[tuple[str, str], Layer] = OrderedDict()
_opening: dict[str, Lock] = {}
_previews: OrderedDict[str, Layer] = OrderedDict()


def open_layer(key: str) -> Layer:
    """The layer that `key` names.

    Raises
    ------
    UserError
        No such layer, its file vanished, is unreadable, or lies outside the project and its sources.
    """
    if key.startswith("memory:"):
        with _lock:
            preview = _previews.get(key)
        if preview is None:
            raise UserError("This preview is no longer kept: change a parameter to compute it again.")
        return preview
    place = _locate(key)
    version = _version(place.path)
    with _lock:
        known = _open.get((key, version))
        if known is not None:
            _open.move_to_end((key, version))
            return known
        lock = _opening.setdefault(key, Lock())
    with lock:
        with _lock:
            known = _open.get((key, version))
        if known is not None:
            return known
        layer = _open_file(key, place, version)
        with _lock:
            for old in [k for k in _open if k[0] == key]:
                del _open[old]
            _open[key, version] = layer
            _close_oldest()
    return layer


def layer_version(key: str) -> str:
    """The version of the layer `key` now, without opening it; "missing" when there is none."""
    try:
        return open_layer(key).version if key.startswith("memory:") else _version(_locate(key).path)
    except UserError:
        return "missing"


def put_preview(session_id: str, labels: np.ndarray, offset_zyx: tuple[int, int, int], name: str = "preview") -> str:
    """Keep a preview in memory, in place of the one of the same session and name; returns its layer key.

    Parameters
    ----------
    session_id
        The browser tab that it is for.
    labels
        Labels (integers, −1 = border) or scores (floating point) of a box [z, y, x].
    offset_zyx
        First voxel of the box in its tomogram.
    name
        Tells the previews of one session apart.
    """
    key = f"memory:{session_id}:{name}"
    kind: Kind = "scores" if labels.dtype.kind == "f" else "labels"
    content = np.ascontiguousarray(labels)
    version = hashlib.sha1(content.data, usedforsecurity=False).hexdigest()[:16] + "-" + "-".join(map(str, offset_zyx))
    with _lock:
        _previews.pop(key, None)
        _previews[key] = Layer(key, kind, content, None, offset_zyx, version)
        while len(_previews) > PREVIEWS:
            _previews.popitem(last=False)
    return key


def drop_preview(session_id: str, name: str = "preview") -> None:
    """Forget a preview; nothing happens when there is none."""
    with _lock:
        _previews.pop(f"memory:{session_id}:{name}", None)


def _locate(key: str) -> _Place:
    # A project with 1000 tomograms takes a second to list, so a key is looked up again only when the settings
    # changed; where the path leads is checked at every request, because a link can be turned at any time.
    root = served.root()
    settings = _fingerprint(root / FILE_NAME)
    with _lock:
        known = _places.get((root, key))
    if known is not None and known.settings == settings and Path(os.path.realpath(known.path)) == known.real:
        return known
    project = served.project()
    kind, _, name = key.partition(":")
    voxel_size = None
    if kind == "tomogram":
        tomogram = project.tomogram(name)
        path, voxel_size = tomogram.path, tomogram.voxel_size
    elif kind == "segmentation":
        path = project.segmentation(name).path
    else:
        raise UserError(f"{key!r} names no layer: a key begins with tomogram:, segmentation: or memory:.")
    place = _Place(settings, path, project.readable(path), voxel_size)
    with _lock:
        _places[root, key] = place
        while len(_places) > 5000:
            _places.popitem(last=False)
    return place


def _open_file(key: str, place: _Place, version: str) -> Layer:
    volume = open_volume(place.real)
    array = volume.array
    kind: Kind = "density"
    if key.startswith("segmentation:"):
        kind = "labels" if _holds_labels(array) else "scores"
    return Layer(key, kind, array, place.voxel_size or volume.voxel_size, (0, 0, 0), version, place.real)


def _close_oldest() -> None:
    while len(_open) > OPEN_LAYERS:
        _open.popitem(last=False)
    unpacked = {name: size for name, layer in _open.items() if (size := _bytes_in_memory(layer.array))}
    taken = sum(unpacked.values())
    for name in list(unpacked)[:-1]:  # the newest stays, however large: it is about to be shown
        if taken <= UNPACKED_BYTES:
            return
        del _open[name]
        taken -= unpacked[name]


def _bytes_in_memory(array: Any) -> int:
    # Memory maps, HDF5 data sets and Zarr arrays read from the disk what is sliced.
    return array.nbytes if isinstance(array, np.ndarray) and not isinstance(array, np.memmap) else 0


def _holds_labels(array: Any) -> bool:
    # Some programs write label maps as floating point; score maps lie between 0 and 1 and are not whole.
    if np.dtype(array.dtype).kind != "f":
        return True
    middle = take_slice(array, "z", int(array.shape[0]) // 2)
    return bool(np.all(np.isfinite(middle)) and np.all(middle == np.round(middle)))


def _measure(array: Any, kind: Kind) -> Display:
    if kind == "labels":
        return Display(0.0, 255.0, (0.0, 255.0), [], (0.0, 255.0), _count_labels(array))
    statistics = sample_statistics(array)
    low, high = quantise.display_limits(statistics)
    if kind == "scores":  # one scale for all score maps: what the threshold says must not depend on the sample
        low, high = min(0.0, statistics.minimum), max(1.0, statistics.maximum)
    edges = (float(statistics.edges[0]), float(statistics.edges[-1]))
    return Display(low, high, quantise.auto_limits(statistics), statistics.histogram.tolist(), edges, {})


def _count_labels(array: Any) -> dict[int, int]:
    depth = int(array.shape[0])
    step = max(1, -(-int(np.prod(array.shape)) // COUNTED_VOXELS))
    counts: dict[int, int] = {}
    for z in range(min(step // 2, depth - 1), depth, step):
        plane = take_slice(array, "z", z)
        labels, occurrences = np.unique(plane[np.isfinite(plane)], return_counts=True)
        for label, count in zip(labels.tolist(), occurrences.tolist(), strict=True):
            counts[int(label)] = counts.get(int(label), 0) + count * step
    return counts


def _version(path: Path) -> str:
    modified, size = _fingerprint(path)
    return f"{modified:x}-{size:x}"


def _fingerprint(path: Path) -> tuple[int, int]:
    with explain_os_errors(path, "read"):
        status = os.stat(path)
    return status.st_mtime_ns, status.st_size
