"""What a reader or writer has to say without stopping: odd angles, guessed units, things left out.

Formats call `note`; whoever asked for the list (a dialog, the command line) opens `collected` around the call and shows
the sentences. Errors are not notes: what cannot be read is a `UserError`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from engine.errors import LONGEST_SENTENCE, shortened

_open: ContextVar[list[str] | None] = ContextVar("notes", default=None)


def note(sentence: str) -> None:
    """Leave a sentence for whoever collects; without a collector nothing happens. The same one is kept once."""
    notes = _open.get()
    sentence = shortened(sentence, LONGEST_SENTENCE)
    if notes is not None and sentence not in notes:
        notes.append(sentence)


@contextmanager
def collected() -> Iterator[list[str]]:
    """A list that fills with the notes of the block; a collector within another one keeps its notes to itself."""
    notes: list[str] = []
    token = _open.set(notes)
    try:
        yield notes
    finally:
        _open.reset(token)
