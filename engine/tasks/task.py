"""What a task is: one thing that a person can launch, described once for page, YAML file and command line."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from engine.errors import UserError, explain_os_errors
from engine.parameters import Parameters, problem_words, validation_sentence
from engine.project import Project
from engine.tasks.yaml_lines import LineFinder, together


class Job(Protocol):
    """What a running task may tell the world. The job folder, the command line and tests each implement it."""

    def progress(self, fraction: float, text: str) -> None:
        """Say how far the task is (0 to 1) and what it does now. Raises when the job was cancelled."""

    def log(self, text: str) -> None:
        """Add a line to the log."""

    def item(self, name: str, state: str, text: str = "") -> None:
        """Say how one item of many (a tomogram) stands: waiting, running, done, skipped or failed."""

    def output(self, kind: str, name: str, path: Path, **facts: Any) -> None:
        """Name a finished result; `kind` is what it is in a word, such as segmentation, table or model."""


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
    gpus: Callable[[Any], int] = lambda parameters: 1
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


def read_checked(path: Path, task: Task) -> Any:
    """Read a YAML file of the parameters of `task`, which fit its model.

    Raises
    ------
    UserError
        Missing file, or not YAML; all that is wrong in it, each with its line.
    """
    raw = read_parameters(path)
    if not isinstance(raw, dict):
        validated(task, raw, str(path))  # an empty file is one without parameters
        return raw
    lines = LineFinder(path)
    problems = lines.repeated_keys()
    try:
        task.parameters.model_validate(raw)
    except ValidationError as error:
        for problem in error.errors():
            line = lines.of(problem["loc"])
            problems.append((line, f"line {line}: {problem_words(task.parameters, problem)}"))
    if problems:
        raise UserError(together(path, problems))
    return raw


def write_parameters(parameters: BaseModel) -> str:
    """Parameters as YAML text, in the order of their model."""
    return yaml.safe_dump(parameters.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
