"""The workflows of S1 side by side on a small box, with the picks that S2 makes of each.

The same computation as the full run; what is learnt is learnt from a sample of the box, and the densities are scaled by
the range of the whole tomogram.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from engine.errors import UserError
from engine.project import Project
from engine.tasks.dividing import find_in_box
from engine.tasks.pick_parameters import PickParameters
from engine.tasks.task import Box
from engine.tasks.unsupervised import UnsupervisedParameters
from engine.tasks.whole_tomogram import lamella, value_range

SAMPLE = 4_000
"""Neighbourhoods that a preview learns from: its labels agree with those of 60,000 as well as from 6,000 (measured)."""

WORKFLOWS = tuple((features, method) for features in ("intensities", "gabor", "ffts") for method in ("kmeans", "gmm"))

Workflow = tuple[str, str]


@dataclass(frozen=True)
class WorkflowPreview:
    """What one workflow would give inside the box.

    Attributes
    ----------
    workflow
        Features and clustering.
    labels
        Label map of the box, int8 `[z, y, x]`; None where the workflow failed.
    instances
        Instance map of the box, int32 `[z, y, x]`, 0 where nothing was picked.
    picks
        Centres of the picks, `[n, 3]` as x, y, z in voxels of the whole tomogram.
    sizes
        Voxels of each pick.
    scores
        Compactness of each pick.
    all_sizes
        Voxels of each piece before limits on size left any out.
    reasons
        What was found in the data and used for the picks, a sentence each.
    problem
        Why there is no label map; or, with one, why there are no picks. Empty when all is well.
    warning
        A sentence about the fit that a person should read.
    """

    workflow: Workflow
    labels: np.ndarray | None
    instances: np.ndarray | None = None
    picks: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))
    sizes: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    scores: np.ndarray = field(default_factory=lambda: np.empty(0))
    all_sizes: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    reasons: tuple[str, ...] = ()
    problem: str = ""
    warning: str = ""

    @property
    def share(self) -> float:
        """Of the box's voxels in the particle cluster (label 1), border left out; NaN without labels."""
        if self.labels is None:
            return float("nan")
        inside = int(np.count_nonzero(self.labels >= 0))
        return np.count_nonzero(self.labels == 1) / inside if inside else float("nan")


@dataclass(frozen=True)
class SegmentedBox:
    """Label maps of several workflows in a box, before anything is picked.

    Attributes
    ----------
    density
        The tomogram in the box `[z, y, x]`.
    labels
        For each workflow its label map (int8 `[z, y, x]`) and a warning, or why there is none.
    outside
        Whether the box lies outside the slices to learn from, so that all of it was learnt from.
    """

    box: Box
    density: np.ndarray
    labels: dict[Workflow, tuple[np.ndarray, str] | UserError]
    outside: bool


@dataclass(frozen=True)
class SideBySide:
    """The answer for a box.

    Attributes
    ----------
    density
        The tomogram in the box `[z, y, x]`.
    previews
        One for each workflow, in their order.
    outside
        See `SegmentedBox`.
    """

    box: Box
    density: np.ndarray
    previews: list[WorkflowPreview]
    outside: bool


def preview_workflows(
    parameters: UnsupervisedParameters,
    picking: PickParameters,
    project: Project,
    tomogram: str,
    box: Box,
    workflows: Sequence[Workflow] = WORKFLOWS,
) -> SideBySide:
    """Label maps and picks of several workflows inside a box: `segment_box`, then `pick_in_box`."""
    return pick_in_box(segment_box(parameters, project, tomogram, box, workflows), picking)


def segment_box(
    parameters: UnsupervisedParameters,
    project: Project,
    tomogram: str,
    box: Box,
    workflows: Sequence[Workflow] = WORKFLOWS,
) -> SegmentedBox:
    """Label maps of several workflows inside a box.

    Parameters
    ----------
    parameters
        Of S1; features and clustering are those of each workflow instead.
    project, tomogram, box
        Where.
    workflows
        Which.

    Raises
    ------
    UserError
        What concerns the tomogram or the box; what concerns one workflow is said in its place.
    """
    from engine.features import RADIUS, check_room, prepare, running_on, slices_to_fit

    size = parameters.neighbourhood_size
    scale = value_range(project, tomogram)
    if parameters.own_lamella:
        found = lamella(project, tomogram)
        parameters = parameters.model_copy(update={"lower_z": found.lower, "upper_z": found.upper})
    with project.open_tomogram(tomogram) as volume:
        shape = volume.shape
        check_room(shape, size)
        limits = slices_to_fit(shape[0], size, parameters.lower_z, parameters.upper_z)
        wide = box.grown(RADIUS + size // 2, volume.shape)  # so far the blur and a neighbourhood reach
        density = np.asarray(volume[wide.slices])
    near = box.grown(size // 2, shape)
    inside_limits = limits_inside(limits, near, size)
    lower, upper = inside_limits or (None, None)
    sample = min(parameters.max_neighbourhoods or SAMPLE, SAMPLE)
    changed = parameters.model_copy(update={"lower_z": lower, "upper_z": upper, "max_neighbourhoods": sample})
    asked = [changed.model_copy(update={"features": f, "clustering": method}).science() for f, method in workflows]
    modes = list(dict.fromkeys(s1.mode for s1 in asked))
    labelled = _within(box, near)
    with running_on(1, "cpu"):
        prepared = prepare(density, asked[0], threads=2, value_range=scale, inside=_within(near, wide))
        one_core = replace(prepared, threads=1)

        def of_mode(mode: str) -> list[tuple[Workflow, tuple[np.ndarray, str] | UserError]]:
            from engine.features import segment_prepared

            return [
                (
                    (done.mode, done.method),
                    result if isinstance(result, UserError) else (result.labels[labelled], result.warning),
                )
                for done, result in segment_prepared(one_core, [s1 for s1 in asked if s1.mode == mode])
            ]

        # Modes side by side, each on one core: that uses two cores better than either alone.
        with ThreadPoolExecutor(len(modes)) as pool:
            labels = {workflow: labels for of_one in pool.map(of_mode, modes) for workflow, labels in of_one}
    return SegmentedBox(box, density[_within(box, wide)], {w: labels[w] for w in workflows}, inside_limits is None)


def pick_in_box(segmented: SegmentedBox, picking: PickParameters) -> SideBySide:
    """The picks that S2 makes of each label map; the segmentations that `picking` names do not matter."""

    def picked(workflow: Workflow) -> WorkflowPreview:
        answer = segmented.labels[workflow]
        if isinstance(answer, UserError):
            return WorkflowPreview(workflow, None, problem=str(answer))
        labels, warning = answer
        return _picked(workflow, labels, segmented.density, warning, picking, segmented.box)

    with ThreadPoolExecutor(2) as pool:
        previews = list(pool.map(picked, segmented.labels))
    return SideBySide(segmented.box, segmented.density, previews, segmented.outside)


def _within(part: Box, whole: Box) -> tuple[slice, slice, slice]:
    """Where a box lies in the array of a larger one."""
    return Box(
        tuple(a - b for a, b in zip(part.start, whole.start, strict=True)),  # type: ignore[arg-type]
        tuple(a - b for a, b in zip(part.stop, whole.start, strict=True)),  # type: ignore[arg-type]
    ).slices


def limits_inside(limits: tuple[int, int], box: Box, size: int) -> tuple[int, int] | None:
    """The slices to learn from, counted from the box's first; None where too little of the box lies among them."""
    first, last = box.start[0], box.stop[0]
    lower, upper = max(limits[0], first) - first, min(limits[1], last) - first
    return (lower, upper) if upper - lower >= min(2 * size, last - first) else None


def _picked(
    workflow: Workflow, labels: np.ndarray, density: np.ndarray, warning: str, picking: PickParameters, box: Box
) -> WorkflowPreview:
    try:
        found = find_in_box(labels, density, picking, box)
    except UserError as error:
        return WorkflowPreview(workflow, labels, problem=str(error), warning=warning)
    if found is None:
        return WorkflowPreview(workflow, labels, problem="The box lies outside the slices to pick in.", warning=warning)
    return WorkflowPreview(
        workflow,
        labels,
        found.instance_map,
        found.centres,
        found.instances.sizes,
        found.instances.scores,
        found.all_sizes,
        found.reasons,
        warning=warning,
    )
