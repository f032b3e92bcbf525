"""What the task "pick" can be told, and the same for the science."""

from typing import Literal

from pydantic import field_validator, model_validator

from engine.instances import S2Parameters, SuggestionParameters
from engine.parameters import Parameters, parameter
from engine.project.settings import check_name

MODES = {
    "components": "connected_component_labeling",
    "watershed": "watershed_segmentation",
    "mean shift": "mean_shift_clustering",
    "h-maxima": "h_maxima_segmentation",
}
"""Our word → PickET's word; the last one is not PickET's, and neither is "dips", which looks at the density too."""


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
        None,
        title="From slice",
        empty="first",
        unit="z",
        ge=0,
        help="First slice in which voxels count; empty = the first.",
    )
    upper_z: int | None = parameter(
        None,
        title="to slice, included",
        empty="last",
        beside=True,
        unit="z",
        ge=0,
        help="Last slice in which voxels count (itself included); empty = the last.",
    )
    mode: Literal["components", "watershed", "dips", "h-maxima", "mean shift"] = parameter(
        "components",
        title="Divide into particles by",
        help="components = voxels that touch are one particle; watershed = they are divided at their necks, with "
        "centres a least distance apart; dips = where the density fades between dark spots, faint and very dark things "
        "left out; h-maxima = at their necks where those are thin enough, whatever the size of "
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
    dip: float = parameter(
        3.0,
        title="Depth of a dip",
        unit="σ of the noise",
        ge=0,
        le=1000,
        only_if=("mode", "dips"),
        help="Two dark spots are two particles when the density between them fades by more than this.",
    )
    widest_neck: float | None = parameter(
        None,
        title="Whole where deeper than",
        empty="by typical piece",
        unit="voxel",
        gt=0,
        le=1000,
        only_if=("mode", "dips"),
        help="Nothing is divided where the cluster is deeper than this, so that large particles stay whole; empty = "
        "the radius of a typical piece.",
    )
    faintest: float = parameter(
        3.0,
        title="Faintest",
        unit="σ of the noise",
        ge=0,
        le=1000,
        only_if=("mode", "dips"),
        help="Pieces that stand out from the background by less are left out as noise.",
    )
    darkest: float | None = parameter(
        None,
        title="Darkest",
        empty="by the gap",
        unit="σ of the noise",
        beside=True,
        gt=0,
        le=100_000,
        only_if=("mode", "dips"),
        help="Pieces that stand out by more are left out as gold; empty = above a gap, where there is one.",
    )
    bright: bool = parameter(
        False,
        title="Particles are bright",
        only_if=("mode", "dips"),
        help="Switch on for tomograms with inverted contrast.",
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
        empty="any",
        unit="voxel",
        ge=1,
        help="Leave out particles of fewer voxels; empty = keep all.",
    )
    max_size: int | None = parameter(
        None,
        title="Largest",
        empty="any",
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
        empty="none",
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
        if self.darkest is not None and self.darkest <= self.faintest:
            raise ValueError(
                f"the darkest ({self.darkest:g}) must stand out more than the faintest ({self.faintest:g})"
            )
        return self

    @property
    def result_name(self) -> str:
        """Name of the table."""
        return self.name or f"picks_{self.segmentations[0].split('__', 1)[-1]}"

    def science(self) -> S2Parameters:
        """The same for `engine.instances`; for "dips" the limits alone."""
        return S2Parameters(
            mode=MODES.get(self.mode, "connected_component_labeling"),
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

    def at_dips(self) -> SuggestionParameters:
        """The same for `engine.instances.suggest_picks`."""
        return SuggestionParameters(
            particle_cluster=self.particle_cluster,
            lower_z=self.lower_z,
            upper_z=self.upper_z,
            bright=self.bright,
            dip=self.dip,
            widest_neck=self.widest_neck,
            faintest=self.faintest,
            darkest=self.darkest,
        )
