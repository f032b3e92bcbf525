"""The identity of a process: pid and start time, because pids are used again."""

import socket
from typing import TypedDict

import psutil


class ProcessIdentity(TypedDict):
    """Which process on which machine."""

    pid: int
    started: float
    host: str


def identity(pid: int) -> ProcessIdentity:
    """The identity of the running process `pid`. Raises psutil.NoSuchProcess when it ended."""
    return {"pid": pid, "started": psutil.Process(pid).create_time(), "host": socket.gethostname()}


def is_alive(who: ProcessIdentity) -> bool:
    """Whether that very process still runs on this machine. One that ended but was not reaped yet counts as dead."""
    try:
        process = psutil.Process(who["pid"])
        same = abs(process.create_time() - who["started"]) < 0.05
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_local(who: ProcessIdentity) -> bool:
    """Whether the process belongs to this machine, so that `is_alive` can tell."""
    return who["host"] == socket.gethostname()
