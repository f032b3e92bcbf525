"""What the commands about lists of objects share: which objects are meant, and how sizes of tomograms are given."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.errors import UserError

if TYPE_CHECKING:
    from engine.objects.review import Which

WHICH: "dict[str, Which]" = {"all": "all", "not-rejected": "not rejected", "accepted": "accepted"}
"""The objects that are written, by the word of `--verdicts`."""


def which_verdicts(text: str) -> "Which":
    """The objects that `--verdicts` means.

    Raises
    ------
    UserError
        None of the words there are.
    """
    if text not in WHICH:
        raise UserError(f"--verdicts {text!r} is not known: choose one of {', '.join(WHICH)}.")
    return WHICH[text]


@contextmanager
def sizes_by_option() -> "Iterator[None]":
    """Say of a tomogram whose size is not known how the command line is given it."""
    from engine.objects.table import UnknownTomogram

    try:
        yield
    except UnknownTomogram as error:
        way_out = "give its size with --tomograms NAME=X,Y,Z@VOXEL_SIZE, a tomograms.star or a folder of tomograms"
        raise error.by(f"{way_out}, or name the project that has it with --project") from error
