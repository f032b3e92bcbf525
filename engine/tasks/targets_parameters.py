"""What the task "targets" can be told."""

from typing import Literal

from pydantic import field_validator, model_validator

from engine.parameters import Parameters, parameter
from engine.project.settings import check_name


class TargetsParameters(Parameters):
    """Parameters of the task."""

    table: str = parameter(title="Objects", help="The object table to make targets of.", source="tables", min_length=1)
    tomograms: list[str] = parameter(
        [],
        title="Tomograms",
        help="Each gets a target of its own; empty = all that have objects in the table.",
        source="tomograms",
        empty="all",
    )
    classes: list[str] = parameter(
        [],
        title="Classes",
        help="Objects of other classes are left out; empty = all classes of the table. A class has the number of the "
        "feature library in the target.",
        source="classes",
        empty="all",
    )
    strategy: Literal["spheres", "shapes"] = parameter(
        "spheres",
        title="Objects become",
        help="spheres = of the class radius; shapes = a mask of the class, turned as each object is (needs angles).",
    )
    radii: dict[str, float] = parameter(
        {},
        title="Radii",
        help="Where other than in the feature library, such as ribosome=12, proteasome=8.",
        only_if=("strategy", "spheres"),
    )
    radius_unit: Literal["Å", "voxel"] = parameter(
        "Å",
        title="given in",
        help="What the radii given here are counted in.",
        beside=True,
        only_if=("strategy", "spheres"),
    )
    radius_factor: float = parameter(
        1.0,
        title="Share of the radius",
        help="Smaller spheres keep neighbours apart: 0.7 leaves a third of the radius as a gap.",
        advanced=True,
        gt=0,
        le=4,
        only_if=("strategy", "spheres"),
    )
    masks: dict[str, str] = parameter(
        {},
        title="Masks",
        help="A volume of 0 and 1 for each class, such as ribosome=masks/ribosome.mrc; in the project or its sources.",
        only_if=("strategy", "shapes"),
    )
    mask_voxel_size: float | None = parameter(
        None,
        title="Voxel size of the masks",
        empty="of each file",
        unit="Å",
        gt=0,
        le=1000,
        advanced=True,
        help="Empty = what each file says, or the tomogram's where it says nothing.",
        only_if=("strategy", "shapes"),
    )
    initial: str = parameter(
        "",
        title="Put under the objects",
        help="Name of a segmentation that each tomogram has, such as membranes; its labels stay where no object is.",
        advanced=True,
    )
    undecided: str = parameter(
        "",
        title="Leave open",
        help="A table of picks: about those without a verdict a network is taught neither object nor background.",
        source="tables",
        advanced=True,
    )
    name: str = parameter("target", title="Save as", min_length=1, help="Name of the segmentations that are written.")
    compat: bool = parameter(
        False,
        title="Exactly as DeepFinder",
        advanced=True,
        help="The same voxels that DeepFinder 0.2 writes, with its cut positions and incomplete spheres.",
    )
    replace: bool = parameter(
        False,
        title="Replace",
        advanced=True,
        help="Replace a segmentation of the same name that was made with other parameters or from other objects.",
    )

    @field_validator("name", "initial")
    @classmethod
    def _file_name(cls, value: str) -> str:
        return check_name(value, "segmentation") if value else value

    @field_validator("radii")
    @classmethod
    def _positive(cls, value: dict[str, float]) -> dict[str, float]:
        for name, radius in value.items():
            if not 0 < radius < float("inf"):
                raise ValueError(f"the radius of {name} is {radius:g}, give one above 0")
        return value

    @model_validator(mode="after")
    def _fitting(self) -> "TargetsParameters":
        if self.initial == self.name:
            raise ValueError(
                f"the target cannot be saved as {self.name!r}, which lies under its objects; choose another name"
            )
        if self.classes:
            for what, given in (("radius", self.radii), ("mask", self.masks)):
                strange = [name for name in given if name not in self.classes]
                if strange:
                    raise ValueError(
                        f"a {what} is given for {strange[0]}, which is none of the chosen classes "
                        f"({', '.join(self.classes)}); choose it too, or leave the {what} out"
                    )
        return self
