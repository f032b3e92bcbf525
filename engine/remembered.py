"""What was read from files, kept while each file stays the same: pages ask at every drawing, files seldom change."""

import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """Values made of files, made anew when inode, modification time or size of a file has changed.

    Parameters
    ----------
    make
        Reads a file. What it raises is raised to the caller and not kept; what it returns must not be changed.
    most
        So many files are remembered, those asked for last.
    """

    def __init__(self, make: Callable[[Path], Value], most: int = 4096):
        self._make = make
        self._most = most
        self._known: OrderedDict[Path, tuple[tuple[int, int, int], Value]] = OrderedDict()
        self._lock = Lock()

    def of(self, path: Path) -> Value:
        """The value of the file `path`. Raises OSError where there is none, and what `make` raises."""
        status = path.stat()
        identity = (status.st_ino, status.st_mtime_ns, status.st_size)
        with self._lock:
            known = self._known.get(path)
        if known is not None and known[0] == identity:
            return known[1]
        value = self._make(path)
        self._remember(path, identity, value)
        return value

    def keep(self, path: Path, value: Value, status: os.stat_result | None = None) -> None:
        """Remember `value` of a file that was written just now, so that it need not be read for it.

        `status` is the file's, where it was taken before the file got this name: someone may have replaced it since.
        """
        status = status or path.stat()
        self._remember(path, (status.st_ino, status.st_mtime_ns, status.st_size), value)

    def _remember(self, path: Path, identity: tuple[int, int, int], value: Value) -> None:
        with self._lock:
            self._known[path] = (identity, value)
            self._known.move_to_end(path)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
