"""A queue without a daemon: slots and tickets are files that their holder keeps locked.

The system drops a lock when its holder dies, however it dies, so a slot can't stay taken. Tickets are taken by the
launcher, already locked, and inherited by the worker: the order is the order of launching. One queue serves all
projects of a user on a machine, because the machine is what they compete for.
"""

import fcntl
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import UserError, os_error_sentence

POLL = 0.25


def slots_folder() -> Path:
    """Where slots and tickets lie: `TOMODECK_SLOTS`, else a private folder of this user on this machine.

    Raises
    ------
    UserError
        It cannot be made, or the private one is not private.
    """
    chosen = os.environ.get("TOMODECK_SLOTS")
    path = Path(chosen).absolute() if chosen else _private_folder()
    with _explained(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not chosen:
            _check_private(path)
    return path


def gpu_ids() -> list[str]:
    """The GPUs that jobs may use, as CUDA_VISIBLE_DEVICES names them (numbers or UUIDs), else all of this machine.

    They are told by their device files: asking torch would cost each waiting job 300 MB.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return sorted((p.name[6:] for p in Path("/dev").glob("nvidia[0-9]*") if p.name[6:].isdigit()), key=int)
    ids: list[str] = []
    for name in (part.strip() for part in visible.split(",")):
        if not name or name.startswith("-"):
            break  # CUDA sees none from the first invalid one on
        ids.append(name)
    return list(dict.fromkeys(ids))


def slot_names(kind: str) -> list[str]:
    """The slots of a kind: one per GPU; for `cpu`, `TOMODECK_CPU_SLOTS` or one, since a task uses all cores.

    Raises
    ------
    UserError
        `TOMODECK_CPU_SLOTS` is not a whole number of at least 1.
    """
    if kind == "gpu":
        return [f"gpu{name}" for name in gpu_ids()]
    text = os.environ.get("TOMODECK_CPU_SLOTS") or "1"
    if not text.strip().isdecimal() or int(text) < 1:
        raise UserError(f"TOMODECK_CPU_SLOTS is {text!r}: set it to a whole number of at least 1, or unset it.")
    return [f"cpu{i}" for i in range(int(text))]


def take_ticket(kind: str, count: int = 1) -> tuple[Path, int]:
    """Join the queue of a kind.

    Parameters
    ----------
    kind
        "gpu" or "cpu".
    count
        Slots that will be taken together.

    Returns
    -------
    The ticket and its open, locked file descriptor, which a child may inherit.

    Raises
    ------
    UserError
        The queue cannot be used, the slots are set wrongly, or there are fewer: told before anything is launched.
    """
    _check_count(kind, count)
    folder = slots_folder() / f"{kind}-queue"
    with _explained(folder):
        folder.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".new-", dir=folder)
        fcntl.flock(handle, fcntl.LOCK_EX)
        ticket = folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        os.rename(name, ticket)  # appears only when locked: nobody can take it for a dead one
    return ticket, handle


def take_slot(ticket: Path, each_turn: Callable[[int], None], count: int = 1) -> str:
    """Wait until it is this ticket's turn and slots are free; hold them until this process ends.

    The first in the queue keeps each slot that becomes free until it has enough, so that a job of several GPUs is not
    passed over for ever; nobody waits for two things at once, so nobody waits in vain.

    Parameters
    ----------
    ticket
        Of `take_ticket`.
    each_turn
        Called at every look with the number of jobs ahead; may raise to give up.
    count
        How many slots.

    Returns
    -------
    The slots' names with commas. Of GPUs, this process sees only these from now on.

    Raises
    ------
    UserError
        The queue cannot be used, or there are fewer slots.
    """
    kind = ticket.parent.name.removesuffix("-queue")
    _check_count(kind, count)
    taken: list[str] = []
    while True:
        with _explained(ticket.parent):
            ahead = _living_before(ticket)
        each_turn(len(ahead))
        if not ahead:
            for slot in slot_names(kind):
                if slot not in taken and len(taken) < count and _try_slot(slot):
                    taken.append(slot)
            if len(taken) == count:
                ticket.unlink(missing_ok=True)
                if kind == "gpu":
                    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(slot.removeprefix("gpu") for slot in taken)
                return ", ".join(taken)
        time.sleep(POLL)


def _check_count(kind: str, count: int) -> None:
    found = len(slot_names(kind))
    if count > found:
        what = "GPU" if kind == "gpu" else "CPU slot"
        raise UserError(
            f"{count} {what}s are asked for and there {'is' if found == 1 else 'are'} {found}: ask for fewer."
        )


def _private_folder() -> Path:
    # Not XDG_RUNTIME_DIR: it is deleted when its owner logs out, and jobs outlive that.
    return Path(tempfile.gettempdir()) / f"tomodeck-{os.getuid()}"


def _check_private(path: Path) -> None:
    # Anybody may make a folder or a link of this name in /tmp before this user does.
    found = path.lstat()
    writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not writable:
        return
    raise UserError(
        f"{path} is not a private folder of yours (a link, another user's, or writable for others): "
        "set TOMODECK_SLOTS to a folder that only you can write to."
    )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        sentence = os_error_sentence(error, path, "use").rstrip(".")
        raise UserError(f"{sentence}; it holds the queue of jobs, and TOMODECK_SLOTS sets another folder.") from error


def _try_slot(slot: str) -> bool:
    path = slots_folder() / f"{slot.replace('/', '_')}.lock"  # the UUID of a part of a GPU may hold slashes
    with _explained(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if _try_lock(handle):
        return True
    os.close(handle)
    return False


def _living_before(ticket: Path) -> list[Path]:
    ahead = []
    try:
        names = sorted(os.listdir(ticket.parent))
    except FileNotFoundError:
        return []  # a runtime folder goes when its user logs out; the queue goes on without its order
    for other in (ticket.parent / n for n in names if not n.startswith(".") and n < ticket.name):
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
