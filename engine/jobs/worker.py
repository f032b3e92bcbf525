"""The process of one job: `python -m engine.jobs.worker FOLDER TICKET`, or the same inside a foreground command.

It alone writes status.json, progress.json, items.json, outputs.json and log.txt of its folder.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from engine.atomic import write_text
from engine.errors import UserError, os_error_sentence
from engine.jobs.process import GRACE, identity
from engine.jobs.slots import take_slot
from engine.project import Project
from engine.tasks import find_task, read_parameters, validated

HEARTBEAT = 10.0
"""Seconds between signs of life while a task says nothing; readers on other machines rely on them."""


class Cancelled(BaseException):
    """The job was asked to end. Not an Exception, so that no task swallows it by accident."""


class FolderJob:
    """What a running task may tell the world, written to the job's folder (see `engine.tasks.task.Job`)."""

    def __init__(self, folder: Path, echo: Callable[[str], None] | None = None):
        self.folder = folder
        self._echo = echo
        self._items: dict[str, dict[str, str]] = {}
        self._outputs: list[dict[str, Any]] = []
        self._progress: dict[str, Any] = {"fraction": 0.0, "text": ""}
        self._written = 0.0
        self._started = time.time()
        self._log_lock = threading.Lock()

    def progress(self, fraction: float, text: str) -> None:
        """Say how far the task is; at most five times a second reaches the disk."""
        now = time.time()
        changed = text != self._progress["text"]
        seconds_left = (now - self._started) * (1 - fraction) / fraction if fraction > 0.02 else None
        self._progress = {"fraction": round(fraction, 4), "text": text, "seconds_left": seconds_left}
        if now - self._written > 0.2 or fraction >= 1:
            self.write_progress()
        if self._echo and changed:
            self._echo(f"{fraction:4.0%}  {text}")

    def write_progress(self) -> None:
        """Write the progress as it stands; also a sign of life."""
        self._written = time.time()
        write_text(self.folder / "progress.json", json.dumps({**self._progress, "updated": self._written}))

    def log(self, text: str) -> None:
        """Add a line to log.txt."""
        line = f"{time.strftime('%H:%M:%S')}  {text}\n"
        try:
            with self._log_lock, (self.folder / "log.txt").open("a", encoding="utf-8") as handle:
                handle.write(line)
        except OSError:
            pass  # a full disk or a deleted folder: the status, for which 64 kB are kept, or the next progress says so
        if self._echo:
            self._echo(text)

    def item(self, name: str, state: str, text: str = "") -> None:
        """Say how one item stands."""
        self._items[name] = {"name": name, "state": state, "text": text}
        write_text(self.folder / "items.json", json.dumps({"items": list(self._items.values())}))

    def output(self, kind: str, name: str, path: Path, **facts: Any) -> None:
        """Name a finished result."""
        self._outputs.append({"kind": kind, "name": name, "path": str(path), **facts})
        write_text(self.folder / "outputs.json", json.dumps({"outputs": self._outputs}))

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The results named so far."""
        return list(self._outputs)


def work(folder: Path, ticket: Path, echo: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Do the job in `folder`: wait for a slot, run, record how it ended. Returns the final status.

    Parameters
    ----------
    folder
        Made by `engine.jobs.launch.make_job`.
    ticket
        Its place in the queue, taken by `engine.jobs.slots.take_ticket`.
    echo
        Also gets log lines and progress, for a command line.
    """
    job = FolderJob(folder, echo)
    status: dict[str, Any] = {"process": identity(os.getpid())}

    def tell(**changes: Any) -> None:
        status.update(changes)
        if "ended" in changes:
            (folder / ".reserve").unlink(missing_ok=True)  # set aside by `make_job` for this
        write_text(folder / "status.json", json.dumps(status))

    silenced = threading.Event()
    try:
        try:
            tell(state="queued")
            slot = take_slot(ticket, _Waiting(folder, echo), int(_request(folder).get("slots", 1)))
            _stop_if_cancelled(folder)
            tell(state="running", started=time.time(), slot=slot)
            job._started = time.time()
            threading.Thread(target=_beat, args=(job, silenced), daemon=True).start()
            _run_task(folder, job)
        finally:
            silenced.set()
        tell(state="done", ended=time.time())
    except (Cancelled, KeyboardInterrupt):
        tell(state="cancelled", ended=time.time())
    except UserError as error:
        job.log(str(error))
        tell(state="failed", message=str(error), ended=time.time())
    except MemoryError:
        sentence = "The machine has too little free memory for this: close other programs or choose a smaller volume."
        job.log(sentence)
        tell(state="failed", message=sentence, ended=time.time())
    except OSError as error:
        sentence = os_error_sentence(error, Path(error.filename or folder), "use")
        job.log(traceback.format_exc())
        tell(state="failed", message=sentence, ended=time.time())
    except Exception as error:
        job.log(traceback.format_exc())
        message = f"A fault in Tomodeck ({type(error).__name__}: {error}); the log holds the details."
        tell(state="failed", message=message, is_bug=True, ended=time.time())
    status["outputs"] = job.outputs
    return status


class _Waiting:
    """What a job does at each look at the queue."""

    def __init__(self, folder: Path, echo: Callable[[str], None] | None):
        self._folder = folder
        self._echo = echo
        self._told = 0
        self._in_vain = 0  # looks with nobody ahead and yet no slot free

    def __call__(self, ahead: int) -> None:
        if not (self._folder / "request.yaml").exists():
            raise UserError(f"The folder {self._folder} was deleted while the job waited.")
        _stop_if_cancelled(self._folder)
        if self._echo and ahead and ahead != self._told:
            self._echo(f"Waiting for {ahead} job{'s' * (ahead > 1)} ahead in the queue …")
        if self._echo and self._in_vain == 1:
            self._echo("Next in the queue: waiting for a running job to end …")
        self._in_vain += not ahead
        self._told = ahead


def _stop_if_cancelled(folder: Path) -> None:
    # Who cancels before this process is known cannot signal it.
    if (folder / "cancel.json").exists():
        raise Cancelled


def _run_task(folder: Path, job: FolderJob) -> None:
    request = _request(folder)
    project = Project.open(folder.parents[1])
    task = find_task(request["task"])
    parameters = validated(task, read_parameters(folder / "params.yaml"))
    job.log(f"{task.title}: {task.subject(parameters)}")
    task.run(parameters, project, job)


def _request(folder: Path) -> dict[str, Any]:
    import yaml

    found: dict[str, Any] = yaml.safe_load((folder / "request.yaml").read_text(encoding="utf-8"))
    return found


def _beat(job: FolderJob, silenced: threading.Event) -> None:
    while not silenced.wait(HEARTBEAT):
        if time.time() - job._written > HEARTBEAT:
            try:
                job.write_progress()
            except UserError:
                return  # the folder is gone or the disk full; the task itself will meet it and say so


def raise_on_term() -> None:
    """From now on SIGTERM raises `Cancelled` in the main thread, and ends the whole process group after a grace.

    Who cancels insists too, but may itself end meanwhile. The thread waits from the start, because a signal's handler
    may interrupt the making of another thread.
    """
    asked = threading.Event()
    threading.Thread(target=_insist, args=(asked,), daemon=True).start()

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: the clean-up must not be interrupted
        asked.set()
        raise Cancelled

    signal.signal(signal.SIGTERM, end)


def _insist(asked: threading.Event) -> None:
    asked.wait()
    time.sleep(GRACE)
    if os.getpgrp() == os.getpid():  # never the group of a shell's script
        os.killpg(os.getpid(), signal.SIGKILL)


def main(folder: Path, ticket: Path) -> int:
    """Entry of the process; the ticket's lock was inherited from the launcher."""
    raise_on_term()
    try:
        status = work(folder, ticket)
    except (UserError, OSError) as error:
        # The folder itself cannot be written any more: gone, or its disk is full. There is nobody to tell but stderr.
        print(f"Job {folder.name} ends: {error}", file=sys.stderr)
        return 2
    finally:
        ticket.unlink(missing_ok=True)
    return 0 if status["state"] == "done" else 2


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
