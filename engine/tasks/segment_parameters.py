"""What the task "segment" can be told."""

from typing import Any, Literal

from pydantic import field_validator, model_validator

from engine.errors import UserError
from engine.parameters import Parameters, parameter
from engine.project.settings import check_name

DEEPFINDER_PATCH = 80
"""What DeepFinder's page offers."""


class SegmentParameters(Parameters):
    """Parameters of the task."""

    tomograms: list[str] = parameter(
        title="Tomograms", help="Each gets a label map of its own.", source="tomograms", min_length=1
    )
    model: str = parameter(
        title="Model",
        help="A model of this project, or the path of a weight file of DeepFinder (.h5) inside the project.",
        source="models",
        min_length=1,
    )
    score_maps: bool = parameter(
        False,
        title="Score maps",
        help="Write also how sure the network is of each class, a byte per voxel: objects are found better with them.",
    )
    binned: bool = parameter(
        False,
        title="Binned label map",
        help="Write also a label map of half the size, from scores averaged over 2³ voxels, as DeepFinder does.",
    )
    averaging: Literal["none", "tilt axis", "all axes"] = parameter(
        "none",
        title="Average over turns",
        help="Of the tomogram by 180°: tilt axis = it and its turn about y (twice the time); all axes = and those "
        "about x and z (four times the time).",
    )
    resample: Literal["refuse", "resample"] = parameter(
        "refuse",
        title="Another voxel size",
        help="When a tomogram's voxel size differs by more than 2 % from that the model was trained with: refuse it, "
        "or resample it on the fly and the labels back.",
    )
    compat: bool = parameter(
        False,
        title="Tiles as DeepFinder's",
        advanced=True,
        help="For results equal to the original's, many times slower; tile, halo, blending and averaging are not used.",
    )
    patch: int = parameter(
        DEEPFINDER_PATCH,
        title="Patch",
        unit="voxel",
        ge=56,
        le=1024,
        multiple_of=4,
        advanced=True,
        only_if=("compat", True),
        help="Edge of DeepFinder's tiles; a multiple of 4.",
    )
    tile: int | None = parameter(
        None,
        title="Longest tile",
        empty="automatic",
        unit="voxel",
        ge=16,
        le=4096,
        advanced=True,
        only_if=("compat", False),
        help="Edge of what the network is given at once; empty = as large as memory allows.",
    )
    halo: int | None = parameter(
        None,
        title="Halo",
        empty="automatic",
        unit="voxel",
        ge=0,
        le=512,
        advanced=True,
        only_if=("compat", False),
        help="Thrown away on each side of a tile; empty = what the network sees.",
    )
    blending: Literal["linear", "gaussian", "none"] = parameter(
        "linear",
        title="Blending",
        advanced=True,
        only_if=("compat", False),
        help="How tiles are joined where they give different scores: with a halo that is too small, or a network that "
        "normalises its features.",
    )
    precision: Literal["auto", "single", "half"] = parameter(
        "auto",
        title="Precision",
        advanced=True,
        only_if=("compat", False),
        help="Of the computation: half is quicker on a GPU; auto = half there, single on a CPU.",
    )
    memory: float | None = parameter(
        None,
        title="Memory",
        empty="automatic",
        unit="GB",
        gt=0,
        le=10_000,
        advanced=True,
        only_if=("compat", False),
        help="That may be taken; empty = half of what is free, at most 3, and three quarters of what a GPU has free.",
    )
    device: Literal["auto", "cpu", "cuda"] = parameter(
        "auto", title="Device", advanced=True, help="auto = a GPU where there is one."
    )
    name: str = parameter(
        "", title="Save as", help="Name of the segmentations; empty = that of the model.", advanced=True
    )
    replace: bool = parameter(
        False,
        title="Replace",
        advanced=True,
        help="Replace a segmentation of the same name that was made with other parameters.",
    )

    @field_validator("name")
    @classmethod
    def _file_name(cls, value: str) -> str:
        return check_name(value, "segmentation") if value else value

    @model_validator(mode="after")
    def _saved_as(self) -> "SegmentParameters":
        try:
            check_name(self.result_name, "segmentation")
        except UserError as error:
            raise ValueError(f"{error} Give one in 'Save as'.") from error
        return self

    @property
    def result_name(self) -> str:
        """Name of the segmentations."""
        return self.name or self.model.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".h5")

    def decisive(self) -> dict[str, Any]:
        """The parameters that decide a label map; which maps are written beside it does not."""
        left_out = {"tomograms", "model", "name", "replace", "memory", "device", "resample", "score_maps", "binned"}
        if self.compat:
            left_out |= {"tile", "halo", "blending", "averaging", "precision"}
        else:
            left_out |= {"compat", "patch"}
        return self.model_dump(mode="json", exclude=left_out)
