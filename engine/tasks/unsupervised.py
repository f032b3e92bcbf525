"""Segment without training: PickET's first step (S1) on tomograms of the project, one label map each."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import field_validator, model_validator

from engine.errors import UserError
from engine.parameters import Parameters, parameter
from engine.project import Project
from engine.project.settings import check_name
from engine.tasks.items import run_items
from engine.tasks.provenance import file_identity, open_for_science, stamp, still_stands
from engine.tasks.task import Job, Task
from engine.volumes import Volume, write_mrc

if TYPE_CHECKING:
    from engine.features import S1Parameters, S1Result

Progress = Callable[[float, str], None]

# engine.features is imported where it is used: torch and scikit-learn take two seconds, which neither the start of the
# dashboard nor a command that only lists the tasks should wait for.

NAME = "unsupervised"

CENTRE = 0.5
"""What is taken from the densities, scaled to 0…1, of tomograms that are learnt from together."""


class UnsupervisedParameters(Parameters):
    """Parameters of the task."""

    tomograms: list[str] = parameter(
        title="Tomograms", help="Each gets a label map of its own.", source="tomograms", min_length=1
    )
    lower_z: int | None = parameter(
        None,
        title="Learn from slice",
        empty="first",
        unit="z",
        ge=0,
        help="First slice used to find the two clusters; empty = from the first. All slices are segmented anyway.",
    )
    upper_z: int | None = parameter(
        None,
        title="to slice, excluded",
        empty="end",
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
    features: Literal["intensities", "gabor", "ffts"] = parameter(
        "intensities",
        title="Features",
        help="What of a neighbourhood is compared: intensities = its voxel values; gabor = its likeness to waves; "
        "ffts = the strengths of its frequencies.",
    )
    clustering: Literal["kmeans", "gmm"] = parameter(
        "kmeans",
        title="Clustering",
        help="How neighbourhoods are divided: kmeans = by the nearer of two means; gmm = by the likelier of two "
        "Gaussians, which also knows how much each cluster varies.",
    )
    sinusoids: int = parameter(
        10,
        title="Gabor sinusoids",
        unit="per axis",
        ge=1,
        le=16,
        advanced=True,
        help="The bank of Gabor filters has this many frequencies along each axis.",
    )
    output_features: int = parameter(
        64,
        title="Gabor filters kept",
        unit="filters",
        ge=1,
        le=4096,
        advanced=True,
        help="Of the bank, those whose answers vary most.",
    )
    own_lamella: bool = parameter(
        False,
        title="Learn from each tomogram's own lamella",
        help="Slices to learn from are found in each tomogram by its local variance, instead of those above.",
    )
    together: bool = parameter(
        False,
        title="Learn once from all chosen tomograms",
        help="One model for all of them, so that a cluster means the same in each. Otherwise each has its own.",
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
        empty="all",
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
        if self.features == "gabor" and self.output_features > self.sinusoids**3:
            raise ValueError(
                f"{self.output_features} Gabor filters cannot be kept of the {self.sinusoids**3} that {self.sinusoids} "
                "sinusoids per axis make; keep fewer"
            )
        return self

    @property
    def result_name(self) -> str:
        """Name of the segmentation."""
        return self.name or f"{self.features}_{self.clustering}"

    def decisive(self) -> dict[str, Any]:
        """The parameters that decide a label map, without those that this choice of features does not use."""
        left_out = {"tomograms", "name", "replace"}
        if self.features != "gabor":
            left_out |= {"sinusoids", "output_features"}
        left_out |= {switch for switch in ("own_lamella", "together") if not getattr(self, switch)}
        return self.model_dump(mode="json", exclude=left_out)

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
            sinusoids=self.sinusoids,
            output_features=self.output_features,
        )


def run(parameters: UnsupervisedParameters, project: Project, job: Job) -> None:
    """Write `segmentations/<tomogram>__<name>.mrc` (int8: 1 particle, 0 background, −1 border) for each tomogram."""
    pooled = _Pooled(parameters, project, job) if parameters.together and len(parameters.tomograms) > 1 else None

    def work(name: str, progress: Progress) -> str:
        tomogram = project.tomogram(name)
        source = project.readable(tomogram.path)
        target = project.segmentation_path(name, parameters.result_name)
        settings = parameters.decisive()
        settings["voxel_size"] = list(tomogram.voxel_size)
        if pooled is not None:
            settings["learnt_from"] = pooled.identities
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
            own = own_parameters(parameters, volume, job, name)
            result = pooled.label(volume, own, progress) if pooled else _alone(volume, own, progress)
            progress(1.0, "writing")
            job.log(f"{name}: Features array of shape: ({result.n_neighbourhoods}, {result.n_features})")
            if not pooled and result.n_neighbourhoods < (own.max_neighbourhoods or 0):
                job.log(
                    f"{name}: a sample of {own.max_neighbourhoods:,} was asked for, there are "
                    f"{result.n_neighbourhoods:,}: all are used."
                )
            if result.warning:
                job.log(f"{name}: {result.warning}")
            # First the old description goes: it must never stand beside the new map.
            target.with_suffix(".yaml").unlink(missing_ok=True)
            write_mrc(target, result.labels, tomogram.voxel_size, tomogram.origin)
        background, particle = result.counts
        facts: dict[str, Any] = {
            "labels": {"0": int(background), "1": int(particle)},
            "names": {"1": "particle cluster"},
            "learnt_from_slices": [own.lower_z, own.upper_z],
            "seconds": {k: round(float(v), 3) for k, v in result.seconds.items()},
        }
        if result.warning:
            facts["warning"] = result.warning
        project.write_provenance(target, stamp(NAME, settings, made_from, **facts))
        job.output("segmentation", parameters.result_name, target, tomogram=name)
        return f"{particle:,} voxels in the particle cluster ({particle / (particle + background):.1%})"

    run_items(job, parameters.tomograms, work)


def own_parameters(
    parameters: UnsupervisedParameters, volume: Volume, job: Job | None = None, name: str = ""
) -> UnsupervisedParameters:
    """The parameters with the slices of this tomogram's lamella, where that was asked for."""
    if not parameters.own_lamella:
        return parameters
    from engine.features import suggest_lamella

    found = suggest_lamella(volume)
    if job is not None:
        job.log(f"{name}: {found.reason}")
    return parameters.model_copy(update={"lower_z": found.lower, "upper_z": found.upper})


def _alone(volume: Volume, own: UnsupervisedParameters, progress: Progress) -> "S1Result":
    from engine.features import segment

    return segment(volume.read(), own.science(), progress=progress)


class _Pooled:
    """One model of all the tomograms of a job; those that cannot be read are left out of it."""

    def __init__(self, parameters: UnsupervisedParameters, project: Project, job: Job) -> None:
        from engine.features import POOLED, fit_pooled, pooled_windows, prepare, running_on

        names = parameters.tomograms
        count = min(parameters.max_neighbourhoods or POOLED, POOLED) // len(names)
        windows = []
        self.identities: list[dict[str, Any]] = []
        with running_on(None, "cpu") as threads:
            for number, name in enumerate(names):
                job.progress(0.3 * number / len(names), f"{name}: taking a sample ({number + 1} of {len(names)})")
                try:
                    tomogram = project.tomogram(name)
                    source = project.readable(tomogram.path)
                    with open_for_science(tomogram, source) as volume:
                        own = own_parameters(parameters, volume).science()
                        prepared = prepare(volume.read(), own, threads=threads)
                    windows.append(pooled_windows(prepared, own, CENTRE, count))
                    self.identities.append(file_identity(source))
                except UserError as error:
                    job.log(f"{name} is not learnt from: {error}")
            if not windows:
                raise UserError(f"None of the {len(names)} tomograms could be learnt from; the log says why.")
            job.progress(0.3, "Learning once from all")
            self.model = fit_pooled(windows, CENTRE, parameters.science(), threads=threads)
        job.log(f"Learnt once from {self.model.n_neighbourhoods:,} neighbourhoods of {len(windows)} tomograms.")

    def label(self, volume: Volume, own: UnsupervisedParameters, progress: Progress) -> "S1Result":
        """The label map of one tomogram."""
        from engine.features import label, prepare, running_on

        with running_on(None, "cpu") as threads:
            return label(prepare(volume.read(), own.science(), threads=threads), self.model, progress)


TASK = Task(
    name=NAME,
    title="Segment without training",
    summary="Divide the voxels of each tomogram into particle and background by their neighbourhoods (PickET S1).",
    parameters=UnsupervisedParameters,
    run=run,
    subject=lambda p: f"{p.result_name} on {len(p.tomograms)} tomogram{'s' * (len(p.tomograms) > 1)}",
)
