"""Limits on score and size per class, fitted on tomograms whose objects are known: to be stored with a model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from engine.errors import UserError
from engine.instances.candidates import Candidates, ClassSetting, passing
from engine.instances.class_thresholds import FittedThreshold, Truth, fit_thresholds
from engine.objects import ObjectTable, TomogramGeometry
from engine.project import Project
from engine.tasks.cluster_parameters import FindingParameters
from engine.tasks.clustering import Clustered, find_candidates

REACH = 1.0


def fit_on_reference(
    project: Project,
    parameters: FindingParameters,
    reference: ObjectTable,
    beta: float = 1.0,
    reach: float = REACH,
    progress: Callable[[float, str], None] | None = None,
    device: str = "cpu",
) -> dict[str, FittedThreshold]:
    """Fit the limits of each class on the segmentations of the parameters, all together.

    Parameters
    ----------
    project, parameters
        What to find and how; limits in the parameters do not count, the border and merging do.
    reference
        The true objects in the tomograms of these segmentations.
    beta
        Of F: 1, or 4 as in the CZII challenge.
    reach
        An object is found within so many times its class's radius.
    progress
        Called with (fraction, text).
    device
        Of torch.

    Returns
    -------
    dict
        Class → its limits; `as_stored` makes of them what a model keeps.

    Raises
    ------
    UserError
        The reference holds no object of these tomograms, or what `find_candidates` raises.
    """
    if not 0 < reach < np.inf:
        raise UserError(f"The reach is {reach:g} radii: it must be above 0.")
    found = []
    for number, key in enumerate(parameters.segmentations):

        def report(fraction: float, text: str, number: int = number) -> None:
            if progress is not None:
                progress((number + fraction) / len(parameters.segmentations), text)

        found.append(find_candidates(project, key, parameters, report, device=device))
    return fit_candidates(found, parameters, reference, beta, reach)


def fit_candidates(
    found: Sequence[Clustered],
    parameters: FindingParameters,
    reference: ObjectTable,
    beta: float = 1.0,
    reach: float = REACH,
) -> dict[str, FittedThreshold]:
    """As `fit_on_reference`, for candidates that were found already."""
    names = sorted({c.name for clustered in found for c in clustered.classes.values()})
    number = {name: i for i, name in enumerate(names, 1)}
    unit = float(np.mean(found[0].geometry.voxel_size))
    candidates, truths, radii = [], [], dict.fromkeys(names, 0.0)
    for clustered in found:
        size = float(np.mean(clustered.geometry.voxel_size))
        settings = [ClassSetting(c.label, (c.radius or 0) / size) for c in clustered.classes.values()]
        shape = clustered.geometry.shape
        kept = passing(clustered.candidates, settings, shape, parameters.exclude_border, parameters.merged)
        mine = clustered.candidates.where(kept)
        of_label = {c.label: number[c.name] for c in clustered.classes.values()}
        labels = np.array([of_label[label] for label in mine.labels.tolist()], np.int64)
        candidates.append(
            Candidates(labels, mine.centres * (size / unit), _sizes(mine.sizes, size / unit), mine.scores)
        )
        truths.append(_truth(reference, clustered, number, unit))
        for c in clustered.classes.values():
            radii[c.name] = max(radii[c.name], reach * (c.radius or 0) / unit)
    if not any(len(truth.labels) for truth in truths):
        tomograms = ", ".join(dict.fromkeys(clustered.segmentation.tomogram for clustered in found))
        raise UserError(
            f"The reference holds no object of the classes {', '.join(names)} in {tomograms}: choose its table."
        )
    fitted = fit_thresholds(candidates, truths, {number[name]: radii[name] for name in names}, beta)
    return {name: fitted[number[name]] for name in names}


def as_stored(fitted: Mapping[str, FittedThreshold], method: str, voxel_size: float) -> dict[str, dict[str, Any]]:
    """What a model keeps as `thresholds`.

    Parameters
    ----------
    fitted
        Class → its limits.
    method
        How the objects were found.
    voxel_size
        Å of the voxels that sizes were counted in.

    Returns
    -------
    dict
        Class → score, size, the method they are for and the voxel size; None = no limit.
    """
    return {
        name: {"score": limit.score, "size": limit.size, "method": method, "voxel_size": voxel_size}
        for name, limit in fitted.items()
    }


def _sizes(sizes: np.ndarray, factor: float) -> np.ndarray:
    """Sizes in voxels that are `factor` times as long; not rounded up, so that a limit fitted here keeps them."""
    return sizes if factor == 1 else np.floor(sizes * factor**3).astype(np.int64)


def _truth(reference: ObjectTable, clustered: Clustered, number: Mapping[str, int], unit: float) -> Truth:
    """The true objects in the tomogram of a segmentation, in voxels of `unit` Å."""
    name, geometry = clustered.segmentation.tomogram, clustered.geometry
    rows = reference.rows
    those = ((rows["tomogram"] == name) & rows["class"].isin(list(number))).to_numpy()
    centres = reference.coordinates_zyx()[those]
    own: TomogramGeometry = reference.tomograms.get(name, geometry)
    if own.shape != geometry.shape:  # annotated in another binning of the tomogram
        centres = (centres + 0.5) * (np.array(own.voxel_size) / np.array(geometry.voxel_size)) - 0.5
    labels = rows["class"][those].map(number).to_numpy(dtype=np.int64)
    return Truth(labels, centres * (float(np.mean(geometry.voxel_size)) / unit))
