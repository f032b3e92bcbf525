"""PickET's own parameter files: their models, as the originals name things, and the reading of such a file.

Keys that PickET ignores are ignored here too, and named in the log. Everything wrong in a file is said at once, each
problem with its line; how it is said is in `picket_problems`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from engine.errors import UserError
from engine.tasks.picket_problems import sentences
from engine.tasks.task import Job, read_parameters
from engine.tasks.yaml_lines import LineFinder, together

GABOR = "gabor"
FFTS = "ffts"
WATERSHED = "watershed_segmentation"
MEAN_SHIFT = "mean_shift_clustering"

Count = Annotated[int, Field(ge=1)]


def _mode(value: str, info: ValidationInfo) -> str:
    return _one_of(value, "modes", "mode", info)


def _method(value: str, info: ValidationInfo) -> str:
    return _one_of(value, "methods", "clustering method", info)


def _one_of(value: str, kind: str, what: str, info: ValidationInfo) -> str:
    known = (info.context or {}).get(kind, ())
    if value not in known:
        raise ValueError(f"there is no {what} {value!r} here (known: {', '.join(known)})")
    return value


Mode = Annotated[str, AfterValidator(_mode)]
Method = Annotated[str, AfterValidator(_method)]


class PicketModel(BaseModel):
    """Base of PickET's parameters: extra keys are allowed, and no value is taken for one of another type."""

    model_config = ConfigDict(extra="allow", strict=True)


class ZLimits(PicketModel):
    """Slice limits of one input; what they mean differs between the two steps."""

    lower: int | None = Field(None, alias="lower_z-slice_limit", ge=0)
    upper: int | None = Field(None, alias="upper_z-slice_limit", ge=0)

    def upper_within(self, last: int) -> int | None:
        """The upper limit, not beyond `last`, as PickET reads it; kept as it is where the lower one lies beyond too."""
        return self.upper if self.upper is None or (self.lower or 0) > last else min(self.upper, last)


class TomogramInput(ZLimits):
    """One tomogram of S1; slices [lower, upper) are used for fitting."""

    tomogram: str = Field(min_length=1)

    @field_validator("upper")
    @classmethod
    def _crossed(cls, value: int | None, info: ValidationInfo) -> int | None:
        lower = info.data.get("lower")
        if value is not None and lower is not None and value <= lower:
            raise ValueError(
                f"must be more than lower_z-slice_limit = {lower} (slices are used from the lower limit up to, and not "
                "including, the upper one)"
            )
        return value


class FeatureMode(PicketModel):
    """One feature extraction mode; further keys belong to particular modes.

    Attributes
    ----------
    n_fft_subsets
        ffts: in how many parts PickET works, to save memory.
    num_sinusoids
        gabor: the bank has its third power of filters.
    num_output_features
        gabor: how many filters are kept.
    num_neighborhoods_subsets, num_parallel_filters
        gabor: in what portions PickET works, to save memory.
    """

    mode: Mode
    n_fft_subsets: Count | None = None
    num_sinusoids: Count = 10
    num_output_features: Count = 64
    num_neighborhoods_subsets: Count | None = None
    num_parallel_filters: Count | None = None

    @field_validator("num_output_features")
    @classmethod
    def _not_more_than_filters(cls, value: int, info: ValidationInfo) -> int:
        sinusoids = info.data.get("num_sinusoids")
        if info.data.get("mode") == GABOR and sinusoids and value > sinusoids**3:
            raise ValueError(f"must be at most {sinusoids**3}, the number of filters with num_sinusoids = {sinusoids}")
        return value

    @model_validator(mode="after")
    def _default_fits(self) -> "FeatureMode":
        # A default is not validated as a given value is.
        if self.mode == GABOR and self.num_output_features > self.num_sinusoids**3:
            raise ValueError(
                f"num_output_features is missing: its usual {self.num_output_features} is more than the "
                f"{self.num_sinusoids**3} filters of num_sinusoids = {self.num_sinusoids}"
            )
        return self

    @property
    def used(self) -> dict[str, int | None]:
        """The keys that belong to the mode, with the values that are used."""
        own = {
            FFTS: ("n_fft_subsets",),
            GABOR: ("num_sinusoids", "num_output_features", "num_neighborhoods_subsets", "num_parallel_filters"),
        }
        return {key: getattr(self, key) for key in own.get(self.mode, ())}


class S1File(PicketModel):
    """The file of the first step (reference: PickET's documentation of S1 inputs)."""

    dataset_name: str = Field(min_length=1)
    output_dir: str = Field(min_length=1)
    inputs: list[TomogramInput] = Field(min_length=1)
    neighborhood_size: int
    max_num_neighborhoods_for_fitting: int | None = Field(None, ge=2)
    feature_extraction_params: list[FeatureMode] = Field(min_length=1)
    clustering_methods: list[Method] = Field(min_length=1)

    @field_validator("neighborhood_size")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value < 3 or value % 2 == 0:
            usual = max(3, value + 1)
            raise ValueError(f"must be odd and at least 3, such as {usual} (a neighbourhood has a central voxel)")
        return value

    @field_validator("feature_extraction_params")
    @classmethod
    def _once(cls, value: list[FeatureMode]) -> list[FeatureMode]:
        modes = [mode.mode for mode in value]
        twice = [mode for mode in dict.fromkeys(modes) if modes.count(mode) > 1]
        if twice:
            raise ValueError(f"mode {twice[0]!r} stands twice: both would be written to the same files; remove one")
        return value


class SegmentationInput(ZLimits):
    """One segmentation of S2; slices lower … upper, both included, are searched."""

    segmentation: str = Field(min_length=1)
    particle_cluster_id: int = Field(ge=0)

    @field_validator("upper")
    @classmethod
    def _crossed(cls, value: int | None, info: ValidationInfo) -> int | None:
        lower = info.data.get("lower")
        if value is not None and lower is not None and value < lower:
            raise ValueError(f"must not be less than lower_z-slice_limit = {lower} (both slices are included)")
        return value


class ParticleMode(PicketModel):
    """One way to divide the particle cluster into particles; distances in voxels."""

    mode: Mode
    min_distance: Count | None = None
    bandwidth: float | None = Field(None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _complete(self) -> "ParticleMode":
        if self.mode == WATERSHED and self.min_distance is None:
            raise ValueError("watershed_segmentation needs min_distance (voxels): add it, for example 5")
        if self.mode == MEAN_SHIFT and self.bandwidth is None:
            raise ValueError("mean_shift_clustering needs bandwidth (voxels): add it, for example 12")
        return self

    @property
    def used(self) -> dict[str, int | float]:
        """The distance that belongs to the mode."""
        if self.mode == WATERSHED and self.min_distance is not None:
            return {"min_distance": self.min_distance}
        if self.mode == MEAN_SHIFT and self.bandwidth is not None:
            return {"bandwidth": self.bandwidth}
        return {}


class S2File(PicketModel):
    """The file of the second step."""

    dataset_name: str = Field(min_length=1)
    output_dir: str = Field(min_length=1)
    inputs: list[SegmentationInput] = Field(min_length=1)
    particle_extraction_params: list[ParticleMode] = Field(min_length=1)


Model = TypeVar("Model", bound=PicketModel)


def read_picket_file(path: Path, model: type[Model], job: Job, known: Mapping[str, Sequence[str]]) -> Model:
    """Read and check one of PickET's files; tells the log which keys are ignored.

    Parameters
    ----------
    path
        The YAML file.
    model
        `S1File` or `S2File`.
    job
        For its log.
    known
        What may be named in the file: "modes" and, for S1, "methods".

    Raises
    ------
    UserError
        Unreadable, no YAML, and all the missing keys, wrong types and wrong values, each with its line.
    """
    try:
        raw = read_parameters(path)
    except UserError:
        raise
    except (ValueError, OverflowError) as error:  # such as a date that there is not
        raise UserError(f"{path} holds a value that YAML cannot read ({error}): put it in quotes.") from error
    if not isinstance(raw, dict):
        raise UserError(f"{path} holds no parameters: expected 'dataset_name:', 'inputs:' and so on.")
    lines = LineFinder(path)
    problems = lines.repeated_keys()
    parameters: Model | None = None
    try:
        parameters = model.model_validate(raw, context=dict(known))
    except ValidationError as error:
        problems += sentences(error, lines)
    if problems or parameters is None:
        raise UserError(together(path, problems))
    ignored = [f"{key} (line {lines.of((*where, key))})" for where, key in _extra_keys(parameters)]
    if ignored:
        job.log(f"Ignored in {path}: {', '.join(ignored)}")
    return parameters


def _extra_keys(model: PicketModel, where: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    """Keys that no model knows, with the place of the mapping that they stand in."""
    found = [(where, key) for key in model.model_extra or {}]
    for name in type(model).model_fields:
        value = getattr(model, name)
        for number, entry in enumerate(value if isinstance(value, list) else []):
            if isinstance(entry, PicketModel):
                found += _extra_keys(entry, (*where, name, number))
    return found
