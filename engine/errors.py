"""The one kind of error that a person can mend.

Lives on the ground floor: every other part of the engine may raise it, and page, job and command line show its
sentence as it stands (no traceback; exit status 2). Anything else that escapes is a bug.
"""

import errno
import os
import reprlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LONGEST_SENTENCE = 1200
"""Characters of a message: a sentence that quotes a file must not be as long as the file."""
LONGEST_VALUE = 80
_BEGINNING = 900
_brief = reprlib.Repr()
_brief.maxlevel, _brief.maxstring, _brief.maxother, _brief.maxlong = 3, LONGEST_VALUE, LONGEST_VALUE, LONGEST_VALUE


class UserError(ValueError):
    """One sentence that names the thing, the value and the way out; the middle of one that is too long is left out."""

    def __init__(self, sentence: str):
        super().__init__(shortened(sentence, LONGEST_SENTENCE, _BEGINNING))


def shortened(text: str, most: int = LONGEST_VALUE, beginning: int = 0) -> str:
    """A text of at most `most` characters: what is too long loses its middle, after `beginning` characters."""
    if len(text) <= most:
        return text
    beginning = beginning or most * 2 // 3
    return f"{text[:beginning]} … {text[len(text) - (most - beginning - 3) :]}"


def quoted(value: Any) -> str:
    """A value out of a file as a message shows it, as `repr` but short.

    `repr` itself must not be used on what a file holds: 300 bytes of YAML can stand for gigabytes of text.
    """
    return shortened(_brief.repr(value), 2 * LONGEST_VALUE)


def free_space(path: Path) -> int:
    """Bytes free on the disk that holds `path` or, while it does not exist yet, its nearest existing parent."""
    place = Path(path).absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


@contextmanager
def explain_os_errors(path: str | os.PathLike[str], doing: str) -> Iterator[None]:
    """Turn what the system refuses while `doing` something with `path` into a `UserError`.

    Parameters
    ----------
    path
        The file or folder concerned.
    doing
        The verb for the sentence: "read", "write", "create" …

    Raises
    ------
    UserError
        Full disk or quota, missing file or folder, no permission, a folder where a file belongs.
    """
    try:
        yield
    except OSError as error:
        raise UserError(os_error_sentence(error, Path(path), doing)) from error


def os_error_sentence(error: OSError, path: Path, doing: str) -> str:
    """The sentence for what the system refused; see `explain_os_errors`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = free_space(path) / 1e6
        return (
            f"Cannot {doing} {path}: the disk or quota is full ({free:.1f} MB free). "
            "Free some space there, then run this again."
        )
    if error.errno == errno.ENOENT:
        return f"Cannot {doing} {path}: no such file or folder. Check the path."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"Cannot {doing} {path}: permission denied. Change its permissions or choose another place."
    if error.errno == errno.EISDIR:
        return f"Cannot {doing} {path}: it is a folder, not a file."
    if error.errno == errno.ENOTDIR:
        return f"Cannot {doing} {path}: a part of the path is a file, not a folder."
    return f"Cannot {doing} {path}: {error.strerror or error}."
