"""What the task "train" can be told."""

from typing import Any, Literal

from pydantic import field_validator, model_validator

from engine.parameters import Parameters, parameter
from engine.project.settings import check_name

DEFAULT_NAME = "network"


class LearningParameters(Parameters):
    """What to learn from and how; `TrainParameters` checks that the first is there."""

    targets: list[str] = parameter(
        [],
        title="Training targets",
        help="Label maps to learn from, as <tomogram>__<name>; the task targets makes them.",
        source="segmentations",
    )
    validation: list[str] = parameter(
        [],
        title="Validation targets",
        help="Label maps of other tomograms: the network is judged by them and never learns from them.",
        source="segmentations",
        empty="none",
    )
    objects: str = parameter(
        "",
        title="Objects",
        help="The table whose objects patches are cut about; empty = cut about voxels of the targets.",
        source="tables",
    )
    hard_negatives: str = parameter(
        "",
        title="Rejected picks",
        help="A table whose rejected objects are no objects: patches are cut about them too, to unlearn them.",
        source="tables",
        only_if=("sampling", "balanced"),
        advanced=True,
    )
    hard_negative_share: float | None = parameter(
        None,
        title="Patches about rejected picks",
        help="Share of patches; empty = as many as they are among all places, 0.25 at most.",
        empty="automatic",
        ge=0,
        le=1,
        only_if=("sampling", "balanced"),
        advanced=True,
    )
    folder: str = parameter(
        "",
        title="Folder of DeepFinder",
        help="In place of targets: a folder with train/ and valid/, each with N.mrc, N_target.mrc and N_objl.xml.",
        advanced=True,
    )
    classes: list[str] = parameter(
        [],
        title="Classes",
        help="Names in the targets, in the order of the network's outputs; empty = all. Others become background.",
        source="classes",
        empty="all",
    )
    architecture: Literal["residual-unet", "deepfinder"] = parameter(
        "residual-unet", title="Network", help="residual-unet, or deepfinder: the original's."
    )
    options: dict[str, Any] = parameter(
        {}, title="Options of the network", advanced=True, help="Such as width=24; what is left out takes its default."
    )
    loss: Literal["dice-ce", "tversky", "tversky-ce"] = parameter(
        "dice-ce", title="Loss", help="dice-ce, tversky (the original's) or tversky-ce.", advanced=True
    )
    class_weights: Literal["equal", "rare classes more"] = parameter(
        "equal",
        title="Class weights",
        help="In the loss: all alike, or by one over the root of a class's voxels.",
        advanced=True,
    )
    normalisation: Literal["tomogram", "patch"] = parameter(
        "tomogram",
        title="Normalise",
        help="Densities to mean 0 and deviation 1 of the whole tomogram, or of each patch as DeepFinder trains.",
        advanced=True,
    )
    patch: int = parameter(
        48, title="Patch", unit="voxel", ge=4, le=512, help="Edge of the cubes learnt from; several objects should fit."
    )
    batch: int = parameter(8, title="Batch", ge=1, le=1024, beside=True, help="Patches per step and GPU.")
    epochs: int = parameter(100, title="Epochs", ge=1, le=100_000, help="Rounds; after each the network is judged.")
    steps_per_epoch: int = parameter(
        100, title="Steps per epoch", ge=1, le=100_000, beside=True, help="Batches per round."
    )
    steps_per_validation: int = parameter(
        10, title="Steps per validation", ge=1, le=10_000, help="Batches that judge the network after each epoch."
    )
    sampling: Literal["balanced", "deepfinder"] = parameter(
        "balanced",
        title="Cut patches",
        help="balanced = classes alike, and some patches anywhere; deepfinder = about objects only, as the original.",
        advanced=True,
    )
    background: float = parameter(
        0.15,
        title="Patches anywhere",
        ge=0,
        le=1,
        only_if=("sampling", "balanced"),
        advanced=True,
        help="Share of patches at any place of any tomogram, so that the network sees what is no object.",
    )
    bootstrap: bool = parameter(
        False,
        title="Bootstrap",
        only_if=("sampling", "deepfinder"),
        advanced=True,
        help="Each batch chooses from a pool with as many objects of each class.",
    )
    random_shift: int = parameter(
        13, title="Random shift", unit="voxel", ge=0, le=256, advanced=True, help="Patches are moved by up to so many."
    )
    direct_read: bool = parameter(
        True,
        title="Direct read",
        advanced=True,
        help="DeepFinder's; here patches are always read from the files as they are needed, so it changes nothing.",
    )
    half_turns: Literal["none", "tilt axis", "all axes"] = parameter(
        "tilt axis",
        title="Half-turns",
        help="Patches turned by 180°: about the tilt axis (y) as DeepFinder, or about x, y and z.",
        advanced=True,
    )
    mirror: bool = parameter(
        False,
        title="Mirror",
        help="Also mirror images. They have the other hand, which no particle has: leave it off unless you know why.",
        advanced=True,
    )
    gain: float = parameter(
        0.0, title="Gain", ge=0, lt=1, advanced=True, help="Densities times a number from 1 ± this, for each patch."
    )
    offset: float = parameter(
        0.0, title="Offset", unit="σ", ge=0, le=10, advanced=True, help="Plus a number from ± this, for each patch."
    )
    noise: float = parameter(
        0.0, title="Noise", unit="σ", ge=0, le=10, advanced=True, help="Plus Gaussian noise of up to this deviation."
    )
    learning_rate: float | None = parameter(
        None,
        title="Learning rate",
        empty="automatic",
        gt=0,
        le=1,
        help="empty = 0.0001 for deepfinder as in the original, else 0.001.",
    )
    optimiser: Literal["adam", "adamw"] = parameter(
        "adam", title="Optimiser", advanced=True, help="Adam as the original, or with a decay of the weights."
    )
    schedule: Literal["constant", "cosine", "plateau"] = parameter(
        "constant",
        title="Schedule",
        advanced=True,
        help="Of the learning rate; cosine = falls to a hundredth, plateau = halved when nothing gets better.",
    )
    mixed_precision: Literal["auto", "off", "bf16", "fp16"] = parameter(
        "auto", title="Mixed precision", advanced=True, help="auto = on a GPU; it halves the memory."
    )
    clip: float = parameter(
        0.0, title="Clip gradients", ge=0, advanced=True, help="To this norm; 0 = not. Those not finite are left out."
    )
    patience: int = parameter(
        0, title="Stop early", unit="epoch", ge=0, help="After so many epochs without a better score; 0 = never."
    )
    object_scores: bool = parameter(
        True,
        title="Judge by objects",
        help="After each epoch find objects in whole validation tomograms: what counts, but takes time.",
    )
    judge_every: int = parameter(
        1,
        title="Judge objects every",
        unit="epochs",
        ge=1,
        le=10_000,
        advanced=True,
        only_if=("object_scores", True),
        help="The other epochs are not in the running for the best.",
    )
    seed: int = parameter(
        0, title="Seed", ge=0, le=2**32 - 1, advanced=True, help="The same seed gives the same network."
    )
    device: Literal["auto", "cpu", "cuda"] = parameter(
        "auto", title="Device", advanced=True, help="auto = a GPU where there is one."
    )
    processes: int = parameter(
        1, title="GPUs", ge=1, le=64, advanced=True, help="Each takes a batch of its own; without GPUs, processes."
    )
    workers: int = parameter(
        2, title="Reading processes", ge=0, le=64, advanced=True, help="They read patches while the network learns."
    )
    initial_weights: str = parameter(
        "",
        title="Begin with",
        help="A model of this project or a file of weights (.pt, Keras .h5 for deepfinder); empty = random.",
        advanced=True,
    )
    allow_leakage: bool = parameter(
        False,
        title="Allow known objects in validation",
        help="Otherwise a training whose validation has seen tomograms or objects is refused.",
        advanced=True,
    )
    resume: bool = parameter(
        False, title="Resume", help="Go on with the training of this name from its last checkpoint.", advanced=True
    )
    name: str = parameter("", title="Save as", help=f"Name of the model; empty = {DEFAULT_NAME}.")

    @field_validator("name")
    @classmethod
    def _file_name(cls, value: str) -> str:
        return check_name(value, "model") if value else value

    @property
    def result_name(self) -> str:
        """Name of the model."""
        return self.name or DEFAULT_NAME

    @property
    def first_rate(self) -> float:
        """The learning rate to begin with."""
        return self.learning_rate or (1e-4 if self.architecture == "deepfinder" else 1e-3)


class TrainParameters(LearningParameters):
    """Parameters of the task."""

    @model_validator(mode="after")
    def _together(self) -> "TrainParameters":
        if self.folder and (self.targets or self.validation):
            raise ValueError("give either a folder of DeepFinder or targets of this project, not both")
        if not self.folder and not self.targets:
            raise ValueError("targets is empty: name at least one label map to learn from")
        if self.hard_negatives and self.folder:
            raise ValueError("hard_negatives is a table of this project, which a folder of DeepFinder does not go with")
        if self.hard_negatives and self.sampling != "balanced":
            raise ValueError("hard_negatives needs sampling = balanced: deepfinder cuts patches about objects only")
        if self.hard_negatives and self.background + (self.hard_negative_share or 0) > 1:
            raise ValueError(
                f"background and hard_negative_share are {self.background:g} and {self.hard_negative_share:g}, which "
                "is more than all patches: lower one of them"
            )
        if self.resume and not self.name:
            raise ValueError("resume needs the model to go on with: give its name in 'Save as'")
        return self
