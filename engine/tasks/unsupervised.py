"""Segment without training: PickET's first step (S1) on tomograms of the project, one label map each."""

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import field_validator, model_validator

from engine.errors import UserError
from engine.project import Project
from engine.project.settings import check_name
from engine.tasks.items import run_items
from engine.tasks.provenance import file_identity, open_for_science, stamp, still_stands
from engine.tasks.task import Box, Job, Parameters, Preview, Task, parameter
from engine.volumes import write_mrc

if TYPE_CHECKING:
    from engine.features import S1Parameters

# engine.features is imported where it is used: torch and scikit-learn take two seconds, which neither the start of the
# dashboard nor a command that only lists the tasks should wait for.

NAME = "unsupervised"
BLUR_RADIUS = 8
"""Voxels that the blur of S1 reaches; a box grown by as much has the same blurred values as the whole."""


PREVIEW_NEIGHBOURHOODS = 40_000
"""A preview learns from so many: on a simulated box of 96³ the labels agree to 98.7 % with learning from all of it."""


class UnsupervisedParameters(Parameters):
    """Parameters of the task."""

    tomograms: list[str] = parameter(
        title="Tomograms", help="Each gets a label map of its own.", source="tomograms", min_length=1
    )
    lower_z: int | None = parameter(
        None,
        title="Learn from slice",
        unit="z",
        ge=0,
        help="First slice used to find the two clusters; empty = from the first. All slices are segmented anyway.",
    )
    upper_z: int | None = parameter(
        None,
        title="to slice, excluded",
        beside=True,
        unit="z",
        ge=1,
        help="The slice after the last one used to find the clusters; empty = to the end.",
    )
    neighbourhood_size: int = parameter(
        5,
        title="Neighbourhood",
        unit="voxel",
        ge=3,
        le=15,
        help="Edge of the cube around each voxel that is compared; odd. PickET's authors recommend 5.",
    )
    features: Literal["intensities"] = parameter(
        "intensities",
        title="Features",
        help="What of a neighbourhood is compared: intensities = its voxel values.",
    )
    clustering: Literal["kmeans"] = parameter(
        "kmeans", title="Clustering", help="How neighbourhoods are divided into particle and background."
    )
    name: str = parameter(
        "", title="Save as", help="Name of the segmentation; empty = features_clustering.", advanced=True
    )
    replace: bool = parameter(
        False,
        title="Replace",
        advanced=True,
        help="Replace a segmentation of the same name that was made with other parameters.",
    )
    max_neighbourhoods: int | None = parameter(
        None,
        title="Learn from at most",
        unit="neighbourhoods",
        ge=1000,
        advanced=True,
        help="Use a random sample of this size to find the clusters; empty = all (no more memory is needed for all).",
    )
    seed: int = parameter(42, title="Seed", ge=0, le=2**32 - 1, advanced=True, help="Same seed, same result.")

    @field_validator("neighbourhood_size")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError(f"a neighbourhood has a central voxel, so give an odd number such as {value + 1}")
        return value

    @field_validator("name")
    @classmethod
    def _file_name(cls, value: str) -> str:
        return check_name(value, "segmentation") if value else value

    @model_validator(mode="after")
    def _crossed(self) -> "UnsupervisedParameters":
        if self.lower_z is not None and self.upper_z is not None and self.lower_z >= self.upper_z:
            raise ValueError(
                f"the slices to learn from end ({self.upper_z}) before they begin ({self.lower_z}); exchange the two"
            )
        return self

    @property
    def result_name(self) -> str:
        """Name of the segmentation."""
        return self.name or f"{self.features}_{self.clustering}"

    def science(self) -> "S1Parameters":
        """The same for `engine.features`."""
        from engine.features import S1Parameters

        return S1Parameters(
            neighbourhood_size=self.neighbourhood_size,
            mode=self.features,
            method=self.clustering,
            lower_z=self.lower_z,
            upper_z=self.upper_z,
            max_neighbourhoods=self.max_neighbourhoods,
            seed=self.seed,
        )


def run(parameters: UnsupervisedParameters, project: Project, job: Job) -> None:
    """Write `segmentations/<tomogram>__<name>.mrc` (int8: 1 particle, 0 background, −1 border) for each tomogram."""
    from engine.features import segment

    def work(name: str, progress: Any) -> str:
        tomogram = project.tomogram(name)
        source = project.readable(tomogram.path)
        target = project.segmentation_path(name, parameters.result_name)
        settings = parameters.model_dump(mode="json", exclude={"tomograms", "name", "replace"})
        settings["voxel_size"] = list(tomogram.voxel_size)
        made_from = file_identity(source)  # as it is now: a file that changes during the run makes the result stale
        if target.exists():
            made_by = project.segmentation(f"{name}__{parameters.result_name}").made_by
            if still_stands(made_by, NAME, settings, made_from):
                job.output("segmentation", parameters.result_name, target, tomogram=name)
                return f"kept {target.name}, made earlier with the same parameters"
            if not parameters.replace:
                why = "was made with other parameters" if made_by else "does not say what made it"
                raise UserError(
                    f"{target.name} exists and {why}: choose another name in 'Save as', or switch 'Replace' on."
                )
        with open_for_science(tomogram, source) as volume:
            result = segment(volume.read(), parameters.science(), progress=progress)
            progress(1.0, "writing")
            job.log(f"{name}: Features array of shape: ({result.n_neighbourhoods}, {result.n_features})")
            # First the old description goes: it must never stand beside the new map.
            target.with_suffix(".yaml").unlink(missing_ok=True)
            write_mrc(target, result.labels, tomogram.voxel_size, tomogram.origin)
        background, particle = result.counts
        facts: dict[str, Any] = {
            "labels": {"0": int(background), "1": int(particle)},
            "names": {"1": "particle cluster"},
            "seconds": {k: round(float(v), 3) for k, v in result.seconds.items()},
        }
        project.write_provenance(target, stamp(NAME, settings, made_from, **facts))
        job.output("segmentation", parameters.result_name, target, tomogram=name)
        return f"{particle:,} voxels in the particle cluster ({particle / (particle + background):.1%})"

    run_items(job, parameters.tomograms, work)


def preview(parameters: UnsupervisedParameters, project: Project, tomogram: str, box: Box) -> Preview:
    """The label map of a box, found from that box alone.

    Normalisation (an affine map) does not change k-means, so the only difference to the full run is what the clusters
    are learnt from: a sample of the box here, so that the answer follows a slider; the chosen slices there.
    """
    from engine.features import segment, slices_to_fit

    with project.open_tomogram(tomogram) as volume:
        size = parameters.neighbourhood_size
        limits = slices_to_fit(volume.shape[0], size, parameters.lower_z, parameters.upper_z)
        wide = box.grown(BLUR_RADIUS + parameters.neighbourhood_size // 2, volume.shape)
        density = np.asarray(volume[wide.slices])
    inside_limits = _limits_inside(limits, wide, size)
    lower, upper = inside_limits or (None, None)
    sample = min(parameters.max_neighbourhoods or PREVIEW_NEIGHBOURHOODS, PREVIEW_NEIGHBOURHOODS)
    changes = {"lower_z": lower, "upper_z": upper, "max_neighbourhoods": sample}
    result = segment(density, parameters.model_copy(update=changes).science())
    inside = tuple(slice(a - b, c - b) for a, b, c in zip(box.start, wide.start, box.stop, strict=True))
    labels = result.labels[inside]
    particle = int(np.count_nonzero(labels == 1))
    text = f"{particle:,} voxels in the particle cluster ({particle / labels.size:.1%})"
    if inside_limits is None:
        text += "; box outside the slices to learn from"
    return Preview(box, labels, text)


def _limits_inside(limits: tuple[int, int], box: Box, size: int) -> tuple[int, int] | None:
    """The slices to learn from, counted from the box's first; None where too little of the box lies among them."""
    first, last = box.start[0], box.stop[0]
    lower, upper = max(limits[0], first) - first, min(limits[1], last) - first
    return (lower, upper) if upper - lower >= min(2 * size, last - first) else None


TASK = Task(
    name=NAME,
    title="Segment without training",
    summary="Divide the voxels of each tomogram into particle and background by their neighbourhoods (PickET S1).",
    parameters=UnsupervisedParameters,
    run=run,
    preview=preview,
    subject=lambda p: f"{p.result_name} on {len(p.tomograms)} tomogram{'s' * (len(p.tomograms) > 1)}",
)
