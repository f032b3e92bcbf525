"""Writing a file so that nobody ever sees half of it: under a temporary name first, renamed when whole."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import explain_os_errors

UNFINISHED_SUFFIX = ".part"


@contextmanager
def replaced_when_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` at the end, remove it on any exception.

    The temporary name starts with a dot and ends in ".part", so that no listing takes it for a result.

    Raises
    ------
    UserError
        The finished file cannot be renamed.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{UNFINISHED_SUFFIX}")
    try:
        yield temporary
        with explain_os_errors(path, "write"):
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text_whole(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file (UTF-8) so that it is there whole or not at all.

    Raises
    ------
    UserError
        Missing folder, no permission, full disk.
    """
    with replaced_when_whole(path) as temporary, explain_os_errors(path, "write"):
        temporary.write_text(text, encoding="utf-8")


def reserve(path: Path, size: int) -> None:
    """Create a file of `size` bytes with all its space taken on the disk.

    A memory map of a file with holes kills the process (SIGBUS) when the disk fills up while it is written;
    with the space taken first, a full disk is an ordinary error.

    Raises
    ------
    OSError
        No space or quota left, no permission.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        os.posix_fallocate(descriptor, 0, size)
    finally:
        os.close(descriptor)
