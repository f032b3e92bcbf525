"""Simulate a phantom tomogram into the project, with its truth: for the demo, for tests, for comparing methods."""

import pandas as pd
from pydantic import field_validator

from engine.errors import UserError, explain_os_errors
from engine.objects import ObjectTable, TomogramGeometry
from engine.parameters import Parameters, parameter
from engine.project import Project
from engine.project.settings import check_name
from engine.simulation import phantom
from engine.tasks.provenance import file_identity, stamp
from engine.tasks.task import Job, Task
from engine.volumes import write_mrc
from engine.words import plural

NAME = "simulate"
FOLDER = "tomograms"


class SimulateParameters(Parameters):
    """Parameters of the task."""

    name: str = parameter("phantom", title="Name", help="Name of the tomogram.")
    depth: int = parameter(128, title="Depth", unit="voxel", ge=32, le=1024, help="Voxels in z.")
    height: int = parameter(256, title="Height", unit="voxel", ge=64, le=4096, help="Voxels in y.")
    width: int = parameter(256, title="Width", unit="voxel", ge=64, le=4096, help="Voxels in x.")
    voxel_size: float = parameter(10.0, title="Voxel size", unit="Å", ge=2, le=40, help="Edge of a voxel.")
    seed: int = parameter(0, title="Seed", ge=0, le=2**32 - 1, help="Same seed, same tomogram.")

    @field_validator("name")
    @classmethod
    def _file_name(cls, value: str) -> str:
        return check_name(value, "tomogram")


def run(parameters: SimulateParameters, project: Project, job: Job) -> None:
    """Write `tomograms/<name>.mrc`, the truth as segmentation and table `truth`, and register the folder."""
    folder = project.root / FOLDER
    target = folder / f"{parameters.name}.mrc"
    if target.exists():
        raise UserError(f"{target} exists already: choose another name, or delete that file.")
    shape = (parameters.depth, parameters.height, parameters.width)
    made = phantom(shape, parameters.voxel_size, parameters.seed, progress=lambda f, text: job.progress(0.95 * f, text))
    job.progress(0.95, "writing")
    with explain_os_errors(folder, "create"):
        folder.mkdir(exist_ok=True)
    write_mrc(target, made.volume, made.voxel_size)
    job.output("tomogram", parameters.name, target, tomogram=parameters.name)

    settings = parameters.model_dump(mode="json", exclude={"name"})
    truth = project.segmentation_path(parameters.name, "truth")
    write_mrc(truth, made.labels, made.voxel_size)
    names = {str(c.label): c.name for c in made.classes}
    project.write_provenance(truth, stamp(NAME, settings, file_identity(target), names=names))
    job.output("segmentation", "truth", truth, tomogram=parameters.name)

    for each in made.classes:
        project.add_class(each.name, each.radius)
    rows = pd.DataFrame(
        [
            {"tomogram": parameters.name, "class": o.class_name, "x": o.x, "y": o.y, "z": o.z}
            | {"rot": o.rot, "tilt": o.tilt, "psi": o.psi, "id": i + 1}
            for i, o in enumerate(made.objects)
        ]
    )
    table = ObjectTable(rows, {parameters.name: TomogramGeometry(shape, made.voxel_size)})
    name = project.tables.create("truth", table, stamp(NAME, settings, file_identity(target)))
    job.output("table", name, project.tables.path(name), objects=len(table))
    # Last, so that a run that was ended before can be repeated.
    if not {FOLDER, str(folder)} & set(project.settings().sources):
        project.add_source(FOLDER, inside=True)
    job.log(f"{plural(len(table), 'object')} of {table.rows['class'].nunique()} classes in {target.name} (simulated)")


TASK = Task(
    name=NAME,
    title="Simulate a tomogram",
    summary="Make a phantom tomogram with particles, a vesicle, a filament and gold, and the truth about it.",
    parameters=SimulateParameters,
    run=run,
    subject=lambda p: f"{p.name}, {p.depth} × {p.height} × {p.width} voxels",
)
