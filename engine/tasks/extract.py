"""Extract subtomograms: a box of voxels around each object of a table, one file each, with an index."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import field_validator

from engine.errors import UserError, explain_os_errors, free_space
from engine.objects import ObjectTable, filter_by, keep
from engine.parameters import Parameters, parameter
from engine.project import Project, Tomogram
from engine.project.descriptions import read_provenance
from engine.project.settings import check_name
from engine.tasks.boxes import BoxOptions, FormatName, estimate, index_rows, skipped_rows, write_boxes, write_index
from engine.tasks.items import run_items
from engine.tasks.provenance import file_identity, stamp, still_stands
from engine.tasks.task import Job, Task
from engine.volumes import open_volume

NAME = "extract"
FOLDER = "exports"
MADE_BY = "boxes.yaml"


class ExtractParameters(Parameters):
    """Parameters of the task."""

    table: str = parameter(title="Table", help="The object table; a box is cut around each of its objects.")
    size: int = parameter(
        48,
        title="Box",
        unit="voxel",
        ge=1,
        le=1024,
        help="Edge of a box, odd or even. The object lies in the voxel size // 2 (counted from 0) of each axis.",
    )
    format: FormatName = parameter(
        "mrc", title="Files", help="mrc = with voxel size, for other programs; npy = NumPy arrays, [z, y, x] float32."
    )
    padding: Literal["pad", "skip"] = parameter(
        "pad",
        title="Boxes that reach out of the tomogram",
        help="pad = fill what lies outside with the mean of the box; skip = leave such objects out and list them.",
    )
    normalise: bool = parameter(
        False, title="Normalise", help="Give each box mean 0 and standard deviation 1, over what lies in the tomogram."
    )
    invert: bool = parameter(
        False, title="Invert contrast", help="Change the sign of the densities, so that dark particles become bright."
    )
    name: str = parameter("", title="Save as", help="Folder inside exports; empty = boxes_<table>.", advanced=True)
    ids: list[int] | None = parameter(
        None, title="Only", help="Identifiers of the objects to extract; empty = all of the table.", advanced=True
    )

    @field_validator("table", "name")
    @classmethod
    def _file_name(cls, value: str) -> str:
        return check_name(value, "folder") if value else value

    @field_validator("ids")
    @classmethod
    def _some(cls, value: list[int] | None) -> list[int] | None:
        if value is not None and not value:
            raise ValueError("the list is empty; leave it out to extract all objects")
        return value

    @property
    def result_name(self) -> str:
        """Name of the folder inside `exports/`."""
        return self.name or f"boxes_{self.table}"

    @property
    def options(self) -> BoxOptions:
        """What decides the bytes of a box."""
        return BoxOptions(self.size, self.format, self.padding, self.normalise, self.invert)


def run(parameters: ExtractParameters, project: Project, job: Job) -> None:
    """Write `exports/<name>/<tomogram>/<tomogram>_<id>.mrc` for every object, and `exports/<name>/index.csv`.

    A tomogram whose boxes are there, made from the same objects and the same file with the same parameters, is kept.
    Nothing else is ever replaced: other boxes in the same folder are a reason not to begin.
    """
    table = prepare(parameters, project)[0]
    folder = project.root / FOLDER / parameters.result_name
    names = list(dict.fromkeys(table.rows["tomogram"]))
    with explain_os_errors(folder, "create"):
        folder.mkdir(parents=True, exist_ok=True)
    indices: list[pd.DataFrame] = []
    left_out: list[pd.DataFrame] = []

    def work(name: str, progress: Callable[[float, str], None]) -> str:
        part = filter_by(table, tomograms=[name])
        tomogram = _tomogram_of(part, name, parameters, project)
        place = folder / name
        if place.exists():
            begin = "kept "
            reasons = {int(row): text for row, text in read_provenance(place / MADE_BY).get("skipped", {}).items()}
        else:
            begin = ""
            reasons = _cut_into(place, part, tomogram, parameters, project, progress)
        file_of = {row: box_name(name, int(i), parameters.format) for row, i in enumerate(part.rows["id"])}
        files = {row: f"{name}/{file}" for row, file in file_of.items() if row not in reasons}
        indices.append(index_rows(part, files, tomogram.voxel_size))
        left_out.append(skipped_rows(part, reasons))
        job.output("boxes", f"{parameters.result_name}/{name}", place, objects=len(files))
        some = f", {len(reasons):,} left out ({next(iter(reasons.values()))})" if reasons else ""
        return f"{begin}{len(files):,} boxes{some}"

    try:
        run_items(job, names, work)
    finally:  # what is done must be found, whatever failed later
        if indices:
            write_index(folder, pd.concat(indices), pd.concat(left_out))
            job.log(f"Index of the boxes: {folder / 'index.csv'}")


def prepare(parameters: ExtractParameters, project: Project) -> tuple[ObjectTable, int, int]:
    """What a run begins with, for the run itself and for saying beforehand what it will write.

    Returns
    -------
    The objects, the number of boxes at most, and the bytes they take together.

    Raises
    ------
    UserError
        No such table or object, no box lies inside its tomogram, no room on the disk, or the folder holds other boxes.
    """
    table = project.table(parameters.table)
    if not len(table):
        raise UserError(f"The table {parameters.table} holds no objects: choose another one.")
    if parameters.ids is not None:
        missing = sorted(set(parameters.ids) - {int(i) for i in table.rows["id"]})
        if missing:
            raise UserError(f"The table {parameters.table} has no object {missing[0]}: it was changed, choose anew.")
        table = keep(table, parameters.ids)
    folder = project.root / FOLDER / parameters.result_name
    _refuse_other_boxes(table, parameters, project, folder)
    return (table, *_room(table, parameters, folder))


def box_name(tomogram: str, object_id: int, form: str) -> str:
    """The file of one object: `<tomogram>_000123.mrc`, with the object's id."""
    return f"{tomogram}_{object_id:06d}.{form}"


def _tomogram_of(part: ObjectTable, name: str, parameters: ExtractParameters, project: Project) -> Tomogram:
    tomogram = project.tomogram(check_name(name, "tomogram"))
    stated = part.tomograms.get(name)
    if stated is not None and tuple(stated.shape) != tuple(tomogram.shape):
        sizes = " and ".join("×".join(str(n) for n in s) for s in (tomogram.shape, stated.shape))
        raise UserError(
            f"{name} and the tomogram that {parameters.table} was made from differ in shape ({sizes} voxels): "
            "pick in this tomogram anew."
        )
    return tomogram


def _settings(part: ObjectTable, tomogram: Tomogram, parameters: ExtractParameters) -> dict[str, Any]:
    """All that the boxes of one tomogram depend on besides its file."""
    rows = part.rows[["id", "class", "x", "y", "z", "rot", "tilt", "psi"]].to_csv(index=False)
    return {
        **parameters.model_dump(mode="json", include={"size", "format", "padding", "normalise", "invert"}),
        "voxel_size": list(tomogram.voxel_size),
        "objects": hashlib.sha1(rows.encode(), usedforsecurity=False).hexdigest(),
    }


def _refuse_other_boxes(table: ObjectTable, parameters: ExtractParameters, project: Project, folder: Path) -> None:
    """Refuse to begin where the folder holds boxes that this run would not make; the index would lose them."""
    names = set(table.rows["tomogram"])
    there = sorted(p.name for p in folder.iterdir() if not p.name.startswith(".")) if folder.is_dir() else []
    for name in there:
        if (folder / name).is_dir() and name in names:
            part = filter_by(table, tomograms=[name])
            tomogram = _tomogram_of(part, name, parameters, project)
            made_by = read_provenance(folder / name / MADE_BY)
            if still_stands(made_by, NAME, _settings(part, tomogram, parameters), file_identity(tomogram.path)):
                continue
        elif name in ("index.csv", "skipped.csv"):
            continue
        raise UserError(
            f"{folder} exists and holds something else ({name}: other objects, another tomogram or other parameters): "
            "choose another name in 'Save as', or delete that folder."
        )


def _room(table: ObjectTable, parameters: ExtractParameters, folder: Path) -> tuple[int, int]:
    count, needed = estimate(table, parameters.options)
    if not count:
        raise UserError(
            f"No box of {parameters.size} voxels lies whole inside its tomogram: choose a smaller box, or pad."
        )
    free = free_space(folder)
    if needed > free:
        raise UserError(
            f"{count:,} boxes of {parameters.size} voxels take {needed / 1e6:,.0f} MB, and the disk of {folder} has "
            f"{free / 1e6:,.0f} MB free: free some space there or choose a smaller box."
        )
    return count, needed


def _cut_into(
    place: Path,
    part: ObjectTable,
    tomogram: Tomogram,
    parameters: ExtractParameters,
    project: Project,
    progress: Callable[[float, str], None],
) -> dict[int, str]:
    """Write the boxes of one tomogram into the folder `place`, which appears when it is whole; what was left out."""
    made_from = file_identity(tomogram.path)
    ids = part.rows["id"]
    unfinished = place.with_name(f".{place.name}.part")
    with explain_os_errors(unfinished, "create"):
        if unfinished.exists():  # of a run that was ended
            shutil.rmtree(unfinished)
        unfinished.mkdir()
    try:
        with open_volume(project.readable(tomogram.path)) as volume:
            skipped = write_boxes(
                volume,
                part,
                tomogram.voxel_size,
                parameters.options,
                lambda row: unfinished / box_name(tomogram.name, int(ids[row]), parameters.format),
                progress,
            )
        if len(skipped) == len(part):
            raise UserError(
                f"None of the {len(part):,} boxes of {parameters.size} voxels could be cut "
                f"({next(iter(skipped.values()))}): choose a smaller box, or pad."
            )
        settings = _settings(part, tomogram, parameters)
        facts = {"table": parameters.table, "boxes": len(part) - len(skipped), "skipped": skipped}
        project.write_provenance(unfinished / MADE_BY, stamp(NAME, settings, made_from, **facts))
        with explain_os_errors(place, "write"):
            unfinished.rename(place)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return skipped


TASK = Task(
    name=NAME,
    title="Extract subtomograms",
    summary="Cut a box of voxels around each object of a table, one file each, with an index.",
    parameters=ExtractParameters,
    run=run,
    subject=lambda p: f"{p.result_name}, boxes of {p.size} voxels",
)
