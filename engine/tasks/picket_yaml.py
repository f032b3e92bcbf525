"""PickET's own parameter files: their models, as the originals name things, and the reading of such a file.

Keys that PickET ignores are ignored here too, and named in the log.
"""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.errors import UserError
from engine.tasks.task import Job, read_parameters, validation_sentence


class PicketModel(BaseModel):
    """Base of PickET's parameters: extra keys are allowed, keys may carry the hyphens of the original."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)


class ZLimits(PicketModel):
    """Slice limits of one input; what they mean differs between the two steps."""

    lower: int | None = Field(None, alias="lower_z-slice_limit", ge=0)
    upper: int | None = Field(None, alias="upper_z-slice_limit", ge=0)


class TomogramInput(ZLimits):
    """One tomogram of S1; slices [lower, upper) are used for fitting."""

    tomogram: str


class FeatureMode(PicketModel):
    """One feature extraction mode; further keys belong to particular modes."""

    mode: str


class S1File(PicketModel):
    """The file of the first step (reference: PickET's documentation of S1 inputs)."""

    dataset_name: str = Field(min_length=1)
    output_dir: str
    inputs: list[TomogramInput] = Field(min_length=1)
    neighborhood_size: int
    max_num_neighborhoods_for_fitting: int | None = Field(None, ge=2)
    feature_extraction_params: list[FeatureMode] = Field(min_length=1)
    clustering_methods: list[str] = Field(min_length=1)


class SegmentationInput(ZLimits):
    """One segmentation of S2; slices lower … upper, both included, are searched."""

    segmentation: str
    particle_cluster_id: int


class ParticleMode(PicketModel):
    """One way to divide the particle cluster into particles."""

    mode: str
    min_distance: int | None = Field(None, ge=1)


class S2File(PicketModel):
    """The file of the second step."""

    dataset_name: str = Field(min_length=1)
    output_dir: str
    inputs: list[SegmentationInput] = Field(min_length=1)
    particle_extraction_params: list[ParticleMode] = Field(min_length=1)


Model = TypeVar("Model", bound=PicketModel)


def read_picket_file(path: Path, model: type[Model], job: Job) -> Model:
    """Read and check one of PickET's files; tells the log which keys are ignored.

    Raises
    ------
    UserError
        Unreadable, no YAML, a missing key or a wrong type, with the line where it stands.
    """
    raw = read_parameters(path)
    if not isinstance(raw, dict):
        raise UserError(f"{path} holds no parameters: expected 'dataset_name:', 'inputs:' and so on.")
    try:
        parameters = model.model_validate(raw)
    except ValidationError as error:
        line = _line_of(path, error.errors()[0]["loc"])
        where = f"{path}, line {line}" if line else str(path)
        raise UserError(validation_sentence(model, error, where)) from error
    if parameters.model_extra:
        job.log(f"Ignored in {path}: {', '.join(map(str, parameters.model_extra))}")
    return parameters


def _line_of(path: Path, location: tuple[Any, ...]) -> int | None:
    """The line of a YAML file at which a value stands, or the nearest value around it."""
    node = yaml.compose(path.read_text(encoding="utf-8", errors="replace"))
    for part in location:
        if isinstance(node, yaml.MappingNode):
            found = [value for key, value in node.value if key.value == part]
            if not found:
                break
            node = found[0]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        else:
            break
    return node.start_mark.line + 1 if node is not None else None
