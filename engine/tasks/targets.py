"""Targets: objects of a table → a label map of each tomogram to train on, kept as a segmentation of the project."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import UserError
from engine.objects import ObjectTable, filter_by
from engine.objects.review import UNDECIDED, verdicts
from engine.project import Project
from engine.tasks.items import run_items
from engine.tasks.provenance import file_identity, stamp, still_stands
from engine.tasks.target_classes import Chosen, choose
from engine.tasks.target_initial import NamedLabels, open_initial
from engine.tasks.targets_parameters import TargetsParameters
from engine.tasks.task import Box, Job, Preview, Task
from engine.volumes import write_mrc

if TYPE_CHECKING:
    from engine.annotation.targets import Place, Target
    from engine.project import Tomogram

NAME = "targets"

Progress = Callable[[float, str], None]


def run(parameters: TargetsParameters, project: Project, job: Job) -> None:
    """Write `segmentations/<tomogram>__<name>.mrc` (int8, 0 = background) for each tomogram."""
    chosen = choose(parameters, project)
    open_table = _open_table(chosen, parameters, project)
    judged = set(project.table(parameters.undecided).rows["tomogram"]) if parameters.undecided else set()
    names = parameters.tomograms or list(dict.fromkeys(chosen.table.rows["tomogram"]))

    def work(name: str, progress: Progress) -> str:
        tomogram = project.tomogram(name)
        part = _objects_of(chosen, chosen.table, tomogram)
        open_part = _objects_of(chosen, open_table, tomogram)
        target = project.segmentation_path(name, parameters.name)
        made_from = file_identity(project.readable(tomogram.path))
        with open_initial(parameters.initial, name, project) as initial:
            settings = {
                **chosen.settings(parameters, tomogram.voxel_size),
                "objects": _fingerprint(part),
                "voxel_size": list(tomogram.voxel_size),
                **({"initial": initial.identity} if initial else {}),
                **({"undecided": _fingerprint(open_part)} if parameters.undecided else {}),
            }
            if target.exists():
                made_by = project.segmentation(f"{name}__{parameters.name}").made_by
                if still_stands(made_by, NAME, settings, made_from):
                    job.output("segmentation", parameters.name, target, tomogram=name)
                    return f"kept {target.name}, made earlier of the same objects"
                if not parameters.replace:
                    why = "was made of other objects or otherwise" if made_by else "does not say what made it"
                    raise UserError(
                        f"{target.name} exists and {why}: choose another name in 'Save as', or switch 'Replace' on."
                    )
            # Where all was rejected nothing but background is known, and that is worth learning.
            if not len(part) and initial is None and name not in judged:
                raise UserError(
                    f"{parameters.table} has no object of the chosen classes in {name}: leave this tomogram out."
                )
            if parameters.strategy == "spheres" and parameters.radius_unit == "Å" and tomogram.warning:
                job.log(f"{name}: {tomogram.warning}")
            made = _make(chosen, parameters, part, tomogram, initial, None, progress)
            left_open = _leave_open(made, chosen, open_part, tomogram, None)
        progress(1.0, "writing")
        # First the old description goes: it must never stand beside the new map.
        target.with_suffix(".yaml").unlink(missing_ok=True)
        write_mrc(target, made.labels, tomogram.voxel_size, tomogram.origin)
        for line in made.report.lines():
            job.log(f"{name}: {line}")
        if left_open:
            job.log(f"{name}: {left_open:,} voxels about {len(open_part):,} objects that nobody judged are left open")
        asked = parameters.model_dump(mode="json")
        facts = {"table": parameters.table, "parameters": asked, **_description(made, chosen, initial, left_open)}
        project.write_provenance(target, stamp(NAME, settings, made_from, **facts))
        job.output("segmentation", parameters.name, target, tomogram=name)
        filled = sum(count for label, count in facts["labels"].items() if label not in ("0", str(facts.get("open"))))
        filled /= made.labels.size
        kinds = sum(1 for c in made.report.classes if c.objects)
        return f"{len(part):,} objects of {kinds} class{'es' * (kinds != 1)}, {filled:.1%} of the voxels"

    run_items(job, names, work)


def preview(parameters: TargetsParameters, project: Project, tomogram: str, box: Box) -> Preview:
    """The target inside a box of `tomogram`; its picks are the objects whose centre lies in the box.

    `basis` is a `TargetReport` of the box.
    """
    from engine.annotation.targets import Place

    chosen = choose(parameters, project)
    found = project.tomogram(tomogram)
    part = _objects_of(chosen, chosen.table, found)
    open_part = _objects_of(chosen, _open_table(chosen, parameters, project), found)
    place = Place(found.shape, box.start, box.stop)
    with open_initial(parameters.initial, tomogram, project) as initial:
        made = _make(chosen, parameters, part, found, initial, place, None)
        _leave_open(made, chosen, open_part, found, place)
    centres = part.coordinates_zyx()
    inside = ((centres >= np.array(box.start) - 0.5) & (centres < np.array(box.stop) - 0.5)).all(axis=1)
    seen = [c for c in made.report.classes if c.objects]
    text = "No object of the chosen classes in the box."
    if not len(part):
        elsewhere = list(dict.fromkeys(chosen.table.rows["tomogram"]))
        more = " …" if len(elsewhere) > 3 else ""
        text = f"{chosen.name} has no object in {tomogram}; it has some in {', '.join(elsewhere[:3])}{more}."
    if seen:
        filled = sum(c.voxels for c in seen) / made.labels.size
        text = f"{sum(c.objects for c in seen):,} objects reach into the box, {filled:.1%} of its voxels"
        lost = sum(o.voxels for o in made.report.overlaps)
        text += f"; {lost:,} voxels claimed by two objects, the later one has them" if lost else ""
        cut = sum(c.clipped for c in seen)
        text += f"; {cut:,} cut by a face of the tomogram" if cut else ""
    return Preview(box, made.labels, text, centres[inside][:, ::-1], basis=made.report)


def _make(
    chosen: Chosen,
    parameters: TargetsParameters,
    part: ObjectTable,
    tomogram: "Tomogram",
    initial: NamedLabels | None,
    place: "Place | None",
    progress: Progress | None,
) -> "Target":
    from engine.annotation.target_objects import objects_from_table
    from engine.annotation.targets import Place, shape_target, sphere_target

    objects = objects_from_table(part, chosen.labels, compat=parameters.compat)
    if initial is not None:
        objects = replace(objects, names={**initial.names, **objects.names})
    place = place or Place(tomogram.shape)
    if parameters.strategy == "spheres":
        radii = chosen.radii_in_voxels(tomogram.voxel_size)
        return sphere_target(objects, radii, place, initial=initial, compat=parameters.compat, progress=progress)
    scales = chosen.scales(parameters.mask_voxel_size, tomogram.voxel_size)
    masks = {chosen.labels[name]: mask.voxels for name, mask in chosen.masks.items()}
    return shape_target(
        objects, masks, place, scales=scales, initial=initial, compat=parameters.compat, progress=progress
    )


def _open_table(chosen: Chosen, parameters: TargetsParameters, project: Project) -> ObjectTable:
    """Objects of the chosen classes without a verdict, of the table that the parameters name; else none."""
    if not parameters.undecided:
        return chosen.table.with_rows(chosen.table.rows.iloc[:0])
    table = project.table(parameters.undecided)
    undecided = table.with_rows(table.rows[verdicts(table) == UNDECIDED])
    return filter_by(undecided, classes=list(chosen.labels))


def _leave_open(
    made: "Target", chosen: Chosen, objects: ObjectTable, tomogram: "Tomogram", place: "Place | None"
) -> int:
    """Leave the surroundings of these objects open, in spheres of the class radius; returns how many voxels."""
    from engine.annotation.open_places import leave_open
    from engine.annotation.target_objects import objects_from_table
    from engine.annotation.targets import Place

    if not len(objects):
        return 0
    edge = float(np.mean(tomogram.voxel_size))
    radii = {c.label: c.radius / edge for c in chosen.classes} | chosen.radii_in_voxels(tomogram.voxel_size)
    return leave_open(made.labels, objects_from_table(objects, chosen.labels), radii, place or Place(tomogram.shape))


def _objects_of(chosen: Chosen, table: ObjectTable, tomogram: "Tomogram") -> ObjectTable:
    """The objects of one tomogram, which must have the shape that the table was made for."""
    part = filter_by(table, tomograms=[tomogram.name])
    stated = part.tomograms.get(tomogram.name)
    if len(part) and stated is not None and tuple(stated.shape) != tuple(tomogram.shape):
        sizes = " and ".join("×".join(str(n) for n in s) for s in (tomogram.shape, stated.shape))
        raise UserError(
            f"{tomogram.name} and the tomogram that {chosen.name} was made from differ in shape ({sizes} voxels): "
            "annotate this tomogram anew."
        )
    return part


def _fingerprint(part: ObjectTable) -> str:
    """Another value means other objects: all that a target depends on, in their order."""
    rows = part.rows[["class", "x", "y", "z", "rot", "tilt", "psi"]].to_csv(index=False)
    return hashlib.sha1(rows.encode(), usedforsecurity=False).hexdigest()


def _description(made: "Target", chosen: Chosen, initial: NamedLabels | None, left_open: int) -> dict[str, Any]:
    """Labels, names and classes, as other parts read them from the description of a segmentation, and the report."""
    report = made.report
    voxels = {c.label: c.voxels for c in report.classes}
    classes = {chosen.labels[name]: chosen.described(name) for name in chosen.labels}
    for below in report.initial or ():
        voxels[below.label] = voxels.get(below.label, 0) + below.voxels - below.covered
        if initial is not None and below.label not in classes:
            classes[below.label] = initial.described(below.label)
    names = {label: classes[label]["name"] for label in sorted(classes)}
    if left_open:
        from engine.annotation.open_places import OPEN_LABEL, OPEN_NAME

        voxels[OPEN_LABEL], names[OPEN_LABEL] = left_open, OPEN_NAME
    voxels[0] = int(made.labels.size - sum(voxels.values()))
    return {
        "labels": {str(label): voxels[label] for label in sorted(voxels)},
        "names": {str(label): name for label, name in names.items()},
        **({"open": OPEN_LABEL} if left_open else {}),
        "classes": [classes[label] for label in sorted(classes)],
        "report": report.as_dict(),
    }


TASK = Task(
    name=NAME,
    title="Make targets",
    summary="Write the objects of a table as label maps to train a network on: spheres, or masks with orientation.",
    parameters=TargetsParameters,
    run=run,
    preview=preview,
    subject=lambda p: f"{p.name} of {p.table}, {p.strategy}",
)
