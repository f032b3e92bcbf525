"""What a task is: one thing that a person can launch, described once for page, YAML file and command line."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as _PydanticField

from engine.errors import UserError, explain_os_errors
from engine.project import Project


class Job(Protocol):
    """What a running task may tell the world. The job folder, the command line and tests each implement it."""

    def progress(self, fraction: float, text: str) -> None:
        """Say how far the task is (0 to 1) and what it does now. Raises when the job was cancelled."""

    def log(self, text: str) -> None:
        """Add a line to the log."""

    def item(self, name: str, state: str, text: str = "") -> None:
        """Say how one item of many (a tomogram) stands: waiting, running, done, skipped or failed."""

    def output(self, kind: str, name: str, path: Path, **facts: Any) -> None:
        """Name a finished result; `kind` is segmentation, table, tomogram or boxes."""


class Parameters(BaseModel):
    """Base of every task's parameters: unknown keys are refused, so that a typing error is not silently ignored."""

    model_config = ConfigDict(extra="forbid")


def parameter(
    default: Any = ...,
    *,
    title: str,
    help: str,
    unit: str = "",
    advanced: bool = False,
    source: str = "",
    beside: bool = False,
    only_if: tuple[str, Any] | None = None,
    **limits: Any,
) -> Any:
    """A field of a task's parameters.

    Parameters
    ----------
    default
        Without one the field is required.
    title, help, unit
        What the form shows. One short line of help.
    advanced
        Folded away in the form.
    source
        What the form offers to choose from: "tomograms" or "segmentations" of the project.
    beside
        Stands beside the field before it in the form: the two ends of a range.
    only_if
        Another field and the value it must have for this one to matter; otherwise the form leaves it out.
    limits
        As pydantic's Field takes them: ge, gt, le, lt, min_length …
    """
    extra: dict[str, Any] = {"unit": unit, "advanced": advanced, "source": source, "beside": beside, "only_if": only_if}
    return _PydanticField(default, title=title, description=help, json_schema_extra=extra, **limits)


@dataclass(frozen=True)
class Box:
    """A box of voxels: `start` inclusive, `stop` exclusive, both z, y, x."""

    start: tuple[int, int, int]
    stop: tuple[int, int, int]

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """To index an array with."""
        z, y, x = (slice(a, b) for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels in z, y, x."""
        z, y, x = (b - a for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x

    @classmethod
    def around(cls, centre_xyz: tuple[float, float, float], edge: int, shape: tuple[int, int, int]) -> "Box":
        """The box of `edge` voxels about `centre_xyz`, moved and where needed shrunk to fit a volume of `shape`."""
        start, stop = [], []
        for centre, length in zip(reversed(centre_xyz), shape, strict=True):
            size = min(edge, length)
            first = min(max(round(centre) - size // 2, 0), length - size)
            start.append(first)
            stop.append(first + size)
        return cls((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    def grown(self, margin: int, shape: tuple[int, int, int]) -> "Box":
        """The box with `margin` voxels more on each side, cut at the faces of a volume of `shape`."""
        z, y, x = (max(a - margin, 0) for a in self.start)
        z2, y2, x2 = (min(b + margin, n) for b, n in zip(self.stop, shape, strict=True))
        return Box((z, y, x), (z2, y2, x2))


@dataclass(frozen=True)
class Preview:
    """What a task would give inside a box.

    Attributes
    ----------
    labels
        The label map of the box [z, y, x].
    picks
        Objects inside the box, voxels of the whole tomogram: [n, 3] as x, y, z.
    sizes
        Voxels of each object.
    text
        One line about it: counts, what was left out.
    basis
        What the page may make suggestions from; the task says what it is.
    """

    box: Box
    labels: NDArray[Any]
    text: str
    picks: NDArray[np.float64] | None = None
    sizes: NDArray[np.int64] | None = None
    basis: Any = None


@dataclass(frozen=True)
class Task:
    """One thing that a person can launch."""

    name: str
    title: str
    summary: str
    parameters: type[Parameters]
    run: Callable[[Any, Project, Job], None]
    preview: Callable[[Any, Project, str, Box], Preview] | None = None
    uses_gpu: bool = False
    subject: Callable[[Any], str] = lambda parameters: ""


def validated(task: Task, raw: Any, where: str = "") -> Parameters:
    """Check raw parameters against the model of `task`.

    Raises
    ------
    UserError
        One sentence naming the first wrong field, its value, and what is allowed; the number of further ones.
    """
    try:
        return task.parameters.model_validate(raw if raw is not None else {})
    except ValidationError as error:
        raise UserError(validation_sentence(task.parameters, error, where)) from error


def validation_sentence(model: type[BaseModel], error: ValidationError, where: str = "") -> str:
    """The first problem that pydantic found, as one sentence for a person."""
    problems = error.errors()
    first = problems[0]
    location = ".".join(str(part) for part in first["loc"])
    prefix = f"{where}: " if where else ""
    more = f" ({len(problems) - 1} more wrong)" if len(problems) > 1 else ""
    if first["type"] == "missing":
        return f"{prefix}{location} is missing: add it{more}."
    if first["type"] == "extra_forbidden":
        known = ", ".join(model.model_fields)
        return f"{prefix}{location} is not a parameter here (known: {known}){more}."
    message = first["msg"].removeprefix("Value error, ")
    if not location:  # a rule between fields: its message names them
        return f"{prefix}{message[0].upper()}{message[1:]}{more}."
    message = message[0].lower() + message[1:]
    return f"{prefix}{location} = {first['input']!r} is not allowed: {message}{more}."


def read_parameters(path: Path) -> Any:
    """Read a YAML file of parameters.

    Raises
    ------
    UserError
        Missing file, or not YAML (with the line).
    """
    with explain_os_errors(path, "read"):
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "unreadable"
        raise UserError(f"{path} is not valid YAML{line} ({problem}): mend that line.") from error


def write_parameters(parameters: BaseModel) -> str:
    """Parameters as YAML text, in the order of their model."""
    return yaml.safe_dump(parameters.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
