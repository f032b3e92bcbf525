"""Find objects in segmentations of a network: DeepFinder's cluster step and better ones → one object table."""

import math
from typing import Any

import numpy as np
import pandas as pd

from engine.errors import UserError
from engine.objects import ObjectTable, concatenate
from engine.project import Project
from engine.tasks.cluster_parameters import ClusterParameters, FindingParameters
from engine.tasks.clustering import (
    Clustered,
    by_class,
    check_class_names,
    choose,
    counted,
    find_candidates,
    in_tomogram_voxels,
    inside,
    rows,
)
from engine.tasks.items import run_items
from engine.tasks.provenance import file_identity, stamp
from engine.tasks.segmented_classes import classes_of
from engine.tasks.task import Box, Job, Preview, Task

NAME = "cluster"


def run(parameters: ClusterParameters, project: Project, job: Job) -> None:
    """Write one object table with the objects of all the segmentations; a segmentation that fails is left out."""
    check_class_names(project, parameters)
    tables: list[ObjectTable] = []
    inputs: list[dict[str, Any]] = []
    limits: dict[str, Any] = {}
    totals: dict[str, int] = {}
    device = finding_device(parameters)

    def work(key: str, progress: Any) -> str:
        identity = file_identity(project.segmentation(key).path)
        clustered = find_candidates(project, key, parameters, progress, device=device)
        chosen = choose(clustered, parameters)
        for note in chosen.notes:
            job.log(f"{key}: {note}")
        counts = by_class(clustered, chosen.kept)
        _remember_classes(project, clustered, counts)
        tomogram = clustered.segmentation.tomogram
        tables.append(ObjectTable(pd.DataFrame(rows(clustered, chosen.kept)), {tomogram: clustered.geometry}))
        inputs.append(identity)
        limits[key] = {
            clustered.classes[s.label].name: {"score": s.min_score, "size": s.min_size, "largest": s.max_size}
            for s in chosen.settings
        }
        for name, count in counts.items():
            totals[name] = totals.get(name, 0) + count
        if not clustered.voxels and not len(clustered.candidates):
            return "0 objects: no voxel of the label map belongs to a class"
        return f"{counted(counts)} of {len(chosen.kept):,} candidates"

    failure: UserError | None = None
    try:
        run_items(job, parameters.segmentations, work)
    except UserError as error:
        failure = error
    if tables:
        made_by = stamp(NAME, parameters.model_dump(mode="json"), inputs[0], inputs=inputs, limits=limits)
        name = project.tables.create(parameters.result_name, concatenate(tables), made_by)
        job.output("table", name, project.tables.path(name), objects=sum(totals.values()))
        job.log(f"{counted(totals)} in the table {name}")
    if failure is not None:
        raise failure


def preview(parameters: ClusterParameters, project: Project, tomogram: str, box: Box) -> Preview:
    """The objects inside a box of the segmentation of `tomogram` that the parameters name.

    The surroundings of the box are looked at too, so that objects at its faces are whole. `basis` is a `Clustered` with
    the candidates in and around the box.
    """
    return preview_of(*candidates_about(parameters, project, tomogram, box), parameters, box)


def candidates_about(parameters: ClusterParameters, project: Project, tomogram: str, box: Box) -> tuple[Clustered, Box]:
    """What `preview` finds in a box and around it, which takes long, and the wider box that was looked at."""
    keys = [k for k in parameters.segmentations if k.split("__", 1)[0] == tomogram]
    if not keys:
        raise UserError(f"None of the chosen segmentations belongs to {tomogram}: choose one, or another tomogram.")
    check_class_names(project, parameters)
    geometry = project.geometry(tomogram)
    wider = box.grown(_margin(project, keys[0], parameters), geometry.shape)
    return find_candidates(project, keys[0], parameters, box=wider), wider


def preview_of(clustered: Clustered, looked_at: Box, parameters: ClusterParameters, box: Box) -> Preview:
    """What the limits leave of the candidates in a box; takes a moment, so that it can follow a slider."""
    chosen = choose(clustered, parameters)
    kept = chosen.kept & inside(clustered.candidates.centres, box)
    objects = clustered.candidates.where(kept)
    labels = in_tomogram_voxels(clustered.labels, clustered, looked_at, box)
    found = counted(by_class(clustered, kept))
    text = f"{found} in the box, of {int(inside(clustered.candidates.centres, box).sum()):,} candidates."
    picks = objects.centres[:, ::-1]
    return Preview(box, labels, " ".join((text, *chosen.notes)), picks, objects.sizes, clustered)


def _margin(project: Project, key: str, parameters: ClusterParameters) -> int:
    """Voxels around a box in which objects may lie that touch those inside."""
    found = project.segmentation(key)
    size = float(np.mean(project.geometry(found.tomogram).voxel_size))
    radii = [parameters.radii.get(c.name) or c.radius or 0 for c in classes_of(project, found).values()]
    largest = max([*radii, parameters.default_radius or 0]) / size
    largest = max([largest, parameters.bandwidth or 0, *parameters.bandwidth_by_class.values()])
    return 2 * math.ceil(min(largest, 64))


def finding_device(parameters: FindingParameters) -> str:
    """The device to find objects on: a GPU where there is one and it helps."""
    if parameters.method != "peaks":
        return "cpu"
    import torch  # here, because it takes a second that few need

    return "cuda" if torch.cuda.is_available() else "cpu"


def _remember_classes(project: Project, clustered: Clustered, counts: dict[str, int]) -> None:
    """Add the classes of the objects to the feature library, so that they are drawn with their radius."""
    for c in clustered.classes.values():
        if counts.get(c.name) and c.radius:
            project.add_class(c.name, c.radius, c.colour)


TASK = Task(
    name=NAME,
    title="Find objects",
    summary="Find the objects in segmentations of a network and write their centres as an object table.",
    parameters=ClusterParameters,
    run=run,
    preview=preview,
    uses_gpu=True,
    subject=lambda p: f"{p.result_name} from {len(p.segmentations)} segmentation{'s' * (len(p.segmentations) > 1)}",
)
