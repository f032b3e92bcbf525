"""The classes of a target: which objects, with which label, radius and mask."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.annotation import ObjectClass, find_class
from engine.errors import UserError
from engine.objects import ObjectTable, filter_by
from engine.objects.review import without_rejected
from engine.project import Project
from engine.tasks.provenance import file_identity
from engine.volumes import open_volume, voxel_size_problem

if TYPE_CHECKING:
    from engine.tasks.targets_parameters import TargetsParameters

VoxelSize = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Mask:
    """The mask of one class.

    Attributes
    ----------
    voxels
        [z, y, x] as the file has them.
    voxel_size
        Å, where the file says a sensible one.
    identity
        Of the file.
    """

    voxels: np.ndarray
    voxel_size: float | None
    identity: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Chosen:
    """What a target is made of.

    Attributes
    ----------
    name
        Of the table.
    table
        Its objects of the chosen classes.
    classes
        These, as the feature library has them, by their labels.
    radii
        Class → radius, in Å or, with `in_voxels`, in voxels.
    masks
        Class → mask; empty for spheres.
    """

    name: str
    table: ObjectTable
    classes: tuple[ObjectClass, ...]
    radii: Mapping[str, float]
    in_voxels: Mapping[str, bool]
    masks: Mapping[str, Mask]

    @property
    def labels(self) -> dict[str, int]:
        """Class → label."""
        return {c.name: c.label for c in self.classes}

    def radii_in_voxels(self, voxel_size: VoxelSize) -> dict[int, float]:
        """Label → radius in voxels of a tomogram; of voxels that are no cubes the mean edge counts."""
        edge = float(np.mean(voxel_size))
        return {
            c.label: self.radii[c.name] / (1.0 if self.in_voxels[c.name] else edge)
            for c in self.classes
            if c.name in self.radii
        }

    def scales(self, given: float | None, voxel_size: VoxelSize) -> dict[int, float]:
        """Label → voxels of the tomogram for each voxel of the mask; `given` is the masks' voxel size, Å."""
        edge = float(np.mean(voxel_size))
        return {self.labels[name]: (given or mask.voxel_size or edge) / edge for name, mask in self.masks.items()}

    def described(self, name: str) -> dict[str, Any]:
        """One class for the description of a segmentation."""
        known = next(c for c in self.classes if c.name == name)
        return {"label": known.label, "name": name, "colour": known.colour, "radius": known.radius}

    def settings(self, parameters: "TargetsParameters", voxel_size: VoxelSize) -> dict[str, Any]:
        """What of the classes and parameters decides a target of a tomogram with this voxel size (Å)."""
        settings: dict[str, Any] = {"strategy": parameters.strategy, "compat": parameters.compat, "labels": self.labels}
        if parameters.strategy == "spheres":
            radii = self.radii_in_voxels(voxel_size)
            settings["radii"] = {c.name: round(radii[c.label], 6) for c in self.classes}
        else:
            scales = {} if parameters.compat else self.scales(parameters.mask_voxel_size, voxel_size)
            settings["masks"] = {
                name: {**mask.identity, "scale": round(scales.get(self.labels[name], 1.0), 6)}
                for name, mask in self.masks.items()
            }
        return settings


def choose(parameters: "TargetsParameters", project: Project) -> Chosen:
    """The objects and classes of a target, with radii or masks.

    Raises
    ------
    UserError
        No such table or class, a class that the feature library does not have, that has no mask, or whose label no
        target holds; a mask that cannot be read.
    """
    from engine.annotation.target_objects import check_labels

    table = without_rejected(project.table(parameters.table))
    library = project.classes
    wanted = parameters.classes or list(dict.fromkeys(table.rows["class"]))
    unknown = [name for name in wanted if name not in {c.name for c in library}]
    if unknown and not parameters.classes:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise UserError(
            f"The feature library has no class {unknown[0]!r}{more}, which objects of {parameters.table} have, so it "
            "has no label: add it there, or choose the classes to use."
        )
    classes = tuple(sorted((find_class(library, name) for name in wanted), key=lambda c: c.label))
    check_labels({c.name: c.label for c in classes})
    names = [c.name for c in classes]
    for what, given in (("radius", parameters.radii), ("mask", parameters.masks)):
        strange = [name for name in given if name not in names]
        if strange:
            raise UserError(
                f"A {what} is given for {strange[0]}, and the classes are {', '.join(names)}: correct the name."
            )
    of_classes = filter_by(table, classes=names)
    if not len(of_classes):
        what = f"no objects of {', '.join(names)}" if names else "no objects"
        raise UserError(f"The table {parameters.table} holds {what}: choose another one.")
    spheres = parameters.strategy == "spheres"
    return Chosen(
        parameters.table,
        of_classes,
        classes,
        {c.name: parameters.radii.get(c.name, c.radius) * parameters.radius_factor for c in classes if spheres},
        {name: name in parameters.radii and parameters.radius_unit == "voxel" for name in names},
        {} if spheres else {name: _read_mask(name, parameters, project) for name in names},
    )


def _read_mask(name: str, parameters: "TargetsParameters", project: Project) -> Mask:
    given = parameters.masks.get(name, "").strip()
    if not given:
        raise UserError(f"The class {name} has no mask: name a file for it in 'Masks', or make spheres.")
    path = project.root / Path(given).expanduser()  # an absolute path stays what it is
    try:
        path = project.readable(path)
    except UserError as error:
        raise UserError(
            f"The mask {given} of {name} lies outside this project and its tomogram folders, so it is not read: copy "
            "it into the project's folder."
        ) from error
    with open_volume(path) as volume:
        size = volume.voxel_size
        edge = float(np.mean(size)) if size is not None and voxel_size_problem(size) is None else None
        return Mask(volume.read(), edge, file_identity(path))
