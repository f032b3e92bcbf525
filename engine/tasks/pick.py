"""Pick particles from segmentations: PickET's second step (S2), label maps → one object table."""

from typing import Any

import numpy as np

from engine.errors import UserError
from engine.instances import slices_to_pick
from engine.objects import ObjectTable, concatenate, table_from_centroids
from engine.project import Project, Segmentation
from engine.tasks.dividing import PickBasis, divide, find_in_box
from engine.tasks.items import run_items
from engine.tasks.pick_parameters import PickParameters
from engine.tasks.provenance import file_identity, open_for_science, stamp
from engine.tasks.task import Box, Job, Preview, Task
from engine.volumes import open_volume
from engine.words import plural, span

NAME = "pick"


def run(parameters: PickParameters, project: Project, job: Job) -> None:
    """Write one object table with the particles of all the segmentations; a segmentation that fails is left out."""
    tables: list[ObjectTable] = []
    inputs: list[dict[str, Any]] = []

    def work(key: str, progress: Any) -> str:
        found = project.segmentation(key)
        geometry = project.geometry(found.tomogram)
        with open_volume(project.readable(found.path)) as volume:
            check_shape(found, volume.shape, geometry.shape)
            labels = volume.read()
        density = None
        if parameters.mode == "dips":
            tomogram = project.tomogram(found.tomogram)
            with open_for_science(tomogram, project.readable(tomogram.path)) as volume:
                density = volume.read()
        divided = divide(labels, density, parameters, progress)
        for reason in divided.reasons:
            job.log(f"{key}: {reason}")
        instances = divided.instances
        inputs.append(file_identity(found.path))
        tables.append(
            table_from_centroids(
                found.tomogram,
                geometry,
                instances.centroids,
                sizes=instances.sizes,
                scores=instances.scores,
                class_name=parameters.class_name,
            )
        )
        return plural(len(instances.sizes), "object")

    failure: UserError | None = None
    try:
        run_items(job, parameters.segmentations, work)
    except UserError as error:
        failure = error
    if tables:
        project.add_class(parameters.class_name, parameters.radius)
        first = project.segmentation(parameters.segmentations[0])
        made_by = stamp(NAME, parameters.model_dump(mode="json"), file_identity(first.path), inputs=inputs)
        name = project.tables.create(parameters.result_name, concatenate(tables), made_by)
        count = sum(len(t.rows) for t in tables)
        job.output("table", name, project.tables.path(name), objects=count)
        job.log(f"{plural(count, 'object')} in the table {name}")
    if failure is not None:
        raise failure


def preview(parameters: PickParameters, project: Project, tomogram: str, box: Box) -> Preview:
    """The particles inside a box of the segmentation of `tomogram` that the parameters name.

    Particles that the box cuts are counted as they appear inside it, so near its faces sizes are too small.
    """
    keys = [k for k in parameters.segmentations if k.split("__", 1)[0] == tomogram]
    if not keys:
        raise UserError(f"None of the chosen segmentations belongs to {tomogram}: choose one, or another tomogram.")
    found = project.segmentation(keys[0])
    with open_volume(project.readable(found.path)) as volume:
        check_shape(found, volume.shape, project.geometry(tomogram).shape)
        slices_to_pick(volume.shape[0], parameters.lower_z, parameters.upper_z)
        labels = np.asarray(volume[box.slices])
    with project.open_tomogram(tomogram) as volume:
        density = np.asarray(volume[box.slices])
    picked = find_in_box(labels, density, parameters, box)
    if picked is None:
        return Preview(box, np.zeros(box.shape, np.int8), "The box lies outside the chosen slices.")
    text = f"{plural(len(picked.instances), 'object')} in the box"
    if len(picked.instances):
        least, most, middle = (int(f(picked.instances.sizes)) for f in (np.min, np.max, np.median))
        text += f", {span(least, most)} voxels" + (f" (median {middle:,})" if len(picked.instances) > 1 else "")
    basis = PickBasis(labels, density, picked.all_sizes, picked.reasons)
    return Preview(box, picked.instance_map, text, picked.centres, picked.instances.sizes, basis)


def check_shape(found: Segmentation, shape: tuple[int, ...], wanted: tuple[int, int, int]) -> None:
    """Raise UserError unless a segmentation has the shape of its tomogram."""
    if tuple(shape) != tuple(wanted):
        sizes = " and ".join("×".join(str(n) for n in s) for s in (shape, wanted))
        raise UserError(
            f"{found.path.name} and the tomogram {found.tomogram} differ in shape ({sizes} voxels): "
            "segment this tomogram anew."
        )


TASK = Task(
    name=NAME,
    title="Pick particles",
    summary="Find the particles in a segmentation and write their centres as an object table (PickET S2).",
    parameters=PickParameters,
    run=run,
    preview=preview,
    subject=lambda p: f"{p.result_name} from {len(p.segmentations)} segmentation{'s' * (len(p.segmentations) > 1)}",
)
