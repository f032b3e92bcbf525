"""The identity of a process, pid and start time because pids are used again, and the group that it leads."""

import os
import socket
from typing import TypedDict

import psutil

GRACE = 8.0
"""Seconds between asking a job to end and ending it."""


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


def leads_group(who: ProcessIdentity) -> bool:
    """Whether it runs and leads its process group; in the foreground of a script it belongs to the script's."""
    try:
        return is_alive(who) and os.getpgid(who["pid"]) == who["pid"]
    except ProcessLookupError:
        return False


def members(group: int) -> list[int]:
    """The pids of a process group that still run, whether its leader does or not."""
    running = []
    for pid in psutil.pids():
        try:
            if os.getpgid(pid) == group and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                running.append(pid)
        except (OSError, psutil.Error):
            continue  # it ended meanwhile
    return running
