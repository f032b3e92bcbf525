"""What the task "cluster" can be told."""

from typing import Any, Literal

from pydantic import field_validator, model_validator

from engine.parameters import Parameters, parameter
from engine.project.settings import check_name

DEEPFINDER_RADIUS = 5.0
"""What DeepFinder's cluster step takes when nothing is said, voxels."""


class FindingParameters(Parameters):
    """What is looked for and how; limits among what is found are `ClusterParameters`."""

    segmentations: list[str] = parameter(
        title="Segmentations",
        help="Label maps to find objects in; each as <tomogram>__<name>.",
        source="segmentations",
        min_length=1,
    )
    method: Literal["peaks", "components", "mean shift"] = parameter(
        "peaks",
        title="Find objects by",
        help="peaks = where a class's score, averaged over its size, is highest: touching objects stay apart; "
        "components = voxels of one class that touch, large pieces divided at their necks; mean shift = a ball is "
        "moved to the densest places.",
    )
    compat: bool = parameter(
        False,
        title="As DeepFinder does",
        only_if=("method", "mean shift"),
        help="One radius for voxels of all classes together; an object's class is that of most of its voxels. Nothing "
        "is merged.",
    )
    bandwidth: float | None = parameter(
        None,
        title="Radius of the ball",
        unit="voxel",
        empty="of each class",
        gt=0,
        le=1000,
        only_if=("method", "mean shift"),
        help="Mean shift, for all classes; empty = the radius of each class, and 5 as DeepFinder does.",
    )
    bandwidth_by_class: dict[str, float] = parameter(
        {},
        title="Radius of the ball per class",
        unit="voxel",
        advanced=True,
        help="Mean shift; class: its own in place of the general one.",
    )
    classes: list[str] | None = parameter(
        None, title="Only these classes", advanced=True, help="Names; empty = all that the label map has."
    )
    radii: dict[str, float] = parameter(
        {},
        title="Radius per class",
        unit="Å",
        advanced=True,
        help="Class: radius; others take that of the segmentation, else that of the feature library.",
    )
    default_radius: float | None = parameter(
        None,
        title="Radius of other classes",
        unit="Å",
        gt=0,
        le=100_000,
        advanced=True,
        help="Of labels that neither the segmentation nor the feature library knows a radius of.",
    )
    use_scores: bool = parameter(
        True,
        title="Use score maps",
        advanced=True,
        help="Where there are any beside the label map; otherwise the label map alone counts.",
    )
    exclude_border: float = parameter(
        0.0,
        title="Leave out near the faces",
        unit="voxel",
        ge=0,
        le=10_000,
        advanced=True,
        help="Objects whose centre lies closer than this to a face of the tomogram are left out; 0 = none.",
    )
    merge: float = parameter(
        1.0,
        title="Merge closer than",
        unit="radii",
        ge=0,
        le=10,
        advanced=True,
        help="Of two objects closer than so many times the mean of their radii only the higher score stays, without "
        "scores the larger; 0 keeps all.",
    )
    split: float = parameter(
        1.5,
        title="Divide pieces larger than",
        unit="balls",
        ge=0,
        le=1000,
        advanced=True,
        only_if=("method", "components"),
        help="Components: a piece of more than so many times the voxels of a ball of its class's radius is divided at "
        "its necks; 0 = never.",
    )

    @field_validator("radii", "bandwidth_by_class")
    @classmethod
    def _positive(cls, value: dict[str, float]) -> dict[str, float]:
        for name, number in value.items():
            if not 0 < number <= 100_000:
                raise ValueError(f"that of {name} is {number:g}, it must be above 0")
        return value

    @model_validator(mode="after")
    def _method_of_deepfinder(self) -> "FindingParameters":
        if self.compat and self.method != "mean shift":
            raise ValueError(f"DeepFinder finds objects by mean shift, not by {self.method}; choose that method")
        return self

    @property
    def merged(self) -> float:
        """How close two objects may be, in radii; DeepFinder merges nothing."""
        return 0.0 if self.compat else self.merge

    def named_classes(self) -> dict[str, str]:
        """Class → the parameter that first names it."""
        found: dict[str, str] = {}
        for parameter_name in ("classes", "radii", "bandwidth_by_class", *self._limits_by_class()):
            for name in getattr(self, parameter_name) or ():
                found.setdefault(name, parameter_name)
        return found

    def _limits_by_class(self) -> tuple[str, ...]:
        return ()

    def finding(self) -> dict[str, Any]:
        """The parameters that decide what is found; all others only choose among it, which takes no time."""
        return self.model_dump(
            mode="json",
            include={
                "method", "compat", "bandwidth", "bandwidth_by_class", "classes", "radii", "default_radius",
                "use_scores", "split",
            },
        )  # fmt: skip


class ClusterParameters(FindingParameters):
    """Parameters of the task."""

    min_score: float | None = parameter(
        None,
        title="Lowest score",
        empty="any",
        ge=0,
        le=1,
        help="Objects that score less are left out; empty = see below.",
    )
    min_score_by_class: dict[str, float] = parameter(
        {}, title="Lowest score per class", help="Class: its own limit in place of the general one."
    )
    min_size: float | None = parameter(
        None,
        title="Smallest",
        unit="voxel",
        empty="any",
        ge=0,
        help="Objects of fewer voxels are left out; empty = see below.",
    )
    max_size: float | None = parameter(
        None,
        title="Largest",
        unit="voxel",
        beside=True,
        empty="any",
        ge=0,
        help="Objects of more voxels are left out; empty = no limit.",
    )
    min_size_by_class: dict[str, float] = parameter(
        {}, title="Smallest per class", unit="voxel", help="Class: its own limit in place of the general one."
    )
    max_size_by_class: dict[str, float] = parameter(
        {},
        title="Largest per class",
        unit="voxel",
        advanced=True,
        help="Class: its own limit in place of the general one.",
    )
    model_thresholds: bool = parameter(
        True,
        title="The model's limits elsewhere",
        help="Where no limit is given here: those on score and size that were stored with the model.",
    )
    name: str = parameter(
        "", title="Save as", help="Name of the object table; empty = objects_<segmentation>.", advanced=True
    )

    @field_validator("name")
    @classmethod
    def _file_name(cls, value: str) -> str:
        return check_name(value, "table") if value else value

    @field_validator("min_size_by_class", "max_size_by_class")
    @classmethod
    def _not_negative(cls, value: dict[str, float]) -> dict[str, float]:
        for name, number in value.items():
            if not number >= 0:
                raise ValueError(f"that of {name} is {number:g}, it must not be negative")
        return value

    @field_validator("min_score_by_class")
    @classmethod
    def _scores(cls, value: dict[str, float]) -> dict[str, float]:
        for name, number in value.items():
            if not 0 <= number <= 1:
                raise ValueError(f"that of {name} is {number:g}, it must lie between 0 and 1")
        return value

    @model_validator(mode="after")
    def _not_crossed(self) -> "ClusterParameters":
        if self.min_size is not None and self.max_size is not None and self.min_size > self.max_size:
            raise ValueError(
                f"the largest size ({self.max_size:g}) is below the smallest ({self.min_size:g}); exchange the two"
            )
        return self

    @property
    def result_name(self) -> str:
        """Name of the table."""
        return self.name or f"objects_{self.segmentations[0].split('__', 1)[-1]}"

    def _limits_by_class(self) -> tuple[str, ...]:
        return ("min_score_by_class", "min_size_by_class", "max_size_by_class")
