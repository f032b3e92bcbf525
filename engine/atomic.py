"""Replace a file whole or not at all.

Every small file of a project (settings, status, tables) is written here: to a temporary name in the same folder, then
renamed. A reader sees the old file or the new one, never half of one; a full disk leaves the old one untouched.
"""

import errno
import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import UserError, explain_os_errors, os_error_sentence


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends well, remove it when not.

    Raises
    ------
    UserError
        The folder is missing, read-only or full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    with explain_os_errors(path, "write"):
        # Unlike tempfile's, the file has the permissions that any new file of this person has.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        # Not every error of the block is about this file: only what its disk or its folder refuses is.
        about_it = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
        if about_it or error.filename in (str(temporary), temporary):
            raise UserError(os_error_sentence(error, path, "write")) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path`, whole or not at all. Raises UserError as `replacing` does."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` while the block runs, waiting for other processes that hold it.

    The system drops the lock when the process ends, however it ends, so that nobody has to clean up. The folder must
    exist: a project that was deleted must not come back as an empty folder.
    """
    with explain_os_errors(path, "lock"):
        handle = path.open("w")
        fcntl.flock(handle, fcntl.LOCK_EX)
    with handle:
        yield
