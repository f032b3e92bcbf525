"""A job's folder `jobs/<id>/` as its readers see it: files with one writer each, and the state derived from them.

request.yaml and params.yaml are written once by whoever launches; launch.json by the launcher when the process
exists; cancel.json by whoever cancels; status.json, progress.json, items.json, outputs.json and log.txt by the worker.
Nothing here writes.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from engine.errors import UserError
from engine.jobs.process import is_alive, is_local

ACTIVE = ("queued", "running", "cancelling")
FINISHED = ("done", "failed", "cancelled", "lost")
SILENT_AFTER = 120.0
"""Seconds without a word after which a job on another machine, which cannot be asked, counts as lost."""
REMEMBERED = 5000
"""Finished jobs kept in memory."""

_finished: dict[Path, tuple[tuple[int, int], "JobRecord"]] = {}


@dataclass(frozen=True)
class JobRecord:
    """One job as it stands now.

    Attributes
    ----------
    state
        queued, running, cancelling, done, failed, cancelled or lost.
    message
        Why it failed or was lost, in one sentence; empty otherwise.
    fraction, text
        How far it is (0 to 1) and what it does.
    seconds_left
        Estimated, None while nothing is known.
    ended_by_itself
        Whether the job has written its end, so that nothing changes any more; False while the state is derived.
    """

    folder: Path
    task: str
    subject: str
    created: float
    user: str
    host: str
    state: str
    message: str = ""
    is_bug: bool = False
    fraction: float = 0.0
    text: str = ""
    started: float | None = None
    ended: float | None = None
    seconds_left: float | None = None
    items: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    process: dict[str, Any] = field(default_factory=dict)
    retry_of: str | None = None
    ended_by_itself: bool = False

    @property
    def id(self) -> str:
        """The name of the folder."""
        return self.folder.name

    @property
    def active(self) -> bool:
        """Whether it waits, runs or is being cancelled."""
        return self.state in ACTIVE

    @property
    def seconds(self) -> float | None:
        """How long it has run or ran."""
        if self.started is None:
            return None
        return max((self.ended or time.time()) - self.started, 0.0)

    def parameters_text(self) -> str:
        """params.yaml as it was asked."""
        return _text(self.folder / "params.yaml")

    def log(self, last: int = 20_000) -> str:
        """The last characters of log.txt."""
        try:
            with (self.folder / "log.txt").open("rb") as handle:
                handle.seek(0, 2)
                handle.seek(max(handle.tell() - last, 0))
                return handle.read().decode("utf-8", errors="replace")
        except OSError:
            return ""


def read_job(folder: Path) -> JobRecord:
    """The job in `folder`. A finished one is read once and remembered: pages list all jobs several times a rerun.

    Raises
    ------
    UserError
        There is no such job, or what was asked of it cannot be read (lost in a power cut).
    """
    stamps = _changed(folder / "status.json"), _changed(folder / "outputs.json")  # taken before the files are read
    known = _finished.get(folder)
    if known and known[0] == stamps:
        return known[1]
    record = _read(folder)
    if record.ended_by_itself:
        if len(_finished) >= REMEMBERED:
            _finished.clear()
        _finished[folder] = (stamps, record)
    return record


def _read(folder: Path) -> JobRecord:
    request = _request(folder)
    status, progress, launch = (_json(folder / f"{n}.json") for n in ("status", "progress", "launch"))
    process = status.get("process") or launch
    state, message = _state(folder, status, process, float(request["created"]))
    ended = status.get("ended")
    if ended is None and state in FINISHED:
        ended = progress.get("updated")
    return JobRecord(
        folder=folder,
        task=request["task"],
        subject=request.get("subject", ""),
        created=float(request["created"]),
        user=request.get("user", ""),
        host=process.get("host") or request.get("host", ""),
        state=state,
        message=message,
        is_bug=bool(status.get("is_bug")),
        fraction=1.0 if state == "done" else float(progress.get("fraction", 0.0)),
        text=progress.get("text", "") if state in ACTIVE else "",
        started=status.get("started"),
        ended=ended,
        seconds_left=progress.get("seconds_left") if state == "running" else None,
        items=_json(folder / "items.json").get("items", []),
        outputs=_json(folder / "outputs.json").get("outputs", []),
        process=process,
        retry_of=request.get("retry_of"),
        ended_by_itself=status.get("state") in FINISHED,
    )


def list_jobs(root: Path) -> list[JobRecord]:
    """The jobs of the project in `root`, newest first."""
    return sorted(_readable(root), key=lambda job: (job.created, job.id), reverse=True)


def _readable(root: Path) -> Iterator[JobRecord]:
    for folder in (root / "jobs").glob("[0-9]*"):
        try:
            yield read_job(folder)
        except UserError:
            continue  # being made or being deleted at this moment, or damaged


def _request(folder: Path) -> dict[str, Any]:
    missing = f"There is no job {folder.name} in this project."
    try:
        request = yaml.safe_load((folder / "request.yaml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(missing) from error
    if not isinstance(request, dict) or not isinstance(request.get("task"), str):
        raise UserError(missing)
    if not isinstance(request.get("created"), int | float):
        raise UserError(missing)
    return request


def _state(folder: Path, status: dict[str, Any], process: dict[str, Any], created: float) -> tuple[str, str]:
    written = status.get("state")
    message = status.get("message", "")
    if written in FINISHED:
        return written, message
    cancelling = (folder / "cancel.json").exists()
    if not process:
        # Between the making of the folder and the worker's first word; a launcher killed there leaves it so.
        if time.time() - created < 30:
            return ("cancelling" if cancelling else "queued"), ""
        return ("cancelled", "") if cancelling else ("lost", "It never started; use Run again.")
    if is_local(process):  # type: ignore[arg-type]
        alive = is_alive(process)  # type: ignore[arg-type]
    else:
        alive = time.time() - _last_word(folder) < SILENT_AFTER
    if alive:
        return ("cancelling" if cancelling else written or "queued"), ""
    fresh = _json(folder / "status.json")  # it may have ended well since the first look
    if fresh.get("state") in FINISHED:
        return fresh["state"], fresh.get("message", "")
    if cancelling:
        return "cancelled", ""
    when = datetime.fromtimestamp(_last_word(folder)).strftime("%Y-%m-%d %H:%M:%S")
    why = f"The process ended without a word (killed, or the machine restarted; last sign {when})."
    return "lost", f"{why} Use Run again."


def _last_word(folder: Path) -> float:
    times = [
        p.stat().st_mtime for p in (folder / "progress.json", folder / "log.txt", folder / "launch.json") if p.exists()
    ]
    return max(times, default=0.0)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
