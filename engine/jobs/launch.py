"""Launching, cancelling, retrying and deleting jobs: what a person does to them, from a page or a command line."""

import contextlib
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
from engine.jobs.process import GRACE, identity, is_alive, is_local, leads_group, members
from engine.jobs.slots import gpu_ids, take_ticket
from engine.project import Project
from engine.tasks import Task, find_task, read_parameters, validated, write_parameters

RESERVED = 64 * 1024
"""Bytes set aside with a job's folder and given back at its end, so that a job can say that its disk is full."""

ENGINE_PARENT = Path(__file__).resolve().parents[2]

_children: list[subprocess.Popen[bytes]] = []
_children_lock = threading.Lock()


def launch(project: Project, task_name: str, raw: Any, retry_of: str | None = None) -> JobRecord:
    """Start a task in the background; it waits for a free slot and outlives this process.

    Raises
    ------
    UserError
        Unknown task, parameters out of range, a project or queue that cannot be written: nothing was started.
    """
    task = find_task(task_name)
    parameters = validated(task, raw)
    ticket, handle = take_ticket(slot_kind(task), slots_needed(task, parameters))
    try:
        folder = make_job(project, task, parameters, retry_of)
        child = _start(folder, ticket, handle)
    except BaseException:
        ticket.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    with _children_lock:  # two tabs may launch at the same time
        _children.append(child)
        for ended in [c for c in _children if c.poll() is not None]:  # reap, so that no zombies pile up
            _children.remove(ended)
    try:
        write_text(folder / "launch.json", json.dumps(identity(child.pid)))
    except (psutil.NoSuchProcess, UserError):
        pass  # it ended already, or the disk is full: the worker says so itself
    return read_job(folder)


def _start(folder: Path, ticket: Path, handle: int) -> "subprocess.Popen[bytes]":
    environment = dict(os.environ)
    if environment.get("TOMODECK_SLOTS"):
        environment["TOMODECK_SLOTS"] = str(ticket.parents[1])  # a relative one means another place for the worker
    try:
        with explain_os_errors(folder, "start a job in"), (folder / "log.txt").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "engine.jobs.worker", str(folder), str(ticket)],
                cwd=ENGINE_PARENT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # closing the server's terminal does not reach it
                pass_fds=(handle,),
            )
    except UserError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def make_job(project: Project, task: Task, parameters: Any, retry_of: str | None = None) -> Path:
    """Make the folder of a job: what was asked, by whom, when. Raises UserError and leaves none if it cannot."""
    jobs = project.root / "jobs"
    folder = jobs / f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    request = {
        "task": task.name,
        "subject": task.subject(parameters),
        "created": time.time(),
        "user": _user(),
        "host": socket.gethostname(),
        "retry_of": retry_of,
        "slots": slots_needed(task, parameters),
    }
    with explain_os_errors(folder, "create"):
        jobs.mkdir(exist_ok=True)
        folder.mkdir()
    try:
        with explain_os_errors(folder, "write"):
            (folder / ".reserve").write_bytes(b"\0" * RESERVED)
        write_text(folder / "params.yaml", write_parameters(parameters))
        write_text(folder / "request.yaml", yaml.safe_dump(request, sort_keys=False))
    except UserError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def slot_kind(task: Task) -> str:
    """The queue for a task: that of the GPUs where it uses one and there is one."""
    return "gpu" if task.uses_gpu and gpu_ids() else "cpu"


def slots_needed(task: Task, parameters: Any) -> int:
    """How many slots of its kind a launch takes: one for each GPU."""
    return task.gpus(parameters) if slot_kind(task) == "gpu" else 1


def cancel(job: JobRecord) -> None:
    """Ask a job to end, and end its whole process tree if it has not after some seconds.

    Raises
    ------
    UserError
        It has ended already, belongs to somebody else or runs on another machine.
    """
    job = read_job(job.folder)
    if not job.active:
        raise UserError(f"Job {job.id} is {job.state}: there is nothing to cancel.")
    if job.process and not is_local(job.process):  # type: ignore[arg-type]
        raise UserError(f"Job {job.id} runs on {job.host}: cancel it from a dashboard or command line there.")
    _signal(job, 0)  # refused before anything is written, if it is another user's
    write_text(job.folder / "cancel.json", json.dumps({"user": _user(), "time": time.time()}))
    # The worker writes who it is before it looks for cancel.json; so either it sees that or its process is known now.
    job = read_job(job.folder)
    if not job.process:
        return
    group = leads_group(job.process)  # type: ignore[arg-type]
    _signal(job, signal.SIGTERM)
    threading.Thread(target=_insist, args=(job, group), daemon=True).start()


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


def _signal(job: JobRecord, number: int) -> None:
    process = job.process
    if not process or not is_alive(process):  # type: ignore[arg-type]
        return
    try:
        # A job in the foreground of a terminal shares its shell's group only if it is not a leader: spare that.
        (os.killpg if leads_group(process) else os.kill)(process["pid"], number)  # type: ignore[arg-type]
    except ProcessLookupError:
        pass
    except PermissionError as error:
        owner = f"{job.user or 'another user'}"
        raise UserError(f"Job {job.id} belongs to {owner}: only {owner} can cancel it.") from error


def _insist(job: JobRecord, group: bool) -> None:
    """End what still runs after the grace: all members of the group, even when the leader itself obeyed."""
    pid = job.process["pid"]
    deadline = time.monotonic() + GRACE
    while members(pid) if group else is_alive(job.process):  # type: ignore[arg-type]
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if group else os.kill)(pid, signal.SIGKILL)
            return
        time.sleep(0.2)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
