"""Training in several processes with `torch.distributed.run`: starting them, and what each does.

The processes are started as `python -m engine.tasks.training_processes FILE`; FILE says in JSON which project, which
parameters, which folder. The first one tells of its progress in lines of JSON on standard output, which the task that
started them passes on. All of them end with the task, however it ends.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.errors import UserError
from engine.project import Project
from engine.tasks.task import Job
from engine.tasks.train_parameters import TrainParameters

ENGINE_PARENT = Path(__file__).resolve().parents[2]
MARK = "\x1e"
"""Begins a line that is for the task; libraries may print others."""

GRACE = 5.0


def train_in_processes(
    parameters: TrainParameters,
    project: Project,
    folder: Path,
    made_by: dict[str, Any],
    job: Job,
    on_model: Callable[[], None],
) -> None:
    """Train with `parameters.processes` processes and wait for them.

    Parameters
    ----------
    parameters, project, folder, made_by, on_model
        As for `training_run.train_model`; the processes read the data themselves.
    job
        Told of progress.

    Raises
    ------
    UserError
        Fewer GPUs than processes; what one of the processes says; one that ended without a word.
    """
    _check_gpus(parameters)
    asked = {
        "project": str(project.root),
        "parameters": parameters.model_dump(mode="json"),
        "folder": str(folder),
        "made_by": made_by,
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump(asked, file)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc-per-node={parameters.processes}",
    ]
    environment = dict(os.environ)
    environment.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // parameters.processes, 1)))
    started = subprocess.Popen(
        [*command, "-m", "engine.tasks.training_processes", file.name],
        cwd=ENGINE_PARENT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    sentence, others = "", []
    try:
        assert started.stdout is not None
        for line in started.stdout:
            if line.startswith(MARK):
                sentence = _pass_on(json.loads(line[1:]), job, on_model) or sentence
            else:
                others.append(line.rstrip())
        status = started.wait()
    finally:
        _end(started)
        Path(file.name).unlink(missing_ok=True)
    if sentence:
        raise UserError(sentence)
    if status:
        for line in others[-60:]:
            job.log(line)
        raise RuntimeError(f"a process of the training ended with status {status}; the log holds what it said")


def _pass_on(said: dict[str, Any], job: Job, on_model: Callable[[], None]) -> str:
    """Tell the job what a process said; returns the sentence of an error, if that is what it is."""
    if said["what"] == "progress":
        job.progress(said["fraction"], said["text"])
    elif said["what"] == "log":
        job.log(said["text"])
    elif said["what"] == "model":
        on_model()
    elif said["what"] == "error":
        return str(said["text"])
    return ""


def _end(started: "subprocess.Popen[str]") -> None:
    """End the launcher, which ends its processes; harder where it does not listen."""
    if started.poll() is not None:
        return
    started.send_signal(signal.SIGTERM)
    try:
        started.wait(GRACE)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()


def _check_gpus(parameters: TrainParameters) -> None:
    import torch

    found = torch.cuda.device_count() if torch.cuda.is_available() and parameters.device != "cpu" else 0
    if found and found < parameters.processes:
        raise UserError(
            f"{parameters.processes} GPUs are asked for and this job may use {found}: ask for {found}, or make more "
            "visible with CUDA_VISIBLE_DEVICES."
        )


class _LineJob:
    """A job whose messages are lines of JSON for the task that started this process."""

    def progress(self, fraction: float, text: str) -> None:
        """See `engine.tasks.task.Job`."""
        _say(what="progress", fraction=fraction, text=text)

    def log(self, text: str) -> None:
        """See `engine.tasks.task.Job`."""
        _say(what="log", text=text)

    def item(self, name: str, state: str, text: str = "") -> None:
        """There are no items."""

    def output(self, kind: str, name: str, path: Path, **facts: Any) -> None:
        """Outputs are named by the task."""


class _Silent(_LineJob):
    """The job of all processes but the first."""

    def progress(self, fraction: float, text: str) -> None:
        """Nothing."""

    def log(self, text: str) -> None:
        """Nothing."""


def _say(**said: Any) -> None:
    sys.stdout.write(MARK + json.dumps(said) + "\n")
    sys.stdout.flush()


def main(path: Path) -> int:
    """What each process does."""
    from engine.tasks.train import initial_weights, training_data
    from engine.tasks.training_run import train_model
    from engine.training import processes

    asked = json.loads(path.read_text())
    parameters = TrainParameters.model_validate(asked["parameters"])
    project = Project.open(asked["project"])
    job = _LineJob() if processes.rank() == 0 else _Silent()
    try:
        train_model(
            training_data(parameters, project),
            parameters,
            Path(asked["folder"]),
            job,
            initial_weights(parameters, project),
            asked["made_by"],
            lambda: _say(what="model"),
        )
    except UserError as error:
        _say(what="error", text=str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
