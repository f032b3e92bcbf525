"""A queue without a daemon: slots and tickets are files that their holder keeps locked.

The system drops a lock when its holder dies, however it dies, so a slot can't stay taken. Tickets are taken by the
launcher, already locked, and inherited by the worker: the order is the order of launching. One queue serves all
projects of a user on a machine, because the machine is what they compete for.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

POLL = 0.25


def slots_folder() -> Path:
    """Where slots and tickets lie: `TOMODECK_SLOTS`, else a private folder of this user on this machine."""
    folder = os.environ.get("TOMODECK_SLOTS") or f"{tempfile.gettempdir()}/tomodeck-{os.getuid()}"
    path = Path(folder)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def gpu_count() -> int:
    """GPUs on this machine, told by their device files: asking torch would cost each waiting job 300 MB."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([d for d in visible.split(",") if d.strip()])
    return len([p for p in Path("/dev").glob("nvidia[0-9]*") if p.name[6:].isdigit()])


def slot_names(kind: str) -> list[str]:
    """The slots of a kind: one per GPU; for `cpu`, `TOMODECK_CPU_SLOTS` or one, since a task uses all cores."""
    if kind == "gpu":
        return [f"gpu{i}" for i in range(gpu_count())]
    return [f"cpu{i}" for i in range(int(os.environ.get("TOMODECK_CPU_SLOTS", "1")))]


def take_ticket(kind: str, job: str) -> tuple[Path, int]:
    """Join the queue of a kind. Returns the ticket and its open, locked file descriptor, which a child may inherit."""
    folder = slots_folder() / f"{kind}-queue"
    folder.mkdir(exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".new-", dir=folder)
    fcntl.flock(handle, fcntl.LOCK_EX)
    ticket = folder / f"{time.time_ns():020d}-{job}"
    os.rename(name, ticket)  # appears only when locked: nobody can take it for a dead one
    return ticket, handle


def wait_for_slot(kind: str, ticket: Path, each_turn: Callable[[int], None]) -> tuple[str, int]:
    """Wait until it is this ticket's turn and a slot is free.

    Parameters
    ----------
    kind, ticket
        Of `take_ticket`.
    each_turn
        Called at every look with the number of jobs ahead; may raise to give up.

    Returns
    -------
    The slot's name and its open, locked file descriptor: keep it open as long as the slot is needed.
    """
    while True:
        ahead = _living_before(ticket)
        each_turn(len(ahead))
        if not ahead:
            for slot in slot_names(kind):
                handle = os.open(slots_folder() / f"{slot}.lock", os.O_RDWR | os.O_CREAT, 0o600)
                if _try_lock(handle):
                    ticket.unlink(missing_ok=True)
                    return slot, handle
                os.close(handle)
        time.sleep(POLL)


def _living_before(ticket: Path) -> list[Path]:
    ahead = []
    for other in sorted(p for p in ticket.parent.iterdir() if not p.name.startswith(".") and p.name < ticket.name):
        try:
            handle = os.open(other, os.O_RDWR)
        except FileNotFoundError:
            continue
        if _try_lock(handle):
            other.unlink(missing_ok=True)  # its holder died while waiting
        else:
            ahead.append(other)
        os.close(handle)
    return ahead


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
