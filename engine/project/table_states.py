"""The saved states of one object table: what undo goes back to, in files, so that it works across sessions."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from engine.atomic import replacing, write_text
from engine.errors import explain_os_errors
from engine.project.table_packing import packed
from engine.remembered import Remembered

KEPT_STATES = 60
"""Older states are dropped: at 100,000 rows these are about 60 × 3 MB."""

ENDING = ".csv.zst"
ENDINGS = {ENDING: "zstd", ".csv.gz": "gzip"}
"""Of the files, with their compression; the first is what is written, the other what earlier versions wrote."""


@dataclass(frozen=True)
class History:
    """Which saved states a table has: `position` is the one that the file holds now, of `states` in order."""

    states: tuple[int, ...]
    position: int

    @property
    def can_undo(self) -> bool:
        """Whether an older state is kept."""
        return bool(self.states) and self.position > self.states[0]

    @property
    def can_redo(self) -> bool:
        """Whether undo went back from a newer state."""
        return bool(self.states) and self.position < self.states[-1]


class TableStates:
    """The states of one table, numbered, each a compressed copy of its file; `position` says which is the present."""

    def __init__(self, folder: Path):
        self.folder = folder

    def history(self) -> History:
        """Which there are."""
        found = (p for ending in ENDINGS for p in self.folder.glob(f"[0-9]*{ending}"))
        states = tuple(sorted(int(p.name.split(".")[0]) for p in found))
        try:
            position = int((self.folder / "position").read_text())
        except (OSError, ValueError):
            position = states[-1] if states else 0
        return History(states, position)

    def content(self, state: int) -> bytes:
        """The bytes of a state.

        Raises
        ------
        UserError
            It cannot be read.
        """
        path, compression = self._file(state)
        with explain_os_errors(path, "read"):
            return _unpacked(path, compression)

    def fingerprint(self, state: int) -> str:
        """The fingerprint of the bytes of a state."""
        path, _ = self._file(state)
        with explain_os_errors(path, "read"):
            return _fingerprints.of(path)

    def description(self, state: int) -> str | None:
        """The `.yaml` that stood beside the table then, with the sizes of its tomograms; None where none was kept."""
        try:
            return (self.folder / f"{state}.yaml").read_text(encoding="utf-8")
        except OSError:
            return None

    def add(self, content: bytes, description: str, fingerprint: str | None = None) -> int:
        """Keep `content` as the state after the present one; a new edit after undo begins a new future.

        Parameters
        ----------
        content, description
            Of the table's file and of the `.yaml` beside it.
        fingerprint
            Of `content`, where it is known already.
        """
        with explain_os_errors(self.folder, "create"):
            self.folder.mkdir(parents=True, exist_ok=True)
        history = self.history()
        for state in history.states:
            if state > history.position:
                self.drop(state)
        number = history.position + 1
        with replacing(self.folder / f"{number}{ENDING}") as temporary:
            temporary.write_bytes(packed(content, self.folder))
        _fingerprints.keep(self.folder / f"{number}{ENDING}", fingerprint or fingerprint_of(content))
        write_text(self.folder / f"{number}.yaml", description)
        for state in history.states[: -KEPT_STATES + 1]:
            self.drop(state)
        return number

    def remember_changes_from_outside(self, path: Path) -> None:
        """Make what another program wrote to the table's file a state of its own, so that nothing can lose it."""
        if not path.is_file():
            return
        state, _ = self._file(self.history().position)
        if not state.is_file() or _fingerprints.of(state) != fingerprint(path):
            content = path.read_bytes()
            beside = path.with_suffix(".yaml")
            text = beside.read_text(encoding="utf-8") if beside.is_file() else ""
            self.set_position(self.add(content, text))

    def drop(self, state: int) -> None:
        """Forget a state."""
        self._file(state)[0].unlink(missing_ok=True)
        (self.folder / f"{state}.yaml").unlink(missing_ok=True)

    def set_position(self, state: int) -> None:
        """Which state the table's file holds from now on."""
        write_text(self.folder / "position", str(state))

    def _file(self, state: int) -> tuple[Path, str]:
        candidates = [(self.folder / f"{state}{ending}", compression) for ending, compression in ENDINGS.items()]
        return next((found for found in candidates if found[0].is_file()), candidates[0])


def fingerprint(path: Path) -> str:
    """What tells the bytes of a table's file from others."""
    with explain_os_errors(path, "read"):
        return _table_fingerprints.of(path)


def write_with_fingerprint(path: Path, content: bytes, known: str) -> None:
    """Replace a table's file; its fingerprint is `known`, so it need not be read again for it."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)
        status = temporary.stat()
    _table_fingerprints.keep(path, known, status)


def fingerprint_of(content: bytes) -> str:
    """The fingerprint of a file that holds `content`."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()[:16]


def _unpacked(path: Path, compression: str) -> bytes:
    with path.open("rb") as file:
        return bytes(pa.CompressedInputStream(file, compression).read())


def _fingerprint_of_state(path: Path) -> str:
    compression = next(c for ending, c in ENDINGS.items() if path.name.endswith(ending))
    return fingerprint_of(_unpacked(path, compression))


_table_fingerprints = Remembered(lambda path: fingerprint_of(path.read_bytes()))
_fingerprints = Remembered(_fingerprint_of_state)
