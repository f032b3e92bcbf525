"""Fit the lowest score and the smallest size of each class on known objects, and keep them with the model."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from engine.errors import UserError
from engine.instances.class_thresholds import FittedThreshold
from engine.parameters import parameter
from engine.project import Model, Project
from engine.project.models import FILE_NAME
from engine.tasks.cluster import finding_device
from engine.tasks.cluster_parameters import FindingParameters
from engine.tasks.cluster_thresholds import REACH, as_stored, fit_on_reference
from engine.tasks.clustering import check_class_names
from engine.tasks.provenance import file_identity, stamp
from engine.tasks.segmented_classes import model_of
from engine.tasks.task import Job, Task

NAME = "fit-limits"
BETAS = {"F1": 1.0, "F4": 4.0}


class FitLimitsParameters(FindingParameters):
    """Parameters of the task."""

    reference: str = parameter(
        title="Known objects",
        help="The table of the true objects in these tomograms; the network must not have learnt from them.",
        source="tables",
        min_length=1,
    )
    judge: Literal["F1", "F4"] = parameter(
        "F1",
        title="Best",
        help="F1 weighs misses and false picks alike; F4 minds misses far more, as the CZII challenge.",
    )
    reach: float = parameter(
        REACH,
        title="Found within",
        unit="radii",
        gt=0,
        le=10,
        beside=True,
        help="How far a pick may be from the true object, in times its class's radius.",
    )
    keep: bool = parameter(
        True,
        title="Keep with the model",
        help="Every later search in its segmentations takes these limits where none are given.",
    )


def run(parameters: FitLimitsParameters, project: Project, job: Job) -> None:
    """Fit the limits; with `keep` they replace those in the `model.yaml` of the model that made the segmentations."""
    check_class_names(project, parameters)
    model = _model(parameters, project) if parameters.keep else None
    reference, table = project.table(parameters.reference), project.tables.path(parameters.reference)
    fitted = fit_on_reference(
        project,
        parameters,
        reference,
        BETAS[parameters.judge],
        parameters.reach,
        job.progress,
        finding_device(parameters),
    )
    for name, limit in fitted.items():
        job.log(f"{name}: {limit.note or _words(limit, parameters.judge)}")
    tomogram = project.segmentation(parameters.segmentations[0]).tomogram
    size = float(np.mean(project.geometry(tomogram).voxel_size))
    stored = as_stored(fitted, parameters.method, size)
    if model is not None:
        _keep(model, stored, stamp(NAME, parameters.model_dump(mode="json"), file_identity(table)))
    name, path = (model.name, model.path / FILE_NAME) if model else (parameters.reference, table)
    job.output("limits", name, path, kept=model is not None, limits=_shown(fitted), judge=parameters.judge)
    job.progress(1.0, "done")


def _model(parameters: FitLimitsParameters, project: Project) -> Model:
    """The one model that made the segmentations. Raises UserError when there are several, or none that can be found."""
    found = {}
    for key in parameters.segmentations:
        segmentation = project.segmentation(key)
        model = model_of(project, segmentation)
        if model is None:
            made = segmentation.made_by.get("model")
            why = f"its model {made} is gone or was trained on" if made else "it does not say which model made it"
            raise UserError(f"The limits for {key} cannot be kept: {why}; segment anew, or switch 'Keep' off.")
        found[model.name] = model
    if len(found) > 1:
        raise UserError(
            f"These segmentations were made with several models ({', '.join(sorted(found))}): choose those of one."
        )
    return next(iter(found.values()))


def _keep(model: Model, limits: Mapping[str, Any], made_by: dict[str, Any]) -> None:
    from engine.networks.model import Threshold, read_description, write_description  # torch: seconds

    described = read_description(model.path)
    known = {c.name for c in described.classes}
    thresholds = dict(described.thresholds)
    thresholds |= {name: Threshold.model_validate(limit) for name, limit in limits.items() if name in known}
    changed = described.model_copy(update={"thresholds": thresholds})
    changed.made_by["limits"] = made_by
    write_description(model.path, changed)


def _shown(fitted: Mapping[str, FittedThreshold]) -> dict[str, dict[str, Any]]:
    """The limits with how good they are, as plain values; None for what is not known."""
    return {
        name: {
            "score": limit.score,
            "size": limit.size,
            "f": _known(limit.f),
            "precision": _known(limit.precision),
            "recall": _known(limit.recall),
            "found": limit.found,
            "kept": limit.kept,
            "truths": limit.truths,
            "note": limit.note,
        }
        for name, limit in fitted.items()
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _words(limit: FittedThreshold, judge: str) -> str:
    least = " and ".join(
        part
        for part in (
            f"score at least {limit.score:.3f}" if limit.score is not None else "",
            f"{limit.size:,} voxels or more" if limit.size is not None else "",
        )
        if part
    )
    return (
        f"{least or 'no limit'}: {judge} {limit.f:.3f}, precision {limit.precision:.3f}, recall {limit.recall:.3f} "
        f"({limit.found} of {limit.truths} found with {limit.kept} picks)"
    )


TASK = Task(
    name=NAME,
    title="Fit limits",
    summary="Find the lowest score and smallest size of each class that suit known objects best; kept with the model.",
    parameters=FitLimitsParameters,
    run=run,
    uses_gpu=True,
    subject=lambda p: f"{p.judge} on {p.reference}",
)
