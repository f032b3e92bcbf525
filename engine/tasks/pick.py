"""Pick particles from segmentations: PickET's second step (S2), label maps → one object table."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from pydantic import field_validator, model_validator

from engine.errors import UserError
from engine.instances import Instances, S2Parameters, find_instances, select_instances, slices_to_pick
from engine.objects import ObjectTable, concatenate, table_from_centroids
from engine.project import Project, Segmentation
from engine.project.settings import check_name
from engine.tasks.items import run_items
from engine.tasks.provenance import file_identity, stamp
from engine.tasks.task import Box, Job, Parameters, Preview, Task, parameter
from engine.volumes import open_volume

NAME = "pick"

MODES = {
    "components": "connected_component_labeling",
    "watershed": "watershed_segmentation",
    "mean shift": "mean_shift_clustering",
    "h-maxima": "h_maxima_segmentation",
}
"""Our word → PickET's word; the last one is not PickET's."""


class PickParameters(Parameters):
    """Parameters of the task."""

    segmentations: list[str] = parameter(
        title="Segmentations",
        help="Label maps to pick from; each as <tomogram>__<name>.",
        source="segmentations",
        min_length=1,
    )
    particle_cluster: int = parameter(
        1, title="Particle cluster", unit="label", ge=0, le=65535, help="The label that holds the particles."
    )
    lower_z: int | None = parameter(
        None, title="From slice", unit="z", ge=0, help="First slice in which voxels count; empty = the first."
    )
    upper_z: int | None = parameter(
        None,
        title="to slice, included",
        beside=True,
        unit="z",
        ge=0,
        help="Last slice in which voxels count (itself included); empty = the last.",
    )
    mode: Literal["components", "watershed", "mean shift", "h-maxima"] = parameter(
        "components",
        title="Divide into particles by",
        help="components = voxels that touch are one particle; watershed = they are divided at their necks, with "
        "centres a least distance apart; h-maxima = at their necks where those are thin enough, whatever the size of "
        "the particles; mean shift = a ball is moved to the densest places.",
    )
    min_distance: int = parameter(
        5,
        title="Least distance",
        unit="voxel",
        ge=1,
        le=200,
        only_if=("mode", "watershed"),
        help="Watershed only: two centres are at least this far apart along some axis.",
    )
    h: float = parameter(
        1.0,
        title="Depth of a neck",
        unit="voxel",
        gt=0,
        le=50,
        only_if=("mode", "h-maxima"),
        help="h-maxima only: two parts are divided where their neck is so much thinner than both, measured from the "
        "surface.",
    )
    bandwidth: float = parameter(
        10.0,
        title="Radius of the ball",
        unit="voxel",
        gt=0,
        le=200,
        only_if=("mode", "mean shift"),
        help="Mean shift only: about the radius of a particle.",
    )
    min_size: int | None = parameter(
        None,
        title="Smallest",
        unit="voxel",
        ge=1,
        help="Leave out particles of fewer voxels; empty = keep all.",
    )
    max_size: int | None = parameter(
        None,
        title="Largest",
        beside=True,
        unit="voxel",
        ge=1,
        help="Leave out particles of more voxels; empty = keep all.",
    )
    exclude_border: int = parameter(
        0,
        title="Leave out near the faces",
        unit="voxel",
        ge=0,
        le=1000,
        advanced=True,
        help="Particles whose centre lies closer than this to a face of the tomogram are left out; 0 = none.",
    )
    min_separation: float | None = parameter(
        None,
        title="Merge closer than",
        unit="voxel",
        gt=0,
        le=1000,
        advanced=True,
        help="Of particles whose centres are closer than this only the largest is kept; empty = all.",
    )
    class_name: str = parameter(
        "particle", title="Class", min_length=1, max_length=60, help="What the picked objects are called."
    )
    radius: float = parameter(
        100.0,
        title="Radius",
        unit="Å",
        gt=0,
        le=10000,
        help="Drawn around each object if the class is new to the project.",
    )
    name: str = parameter(
        "", title="Save as", help="Name of the object table; empty = picks_<segmentation>.", advanced=True
    )

    @field_validator("name")
    @classmethod
    def _file_name(cls, value: str) -> str:
        return check_name(value, "table") if value else value

    @model_validator(mode="after")
    def _crossed(self) -> "PickParameters":
        if self.lower_z is not None and self.upper_z is not None and self.lower_z > self.upper_z:
            raise ValueError(
                f"the last slice ({self.upper_z}) lies before the first ({self.lower_z}); exchange the two"
            )
        if self.min_size is not None and self.max_size is not None and self.min_size > self.max_size:
            raise ValueError(
                f"the largest size ({self.max_size}) is below the smallest ({self.min_size}); exchange the two"
            )
        return self

    @property
    def result_name(self) -> str:
        """Name of the table."""
        return self.name or f"picks_{self.segmentations[0].split('__', 1)[-1]}"

    def science(self) -> S2Parameters:
        """The same for `engine.instances`."""
        return S2Parameters(
            mode=MODES[self.mode],
            particle_cluster=self.particle_cluster,
            lower_z=self.lower_z,
            upper_z=self.upper_z,
            min_distance=self.min_distance,
            min_size=self.min_size,
            max_size=self.max_size,
            bandwidth=self.bandwidth,
            h=self.h,
            exclude_border=self.exclude_border,
            min_separation=self.min_separation,
        )


def run(parameters: PickParameters, project: Project, job: Job) -> None:
    """Write one object table with the particles of all the segmentations; a segmentation that fails is left out."""
    tables: list[ObjectTable] = []
    inputs: list[dict[str, Any]] = []

    def work(key: str, progress: Any) -> str:
        found = project.segmentation(key)
        geometry = project.geometry(found.tomogram)
        with open_volume(project.readable(found.path)) as volume:
            check_shape(found, volume.shape, geometry.shape)
            _, instances = find_instances(volume.read(), parameters.science(), progress=progress)
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
        return f"{len(instances.sizes):,} objects"

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
        job.log(f"{count:,} objects in the table {name}")
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
    picked = find_in_box(labels, parameters, box)
    if picked is None:
        return Preview(box, np.zeros(box.shape, np.int8), "The box lies outside the chosen slices.")
    text = f"{len(picked.instances):,} objects in the box"
    if len(picked.instances):
        least, most, middle = (int(f(picked.instances.sizes)) for f in (np.min, np.max, np.median))
        text += f", {least:,} to {most:,} voxels (median {middle:,})"
    basis = PickBasis(labels, density, picked.all_sizes)
    return Preview(box, picked.instance_map, text, picked.centres, picked.instances.sizes, basis)


@dataclass(frozen=True)
class PickBasis:
    """What suggestions about picks in a box are made from.

    Attributes
    ----------
    labels, density
        Label map and tomogram in the box `[z, y, x]`.
    all_sizes
        Voxels of each piece, before limits left any out.
    """

    labels: np.ndarray
    density: np.ndarray
    all_sizes: np.ndarray


@dataclass(frozen=True)
class Picked:
    """The particles in a box.

    Attributes
    ----------
    instance_map
        int32 `[z, y, x]` of the box.
    instances
        Their measures, in voxels of the box.
    centres
        Voxels of the tomogram, `[n, 3]` as x, y, z.
    all_sizes
        Voxels of each piece, before limits left any out.
    """

    instance_map: np.ndarray
    instances: Instances
    centres: np.ndarray
    all_sizes: np.ndarray


def find_in_box(labels: np.ndarray, parameters: PickParameters, box: Box) -> Picked | None:
    """The particles in the labels `[z, y, x]` of a box of a tomogram; None where it lies outside the slices to pick in.

    Raises
    ------
    UserError
        No voxel of the particle cluster; a distance that the box is too small for.
    """
    first, last = box.start[0], box.stop[0] - 1
    lower = None if parameters.lower_z is None else max(parameters.lower_z - first, 0)
    upper = None if parameters.upper_z is None else min(parameters.upper_z, last) - first
    if (lower is not None and lower > last - first) or (upper is not None and upper < 0):
        return None
    limited = parameters.model_copy(update={"lower_z": lower, "upper_z": upper}).science()
    unlimited = replace(limited, min_size=None, max_size=None, exclude_border=0, min_separation=None)
    everything = find_instances(labels, unlimited)
    instance_map, instances = select_instances(*everything, limited)
    centres = instances.centroids[:, ::-1] + np.array(box.start[::-1], dtype=float)
    return Picked(instance_map, instances, centres, everything[1].sizes)


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
