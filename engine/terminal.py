"""How a command speaks: messages on standard error, results on standard output, exit status 0, 1 or 2.

Shared by the commands in `cli` and in the files of commands beside it.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from engine.errors import UserError


class Echo:
    """Lines of a run on standard error; why something failed is told once, however many places report it."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._last = ""

    def __call__(self, text: str) -> None:
        """Print a line, unless it is the one before."""
        from engine.tasks.items import without_reason

        if text != self._last:
            say(without_reason(text, self._said))
        self._last = text
        self._said.add(text)

    def end(self, text: str) -> None:
        """Print the last line, unless it was told before."""
        if text not in self._said:
            self(text)


class EchoJob:
    """A task's messages on standard error, for runs without a project (see `engine.tasks.task.Job`)."""

    def __init__(self) -> None:
        self.outputs: list[dict[str, Any]] = []
        self.echo = Echo()
        self._last = ""

    def progress(self, fraction: float, text: str) -> None:
        """Print what is being done, when that changes."""
        if text != self._last:
            self._last = text
            say(f"{fraction:4.0%}  {text}")

    def log(self, text: str) -> None:
        """Print a line."""
        self.echo(text)

    def item(self, name: str, state: str, text: str = "") -> None:
        """Items speak through the log."""

    def output(self, kind: str, name: str, path: Path, **facts: Any) -> None:
        """Remember a result for the end."""
        self.outputs.append({"kind": kind, "name": name, "path": str(path), **facts})


def run_files(step: Callable[[Path, Any], None], params: Path, as_json: bool) -> None:
    """Run a step that a parameter file describes, and end the command as `finish` does."""
    job = EchoJob()
    failure = ""
    try:
        step(params, job)
    except UserError as error:
        failure = str(error)
    finish({"state": "failed" if failure else "done", "message": failure, "outputs": job.outputs}, as_json, job.echo)


def finish(status: dict[str, Any], as_json: bool, echo: Echo) -> None:
    """Print the results of a job; end the command with status 2, or 1 for a bug, where it is not done.

    Parameters
    ----------
    status
        How the job ended.
    as_json
        Print one JSON object instead of paths.
    echo
        What the job's lines were printed with.
    """
    outputs = status.get("outputs", [])
    if as_json:
        print_json({k: status[k] for k in ("state", "message", "outputs", "job") if status.get(k) is not None})
    else:
        for output in outputs:
            print(output["path"])
    if status["state"] == "done":
        return
    echo.end(status.get("message") or f"The job was {status['state']}.")
    sys.stdout.flush()
    raise typer.Exit(1 if status.get("is_bug") else 2)


def say(text: str) -> None:
    """Print a line on standard error."""
    print(text, file=sys.stderr, flush=True)


def print_json(content: dict[str, Any]) -> None:
    """Print one JSON object on standard output."""
    json.dump(content, sys.stdout, default=os.fspath)
    print()
