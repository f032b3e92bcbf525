"""Launching, cancelling, retrying and deleting jobs: what a person does to them, from a page or a command line."""

import getpass
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import yaml

from engine.atomic import write_text
from engine.errors import UserError, explain_os_errors
from engine.jobs.folder import JobRecord, read_job
from engine.jobs.process import identity, is_alive, is_local
from engine.jobs.slots import gpu_count, take_ticket
from engine.project import Project
from engine.tasks import Task, find_task, read_parameters, validated, write_parameters

GRACE = 8.0
"""Seconds between asking a job to end and ending it."""

ENGINE_PARENT = Path(__file__).resolve().parents[2]

_children: list[subprocess.Popen[bytes]] = []


def launch(project: Project, task_name: str, raw: Any, retry_of: str | None = None) -> JobRecord:
    """Start a task in the background; it waits for a free slot and outlives this process.

    Raises
    ------
    UserError
        Unknown task, parameters out of range, or a project that cannot be written.
    """
    task = find_task(task_name)
    parameters = validated(task, raw)
    folder = make_job(project, task, parameters, retry_of)
    kind = slot_kind(task)
    ticket, handle = take_ticket(kind, folder.name)
    try:
        with explain_os_errors(folder, "start a job in"), (folder / "log.txt").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "engine.jobs.worker", str(folder), str(ticket)],
                cwd=ENGINE_PARENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # closing the server's terminal does not reach it
                pass_fds=(handle,),
            )
    finally:
        os.close(handle)
    _children.append(child)
    for ended in [c for c in _children if c.poll() is not None]:  # reap, so that no zombies pile up
        _children.remove(ended)
    try:
        write_text(folder / "launch.json", json.dumps(identity(child.pid)))
    except psutil.NoSuchProcess:
        pass  # it ended already and has written its own status
    return read_job(folder)


def make_job(project: Project, task: Task, parameters: Any, retry_of: str | None = None) -> Path:
    """Make the folder of a job: what was asked, by whom, when."""
    jobs = project.root / "jobs"
    folder = jobs / f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    request = {
        "task": task.name,
        "subject": task.subject(parameters),
        "created": time.time(),
        "user": _user(),
        "host": socket.gethostname(),
        "retry_of": retry_of,
    }
    with explain_os_errors(folder, "create"):
        jobs.mkdir(exist_ok=True)
        folder.mkdir()
    write_text(folder / "params.yaml", write_parameters(parameters))
    write_text(folder / "request.yaml", yaml.safe_dump(request, sort_keys=False))
    return folder


def slot_kind(task: Task) -> str:
    """The queue for a task: that of the GPUs where it uses one and there is one."""
    return "gpu" if task.uses_gpu and gpu_count() else "cpu"


def cancel(job: JobRecord) -> None:
    """Ask a job to end, and end its whole process tree if it has not after some seconds.

    Raises
    ------
    UserError
        It has ended already, or runs on another machine.
    """
    job = read_job(job.folder)
    if not job.active:
        raise UserError(f"Job {job.id} is {job.state}: there is nothing to cancel.")
    if job.process and not is_local(job.process):  # type: ignore[arg-type]
        raise UserError(f"Job {job.id} runs on {job.host}: cancel it from a dashboard or command line there.")
    write_text(job.folder / "cancel.json", json.dumps({"user": _user(), "time": time.time()}))
    if not job.process:
        return
    _signal(job.process, signal.SIGTERM)

    def insist() -> None:
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline:
            if not is_alive(job.process):  # type: ignore[arg-type]
                return
            time.sleep(0.1)
        _signal(job.process, signal.SIGKILL)

    threading.Thread(target=insist, daemon=True).start()


def retry(project: Project, job: JobRecord) -> JobRecord:
    """Launch the same again; tasks over many tomograms do only what is missing or stale."""
    return launch(project, job.task, read_parameters(job.folder / "params.yaml"), retry_of=job.id)


def delete(job: JobRecord) -> None:
    """Remove a finished job's folder: log and parameters. What it made stays.

    Raises
    ------
    UserError
        It is active.
    """
    job = read_job(job.folder)
    if job.active:
        raise UserError(f"Job {job.id} is {job.state}: cancel it before deleting it.")
    with explain_os_errors(job.folder, "delete"):
        shutil.rmtree(job.folder)


def _signal(process: dict[str, Any], number: int) -> None:
    if not is_alive(process):  # type: ignore[arg-type]
        return
    try:
        group = os.getpgid(process["pid"])
        # A job in the foreground of a terminal shares its shell's group only if it is not a leader: spare that.
        if group == process["pid"]:
            os.killpg(group, number)
        else:
            os.kill(process["pid"], number)
    except ProcessLookupError:
        pass


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
