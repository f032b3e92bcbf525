"""Steps about where objects lie: voxel size, origin, boxes and masks, borders, densities, random places."""

from typing import Literal

from pydantic import model_validator

from engine.errors import UserError
from engine.objects.edit_steps.step import Edit, EditContext, StepParameters
from engine.objects.edits import (
    crop_to_box,
    crop_to_mask,
    randomise,
    remove_near_border,
    scale,
    scale_to_voxel_size,
    shift,
    snap_to_extremum,
)
from engine.objects.table import ObjectTable
from engine.parameters import parameter

Unit = Literal["voxel", "angstrom"]


class ScaleParameters(StepParameters):
    """Of `scale`."""

    factor: float | None = parameter(
        None, title="Factor", gt=0, le=1000, help="How many times as large, or as small, the voxels become."
    )
    direction: Literal["bin", "unbin"] = parameter(
        "bin", title="Direction", beside=True, help="bin = larger voxels, smaller numbers; unbin = the way back."
    )
    voxel_size: float | None = parameter(
        None, title="Or to voxels of", unit="Å", gt=0, le=1000, help="Instead of a factor: the voxel size afterwards."
    )
    shape: tuple[int, int, int] | None = parameter(
        None,
        title="Size of the tomograms afterwards",
        unit="voxel",
        advanced=True,
        help="x, y and z, where it is known; empty = divided by the factor, incomplete voxels left out.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> "ScaleParameters":
        if (self.factor is None) == (self.voxel_size is None):
            raise ValueError("give either a factor or the voxel size afterwards")
        if self.shape is not None and min(self.shape) < 1:
            raise ValueError(f"the shape {self.shape} must have sides of 1 voxel or more")
        return self


class ShiftParameters(StepParameters):
    """Of `shift`."""

    x: float = parameter(0.0, title="x", help="Added to every x.", allow_inf_nan=False)
    y: float = parameter(0.0, title="y", beside=True, help="Added to every y.", allow_inf_nan=False)
    z: float = parameter(0.0, title="z", beside=True, help="Added to every z.", allow_inf_nan=False)
    unit: Unit = parameter("voxel", title="Unit", help="Of x, y and z.")


class BorderParameters(StepParameters):
    """Of `remove-near-border`."""

    margin: float = parameter(title="Margin", ge=0, help="Objects nearer to a face of the tomogram go.")
    unit: Unit = parameter("voxel", title="Unit", beside=True, help="Of the margin.")


class BoxParameters(StepParameters):
    """Of `crop-to-box`."""

    from_x: float | None = parameter(None, title="From x", help="Included; empty = no limit.")
    to_x: float | None = parameter(None, title="to x", beside=True, help="Included; empty = no limit.")
    from_y: float | None = parameter(None, title="From y", help="Included; empty = no limit.")
    to_y: float | None = parameter(None, title="to y", beside=True, help="Included; empty = no limit.")
    from_z: float | None = parameter(None, title="From z", help="Included; empty = no limit.")
    to_z: float | None = parameter(None, title="to z", beside=True, help="Included; empty = no limit.")
    unit: Unit = parameter("voxel", title="Unit", help="Of the limits.")
    keep: Literal["inside", "outside"] = parameter("inside", title="Keep", beside=True, help="Which objects stay.")
    count_from_box: bool = parameter(
        False,
        title="Count from the box",
        advanced=True,
        help="The tomograms were cut to this box: positions are counted from its first voxel. Whole voxels only.",
    )


class MaskParameters(StepParameters):
    """Of `crop-to-mask`."""

    mask: str = parameter(
        title="Mask", source="segmentations", min_length=1, help="A label map that each tomogram with objects has."
    )
    labels: list[int] | None = parameter(None, title="Labels", help="Which labels count; empty = all above 0.")
    keep: Literal["inside", "outside"] = parameter("inside", title="Keep", help="Which objects stay.")


class SnapParameters(StepParameters):
    """Of `snap`."""

    radius: float = parameter(50.0, title="Radius", unit="Å", gt=0, le=1000, help="So far an object may move.")
    to: Literal["darkest", "brightest"] = parameter(
        "darkest", title="To the", help="Protein is dark in most tomograms; bright where contrast was inverted."
    )
    between_voxels: bool = parameter(
        False, title="Between voxels", help="Go on to the vertex of a parabola through neighbouring voxels."
    )


class RandomiseParameters(StepParameters):
    """Of `randomise`."""

    seed: int = parameter(42, title="Seed", ge=0, le=2**32 - 1, help="The same seed gives the same places.")
    mask: str = parameter("", title="Only in mask", source="segmentations", help="A label map; empty = anywhere.")
    labels: list[int] | None = parameter(None, title="Labels", help="Which labels count; empty = all above 0.")
    orientations: bool = parameter(False, title="Orientations too", help="Draw new orientations as well.")


def _scale(table: ObjectTable, p: ScaleParameters, context: EditContext) -> ObjectTable:
    shape = None if p.shape is None else (p.shape[2], p.shape[1], p.shape[0])
    if p.voxel_size is not None:
        return scale_to_voxel_size(table, p.voxel_size, shape)
    assert p.factor is not None
    return scale(table, p.factor if p.direction == "bin" else 1 / p.factor, shape)


def _crop_to_box(table: ObjectTable, p: BoxParameters, context: EditContext) -> ObjectTable:
    low, high = (p.from_x, p.from_y, p.from_z), (p.to_x, p.to_y, p.to_z)
    return crop_to_box(table, low, high, p.unit, p.keep == "inside", p.count_from_box)


def _crop_to_mask(table: ObjectTable, p: MaskParameters, context: EditContext) -> ObjectTable:
    return crop_to_mask(table, lambda name: context.mask(p.mask, name), p.labels, p.keep == "inside")


def _snap(table: ObjectTable, p: SnapParameters, context: EditContext) -> ObjectTable:
    for name in table.rows["tomogram"].unique():
        stated = table.tomograms.get(name)
        there = context.shape(name)
        if stated is not None and tuple(there) != tuple(stated.shape):
            sizes = ["×".join(str(n) for n in reversed(shape)) for shape in (there, stated.shape)]
            raise UserError(
                f"The densities of {name} have {sizes[0]} voxels and the table says {sizes[1]} (x, y, z): "
                "scale the table to them first."
            )
    return snap_to_extremum(table, context.density, p.radius, p.to == "darkest", p.between_voxels)


def _randomise(table: ObjectTable, p: RandomiseParameters, context: EditContext) -> ObjectTable:
    masks = (lambda name: context.mask(p.mask, name)) if p.mask else None
    return randomise(table, p.seed, masks, p.labels, p.orientations)


EDITS = (
    Edit(
        "scale",
        "Scale",
        "To voxels of another size: bin, unbin. Voxel i becomes (i + 0.5)/b − 0.5; sizes and tomograms change with it.",
        ScaleParameters,
        _scale,
        whole_table=True,
    ),
    Edit(
        "shift",
        "Shift",
        "Add x, y, z to every position, for lists counted from another origin.",
        ShiftParameters,
        lambda table, p, context: shift(table, p.x, p.y, p.z, p.unit),
    ),
    Edit(
        "crop-to-box",
        "Crop to a box",
        "Keep the objects inside, or outside, a box.",
        BoxParameters,
        _crop_to_box,
        whole_table=True,
    ),
    Edit(
        "crop-to-mask",
        "Crop to a mask",
        "Keep the objects inside, or outside, the labels of a label map.",
        MaskParameters,
        _crop_to_mask,
    ),
    Edit(
        "remove-near-border",
        "Remove near the border",
        "Remove objects close to a face of their tomogram.",
        BorderParameters,
        lambda table, p, context: remove_near_border(table, p.margin, p.unit),
    ),
    Edit(
        "snap",
        "Snap to density",
        "Move each object to the darkest or brightest voxel near it.",
        SnapParameters,
        _snap,
    ),
    Edit(
        "randomise",
        "Random places",
        "Put the objects at random places, as many per tomogram and class: a baseline to compare with.",
        RandomiseParameters,
        _randomise,
    ),
)
