"""What every exchange format says of itself; the formats are files beside this one, `registry` lists them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from engine.errors import explain_os_errors
from engine.objects.formats.options import NoOptions
from engine.objects.table import ObjectTable, TomogramGeometry

HEAD_BYTES = 65_536

Carried = Literal[
    "orientations",
    "classes",
    "one class",
    "scores",
    "sizes",
    "ids",
    "fractions",
    "several tomograms",
    "further columns",
]
"""What a format may hold besides positions.

"fractions" = positions between voxel centres; "one class" = a file says the class of all its objects.
"""


@dataclass(frozen=True)
class Head:
    """What a file's format is told by.

    Attributes
    ----------
    path
        The file; its ending alone never decides.
    raw
        Its first bytes.
    """

    path: Path
    raw: bytes

    @property
    def text(self) -> str:
        """The first bytes as text; what is not UTF-8 is replaced."""
        return self.raw.decode("utf-8", errors="replace")

    @property
    def suffix(self) -> str:
        """The ending, in small letters, with the dot."""
        return self.path.suffix.lower()


def head_of(path: str | Path) -> Head:
    """The beginning of a file.

    Raises
    ------
    UserError
        No such file, no permission, a folder.
    """
    with explain_os_errors(path, "read"), Path(path).open("rb") as file:
        return Head(Path(path), file.read(HEAD_BYTES))


@dataclass(frozen=True)
class Format:
    """One exchange format.

    Attributes
    ----------
    name
        Of command lines.
    title
        What a person calls it.
    suffixes
        Endings of its files with the dot; the first is what is written.
    carries
        What it holds besides positions.
    unit, origin, orientation
        Its conventions, one sentence each, for dialogs; no orientation is "".
    recognised
        How much a file's beginning looks like it: 0 not at all, 1 perhaps, 2 likely, 3 surely.
    read
        (file, geometry by tomogram name, options) → table. Names in the list are matched with those given
        (`tomogram_names`); a tomogram that is not among them keeps the list's own name and has no geometry, unless the
        format's units need it: then a UserError says so.
    write
        (table, file, options): writes whole or not at all.
    reading, writing
        Models of the options; every field has a default, a title and a description.
    beside
        (table, file, options) → further files that the next program needs, {file name: text}.
    keeps
        Which further columns, by name, it writes though it has no room for all ("further columns" in `carries`).
    file_name
        What its files are usually called, without ending; {table} stands for the table's name.
    how_to_import
        Some lines on how the next program takes it, with {file} where the file's name stands.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    carries: frozenset[Carried]
    unit: str
    origin: str
    orientation: str
    recognised: Callable[[Head], int]
    read: Callable[[Path, Mapping[str, TomogramGeometry], Any], ObjectTable]
    write: Callable[[ObjectTable, Path, Any], None]
    reading: type[BaseModel] = NoOptions
    writing: type[BaseModel] = NoOptions
    beside: Callable[[ObjectTable, Path, Any], dict[str, str]] | None = None
    keeps: Callable[[str], bool] = lambda column: False
    file_name: str = "{table}"
    how_to_import: str = ""

    @property
    def suffix(self) -> str:
        """The ending of what is written."""
        return self.suffixes[0]
