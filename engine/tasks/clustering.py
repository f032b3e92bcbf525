"""From a segmentation of the project to candidates: what the task "cluster", its preview and live limits share.

Finding takes long, choosing a moment: `find_candidates` reads files and finds, `choose` applies limits and can be asked
again with other parameters.
"""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import UserError
from engine.instances.candidates import Candidates, ClassSetting, passing
from engine.instances.finding import find_objects
from engine.instances.score_maps import ScoreMaps, present_labels
from engine.objects import TomogramGeometry
from engine.project import Project, Segmentation
from engine.tasks.cluster_parameters import DEEPFINDER_RADIUS, ClusterParameters, FindingParameters
from engine.tasks.segmented_classes import SegmentedClass, classes_of
from engine.tasks.task import Box
from engine.volumes import open_volume, unbinned_coordinate

BINNINGS = (1, 2)
"""Label maps have the tomogram's voxels, or DeepFinder's binned ones."""


@dataclass(frozen=True, eq=False)
class Clustered:
    """What was found in a segmentation, before limits left anything out.

    Attributes
    ----------
    segmentation, geometry
        Whose objects; shape and voxel size of the tomogram.
    classes
        Label → class, for the classes asked for; every one has a radius.
    candidates
        Centres and sizes in voxels of the tomogram.
    binning
        Tomogram voxels per voxel of the label map, along each axis.
    scored
        Whether score maps were used.
    voxels
        Label → voxels of the label map.
    labels
        The label map that was looked at `[z, y, x]`.
    """

    segmentation: Segmentation
    geometry: TomogramGeometry
    classes: dict[int, SegmentedClass]
    candidates: Candidates
    binning: int
    scored: bool
    voxels: dict[int, int]
    labels: np.ndarray


@dataclass(frozen=True, eq=False)
class Chosen:
    """What the limits leave.

    Attributes
    ----------
    kept
        Which candidates stay, bool `[n]`.
    settings
        The limits of each class, in voxels of the tomogram.
    notes
        Sentences about limits that do not apply.
    """

    kept: np.ndarray
    settings: tuple[ClassSetting, ...]
    notes: tuple[str, ...]


def find_candidates(
    project: Project,
    key: str,
    parameters: FindingParameters,
    progress: Callable[[float, str], None] | None = None,
    box: Box | None = None,
    device: str = "cpu",
) -> Clustered:
    """Find everything that may be an object in a segmentation, or in a box of it.

    Parameters
    ----------
    project, key
        The segmentation `<tomogram>__<name>`.
    parameters
        Those that `FindingParameters.finding` gives decide.
    progress
        Called with (fraction, text).
    box
        In voxels of the tomogram; None = all of it.
    device
        Of torch.

    Raises
    ------
    UserError
        Files that cannot be read or differ in shape, a label without a class, a class without a radius.
    """
    found = project.segmentation(key)
    geometry = project.geometry(found.tomogram)
    with ExitStack() as opened:
        volume = opened.enter_context(open_volume(project.readable(found.path)))
        binning = _binning(found, tuple(volume.shape), geometry.shape)
        place = tuple(slice(None) for _ in range(3)) if box is None else _binned(box, binning)
        labels = np.ascontiguousarray(volume[place])
        maps = {}
        if parameters.use_scores:
            for label, path in score_files(found).items():
                one = opened.enter_context(open_volume(project.readable(path)))
                if tuple(one.shape) != tuple(volume.shape):
                    sizes = " and ".join("×".join(str(n) for n in s) for s in (one.shape, volume.shape))
                    raise UserError(
                        f"{path.parent.name}/{path.name} and {found.path.name} differ in shape ({sizes} voxels): "
                        "segment this tomogram anew, or switch score maps off."
                    )
                maps[label] = one.array if box is None else one[place]
        voxels = present_labels(labels)
        classes, left_out = _asked(project, found, parameters, voxels, geometry)
        maps = {label: array for label, array in maps.items() if label in classes}
        scores = ScoreMaps(maps) if maps else None
        size = float(np.mean(geometry.voxel_size)) * binning
        objects = find_objects(
            labels,
            scores,
            parameters.method,
            [
                ClassSetting(c.label, (c.radius or 0) / size, _bandwidth(parameters, c, binning))
                for c in classes.values()
            ],
            split=parameters.split,
            compat_radius=_compat_radius(parameters, binning),
            left_out=left_out,
            device=device,
            progress=progress,
        ).candidates
    first = np.array([s.start or 0 for s in place])
    candidates = replace(
        objects,
        centres=unbinned_coordinate(objects.centres + first, binning),
        sizes=objects.sizes * binning**3,
    )
    return Clustered(found, geometry, classes, candidates, binning, scores is not None, voxels, labels)


def choose(clustered: Clustered, parameters: ClusterParameters) -> Chosen:
    """Apply the limits: those of the parameters, else those stored with the model.

    Raises
    ------
    UserError
        A limit on scores where there are none, crossed limits, a border that leaves nothing.
    """
    size = float(np.mean(clustered.geometry.voxel_size))
    settings, notes = [], []
    judged = clustered.scored or parameters.method == "peaks"
    for c in clustered.classes.values():
        score = parameters.min_score_by_class.get(c.name, parameters.min_score)
        smallest = parameters.min_size_by_class.get(c.name, parameters.min_size)
        if score is not None and not judged:
            raise UserError(
                f"A lowest score is set for {c.name}, but {clustered.segmentation.key} has no score maps that are "
                "used: segment with score maps, find objects by peaks, or clear the limit."
            )
        if parameters.model_thresholds:
            fits = c.method in (None, parameters.method) and not parameters.compat
            if not fits and (c.min_score is not None or c.min_size is not None):
                notes.append(
                    f"The model's limits for {c.name} were fitted for {c.method or 'another method'}: not used."
                )
            if fits and score is None and c.min_score is not None:
                if clustered.scored:
                    score = c.min_score
                else:
                    notes.append(f"The model's lowest score for {c.name} is not used: there are no score maps.")
            if fits and smallest is None and c.min_size is not None:
                smallest = c.min_size * ((c.limit_voxel_size or size) / size) ** 3
        settings.append(
            ClassSetting(
                c.label,
                (c.radius or 0) / size,
                min_score=score,
                min_size=smallest,
                max_size=parameters.max_size_by_class.get(c.name, parameters.max_size),
            )
        )
    kept = passing(
        clustered.candidates, settings, clustered.geometry.shape, parameters.exclude_border, parameters.merged
    )
    return Chosen(kept, tuple(settings), tuple(notes))


def check_class_names(project: Project, parameters: FindingParameters) -> None:
    """Refuse names of classes that neither one of the segmentations nor the feature library has.

    Raises
    ------
    UserError
        Names the parameter and the classes there are.
    """
    known = {c.name for c in project.classes}
    for found in project.segmentations():
        if found.key in parameters.segmentations:
            known |= {c.name for c in classes_of(project, found).values()}
    for name, where in parameters.named_classes().items():
        if name not in known and not _is_label_name(name):
            raise UserError(
                f"{where} names {name!r}, which is no class of these segmentations "
                f"(classes: {', '.join(sorted(known)) or 'none'})."
            )


def score_files(segmentation: Segmentation) -> dict[int, Path]:
    """Label → its score map, `<tomogram>__<name>_scores/<label>.mrc` beside the label map; empty without any."""
    folder = segmentation.path.with_name(f"{segmentation.key}_scores")
    files = folder.glob("*.mrc") if folder.is_dir() else ()
    found = {int(path.stem): path for path in files if path.stem.isdecimal()}
    return {label: found[label] for label in sorted(found) if label > 0}


def by_class(clustered: Clustered, kept: np.ndarray) -> dict[str, int]:
    """Name of each class → how many of its candidates are kept, by label."""
    labels = clustered.candidates.labels[kept]
    return {c.name: int((labels == c.label).sum()) for c in clustered.classes.values()}


def counted(counts: dict[str, int]) -> str:
    """Such as "12 objects (5 ribosome, 7 proteasome)"."""
    total = sum(counts.values())
    parts = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    text = f"{total:,} object{'s' * (total != 1)}"
    return f"{text} ({parts})" if parts else text


def _binning(found: Segmentation, shape: tuple[int, ...], wanted: tuple[int, int, int]) -> int:
    for binning in BINNINGS:
        if shape == tuple(-(-n // binning) for n in wanted):
            return binning
    sizes = " and ".join("×".join(str(n) for n in s) for s in (shape, wanted))
    raise UserError(
        f"{found.path.name} and the tomogram {found.tomogram} differ in shape ({sizes} voxels), and it is not binned "
        "by 2 either: segment this tomogram anew."
    )


def _binned(box: Box, binning: int) -> tuple[slice, slice, slice]:
    z, y, x = (slice(s.start // binning, -(-s.stop // binning)) for s in box.slices)
    return z, y, x


def _asked(
    project: Project,
    found: Segmentation,
    parameters: FindingParameters,
    voxels: dict[int, int],
    geometry: TomogramGeometry,
) -> tuple[dict[int, SegmentedClass], set[int]]:
    """The classes to find, each with a radius; and the labels that are not wanted."""
    known = classes_of(project, found)
    for label in voxels:
        known.setdefault(label, SegmentedClass(label, label_name(label)))
    wanted = set(parameters.classes or [])
    left_out = {label for label, c in known.items() if wanted and c.name not in wanted}
    asked = {}
    for label in sorted(known):
        c = known[label]
        if label in left_out:
            continue
        radius = parameters.radii.get(c.name) or c.radius or parameters.default_radius
        if radius is None and parameters.method == "mean shift":
            ball = parameters.bandwidth_by_class.get(c.name) or parameters.bandwidth
            ball = ball or (DEEPFINDER_RADIUS if parameters.compat else None)
            radius = ball * float(np.mean(geometry.voxel_size)) if ball else None
        if radius is None:
            if label not in voxels:  # nothing of it to find, so nothing is missing
                left_out.add(label)
                continue
            raise UserError(
                f"{found.key} holds the label {label} ({voxels[label]:,} voxels), but the radius of {c.name} is not "
                "known: add a class with that label and a radius, or set a radius for other classes."
            )
        asked[label] = replace(c, radius=radius)
    return asked, left_out


def _bandwidth(parameters: FindingParameters, of: SegmentedClass, binning: int) -> float | None:
    ball = parameters.bandwidth_by_class.get(of.name, parameters.bandwidth)
    return None if ball is None else ball / binning


def _compat_radius(parameters: FindingParameters, binning: int) -> float | None:
    """DeepFinder's radius in voxels of the label map, which its own default is in."""
    if not parameters.compat:
        return None
    return DEEPFINDER_RADIUS if parameters.bandwidth is None else parameters.bandwidth / binning


def label_name(label: int) -> str:
    """What objects of a label without a class are called."""
    return f"label {label}"


def _is_label_name(name: str) -> bool:
    return name.startswith("label ") and name.removeprefix("label ").isdecimal()


def inside(centres: np.ndarray, box: Box) -> np.ndarray:
    """Which centres `[n, 3]` (z, y, x) lie in a box, bool `[n]`."""
    first, last = (np.array(ends, dtype=float) - 0.5 for ends in (box.start, box.stop))
    return np.all((centres >= first) & (centres < last), axis=1)


def in_tomogram_voxels(labels: np.ndarray, clustered: Clustered, looked_at: Box, wanted: Box) -> np.ndarray:
    """The label map of `wanted`, a part of the box that was looked at, in voxels of the tomogram."""
    index: list[Any] = []
    for axis in range(3):
        voxels = np.arange(wanted.start[axis], wanted.stop[axis])
        index.append(voxels // clustered.binning - looked_at.start[axis] // clustered.binning)
    return labels[np.ix_(*index)]


def rows(clustered: Clustered, kept: np.ndarray) -> dict[str, Any]:
    """The columns of an object table for the candidates that are kept."""
    chosen = clustered.candidates.where(kept)
    z, y, x = chosen.centres.T
    names: Iterable[str] = (clustered.classes[label].name for label in chosen.labels.tolist())
    return {
        "tomogram": [clustered.segmentation.tomogram] * len(chosen),
        "class": list(names),
        "x": x,
        "y": y,
        "z": z,
        "score": chosen.scores,
        "size": chosen.sizes.astype(np.float64),
    }
