"""Targets: label maps to train on, made of objects. Spheres of the class radius, or masks placed with orientation.

Objects are written one after the other, so where two meet the later one of the list stays; what that overwrites is
counted. With `compat` the result is DeepFinder's, byte for byte (reference: DeepFinder 0.2.0, TargetBuilder):

- positions are cut off to whole voxels; otherwise the exact centre counts, between voxels too;
- its spheres come from one box that lacks the farthest voxels of the largest class on one side (`spheres`), and these
  boxes are turned where an object has angles, which changes them by some voxels; otherwise a sphere is a sphere;
- shapes of objects without angles are placed unturned; otherwise they are refused.

No file is opened here. Rows of an object table become `TargetObjects` in `target_objects`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.annotation.pasting import MOST_LABEL, Brush, Canvas, Corner, Stamp
from engine.annotation.shape_masks import MaskStamp
from engine.annotation.spheres import SphereStamp, checked_radius, deepfinder_spheres
from engine.annotation.target_objects import TargetObjects
from engine.annotation.target_report import TargetReport, report
from engine.errors import UserError

Progress = Callable[[float, str], None]

VOXELS_AT_ONCE = 4_000_000
"""Of so many voxels about objects it is asked at once whether they belong to them."""

SLAB_VOXELS = 4_000_000
FARTHEST = 1e9


@dataclass(frozen=True)
class Target:
    """A label map to train on.

    Attributes
    ----------
    labels
        int8 [z, y, x], 0 = background.
    report
        What became of the objects.
    """

    labels: np.ndarray
    report: TargetReport


@dataclass(frozen=True)
class Place:
    """What of a tomogram is made.

    Attributes
    ----------
    shape
        (z, y, x) of the tomogram.
    start, stop
        A box of it, `stop` excluded, z, y, x; None = all.
    """

    shape: tuple[int, int, int]
    start: Corner | None = None
    stop: Corner | None = None


def sphere_target(
    objects: TargetObjects,
    radii: Mapping[int, float],
    place: Place,
    *,
    initial: Any = None,
    compat: bool = False,
    progress: Progress | None = None,
) -> Target:
    """A target of spheres.

    Parameters
    ----------
    objects
        Of one tomogram.
    radii
        Label → voxels, fractions allowed.
    place
        The tomogram, or a box of it: only what lies in the box is computed.
    initial
        Label map [z, y, x] of the whole tomogram that lies under the objects, such as membranes; anything that slices
        like an array.
    compat
        As DeepFinder makes them.
    progress
        Called with (fraction, text).

    Raises
    ------
    UserError
        An object whose label has no radius, a radius that cannot be one, an initial map of another shape or with
        values that are no labels.
    """
    _check_given(objects, radii, "radius", "radii")
    for label, radius in radii.items():
        checked_radius(radius, objects.names.get(label, f"label {label}"))
    used = {label: radii[label] for label in dict.fromkeys(objects.labels.tolist())}
    of_radius: dict[float, Stamp]
    if compat:  # its box is that of the largest class, with or without objects
        boxes = dict(zip(radii.values(), deepfinder_spheres(list(radii.values())) if radii else [], strict=True))
        of_radius = {radius: MaskStamp(boxes[radius], compat=True) for radius in set(used.values())}
    else:
        of_radius = {radius: SphereStamp(radius) for radius in set(used.values())}
    stamps = {label: of_radius[radius] for label, radius in used.items()}
    return _made(objects, stamps, radii, place, initial, compat, False, progress)


def shape_target(
    objects: TargetObjects,
    masks: Mapping[int, np.ndarray],
    place: Place,
    *,
    scales: Mapping[int, float] | None = None,
    initial: Any = None,
    compat: bool = False,
    progress: Progress | None = None,
) -> Target:
    """A target of masks, each turned as its object is.

    Parameters
    ----------
    objects
        Of one tomogram.
    masks
        Label → [z, y, x] of 0 and 1, the particle's centre at the voxel N // 2.
    scales
        Label → voxels of the tomogram for each voxel of the mask; 1 where it is not in it. Not used with compat.
    place, initial, compat, progress
        As for `sphere_target`.

    Raises
    ------
    UserError
        An object whose label has no mask, a mask that cannot be one (see `shape_masks`), objects without orientation,
        an initial map of another shape or with values that are no labels.
    """
    _check_given(objects, masks, "mask", "masks")
    lacking = np.flatnonzero(~objects.oriented)
    if len(lacking) and not compat:
        raise UserError(
            f"{len(lacking):,} of {len(objects):,} objects have no orientation, the first is "
            f"{objects.called(int(lacking[0]))}: give them angles, leave them out, or make spheres."
        )
    stamps: dict[int, Stamp] = {}
    for label in dict.fromkeys(objects.labels.tolist()):
        try:
            stamps[label] = MaskStamp(masks[label], scale=(scales or {}).get(label, 1.0), compat=compat)
        except UserError as error:
            raise UserError(f"{objects.names.get(label, f'Label {label}')}: {error}") from error
    return _made(objects, stamps, masks, place, initial, compat, True, progress)


def _check_given(objects: TargetObjects, given: Mapping[int, Any], what: str, plural: str) -> None:
    for index, label in enumerate(objects.labels.tolist()):
        if not 1 <= label <= MOST_LABEL:
            raise UserError(
                f"The {objects.called(index)} has the label {label}, and a target holds 1 to {MOST_LABEL} (0 is the "
                "background): change its class."
            )
        if label not in given:
            known = ", ".join(str(known) for known in sorted(given)) or "none"
            raise UserError(
                f"The {objects.called(index)} has the label {label}, which has no {what} ({plural} are given for the "
                f"labels {known}): add one, or leave such objects out."
            )


def _made(
    objects: TargetObjects,
    stamps: Mapping[int, Stamp],
    given: Mapping[int, Any],
    place: Place,
    initial: Any,
    compat: bool,
    turned_matters: bool,
    progress: Progress | None,
) -> Target:
    if initial is not None and tuple(initial.shape) != tuple(place.shape):
        sizes = " and ".join("×".join(str(n) for n in s) for s in (initial.shape, place.shape))
        raise UserError(
            f"The initial label map and the tomogram differ in shape ({sizes} voxels, z, y, x): give one of the same "
            "tomogram."
        )
    canvas = Canvas(place.shape, place.start, place.stop)
    written = _write(objects, stamps, canvas, compat, progress)
    unturned = np.bincount(objects.labels[written & ~objects.oriented], minlength=MOST_LABEL + 1)
    before = covered = None
    if initial is not None:
        before, covered = _put_under(canvas.labels, initial, place)
    if not turned_matters:
        unturned[:] = 0
    return Target(canvas.labels, report(given, objects.names, canvas.counts, unturned, before, covered))


def _write(
    objects: TargetObjects, stamps: Mapping[int, Stamp], canvas: Canvas, compat: bool, progress: Progress | None
) -> np.ndarray:
    """Write the objects in their order; returns which were written (others lie outside the box): [n] bool."""
    centres = np.clip(objects.centres, -FARTHEST, FARTHEST)
    voxels = (np.trunc(centres) if compat else np.floor(centres + 0.5)).astype(np.int64)
    fractions = np.zeros_like(centres) if compat else centres - voxels
    brushes = {label: canvas.brush(label, stamp) for label, stamp in stamps.items()}
    wanted = np.zeros(len(objects), dtype=bool)
    for label, brush in brushes.items():
        of_label = objects.labels == label
        wanted[of_label] = canvas.touched(voxels[of_label], brush)
    oriented = objects.oriented
    done, count = 0, int(wanted.sum())
    for rows in _portions(np.flatnonzero(wanted), objects.labels, brushes):
        places: dict[int, np.ndarray] = {}
        for label, brush in brushes.items():
            for turned in (True, False):
                some = rows[(objects.labels[rows] == label) & (oriented[rows] == turned)]
                if len(some):
                    matrices = objects.matrices[some] if turned else None
                    places.update(
                        zip(some.tolist(), canvas.places(brush, voxels[some], fractions[some], matrices), strict=True)
                    )
        for row in rows.tolist():
            canvas.paste(int(objects.labels[row]), places[row])
        done += len(rows)
        if progress is not None:
            progress(done / count, "writing objects")
    return wanted


def _portions(rows: np.ndarray, labels: np.ndarray, brushes: Mapping[int, Brush]) -> Iterator[np.ndarray]:
    """Rows in their order, so many at once that not too many voxels are asked about."""
    size = np.zeros(MOST_LABEL + 1, np.int64)
    for label, brush in brushes.items():
        size[label] = len(brush.steps) + 1
    ends = np.cumsum(size[labels[rows]]) // VOXELS_AT_ONCE
    yield from np.split(rows, np.flatnonzero(np.diff(ends)) + 1) if len(rows) else ()


def _put_under(labels: np.ndarray, initial: Any, place: Place) -> tuple[np.ndarray, np.ndarray]:
    """Put a label map under the objects of `labels`, which is changed.

    Returns
    -------
    Voxels by label of the initial map [128], and of these by label of the object that lies over them [128, 128].
    """
    start = place.start or (0, 0, 0)
    before = np.zeros(MOST_LABEL + 1, np.int64)
    covered = np.zeros((MOST_LABEL + 1) ** 2, np.int64)
    thickness = max(1, SLAB_VOXELS // max(1, labels.shape[1] * labels.shape[2]))
    y, x = (slice(a, a + n) for a, n in zip(start[1:], labels.shape[1:], strict=True))
    for z in range(0, labels.shape[0], thickness):
        own = labels[z : z + thickness]
        under = _as_labels(np.asarray(initial[start[0] + z : start[0] + z + len(own), y, x]))
        before += np.bincount(under[under > 0], minlength=MOST_LABEL + 1)
        both = (own > 0) & (under > 0)
        pairs = under[both].astype(np.int64) * (MOST_LABEL + 1) + own[both]
        covered += np.bincount(pairs, minlength=len(covered))
        np.copyto(own, under, where=own == 0)
    return before, covered.reshape(MOST_LABEL + 1, -1)


def _as_labels(values: np.ndarray) -> np.ndarray:
    """int8 of values that are labels. Raises UserError where one is not 0 to 127 or no whole number."""
    with np.errstate(invalid="ignore"):
        bad = ~((values >= 0) & (values <= MOST_LABEL))
        if values.dtype.kind == "f":
            bad |= values != np.floor(values)
    if bad.any():
        raise UserError(
            f"The initial label map holds {values[bad][0]:g}, which is no label: it must hold whole numbers from 0 to "
            f"{MOST_LABEL}."
        )
    return np.asarray(values.astype(np.int8))
