"""STAR files: blocks read with `starfile`, problems found before it pads or drops anything, text to write.

What the columns mean is in the files of the formats. A loop of which a line has too few values is filled up by
`starfile` without a word, and one with too many fails without a line of the file: lines are counted here first.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import starfile

from engine.errors import UserError, explain_os_errors, quoted
from engine.objects.formats.format import Head, head_of

CLASS_NAME = "tomodeckClassName"
TEXT_LABELS = [
    "rlnTomoName", "rlnMicrographName", "rlnTomoParticleName", "rlnOpticsGroupName", "rlnImageName", "rlnCtfImage",
    "rlnTomoTiltSeriesName", "halfset", CLASS_NAME,
]  # fmt: skip
"""Read as text whatever they look like: a tomogram may be called 007."""
_VALUE = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s#]\S*|#.*")
_RESERVED_STARTS = ("_", ";", "data_", "loop_")
_RESERVED_NAMES = ("nan", "NaN", "<NA>")
_SMALL, _LARGE = 1e-2, 1e9
"""Beyond these, six digits after the point are too few or the numbers too long."""


@dataclass(frozen=True)
class StarTable:
    """One block of a file.

    Attributes
    ----------
    path, name
        The file, and the block's name without `data_`.
    rows
        Its values by label.
    lines
        [n] the line of the file that each row stands in.
    """

    path: Path
    name: str
    rows: pd.DataFrame
    lines: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def has(self, labels: Sequence[str]) -> bool:
        """Whether all of these columns are there."""
        return set(labels) <= set(self.rows.columns)

    def require(self, labels: Sequence[str], what: str) -> None:
        """Refuse a block that lacks a column; `what` says which list it would be and what is needed instead.

        Raises
        ------
        UserError
            The first missing column.
        """
        missing = [label for label in labels if label not in self.rows]
        if missing:
            raise UserError(f"{self.path} has no column {missing[0]}: {what}.")

    def numbers(self, labels: Sequence[str]) -> np.ndarray:
        """Columns as [n, len(labels)] float64.

        Raises
        ------
        UserError
            Text where a number belongs, with its line and column.
        """
        columns = []
        for label in labels:
            given = self.rows[label]
            values = pd.to_numeric(given, errors="coerce")
            bad = (values.isna() & given.notna()).to_numpy()
            if bad.any():
                row = int(np.argmax(bad))
                raise UserError(
                    f"{self.path}, line {self.lines[row]}: {label} = {quoted(given.iloc[row])} is not a number, mend "
                    "or remove that line."
                )
            columns.append(values.to_numpy(dtype=np.float64, na_value=np.nan))
        return np.stack(columns, axis=1) if columns else np.zeros((len(self), 0))

    def text(self, label: str) -> "pd.Series[str]":
        """A column as text."""
        return self.rows[label].astype("str")


@dataclass
class _Scanned:
    """A block as it stands in the file: its labels and the lines of its rows."""

    labels: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def read_blocks(path: str | Path) -> dict[str, StarTable]:
    """All blocks of a STAR file by name (without `data_`).

    Raises
    ------
    UserError
        No such file, not a STAR file, a line with too few or too many values, a label given twice.
    """
    path = Path(path)
    head = head_of(path)
    # A list says what it is at once: a huge file of something else is not read at all.
    if not re.search(rb"(?m)^\s*data_", head.raw) or b"\0" in head.raw:
        raise UserError(f"{path} is not a STAR file: no line at its beginning starts with data_.")
    with explain_os_errors(path, "read"):
        raw = path.read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a text file: byte {error.start} is not UTF-8.") from error
    scanned = _scan(path, text)
    try:
        with explain_os_errors(path, "read"):
            found: dict[str, Any] = starfile.read(path, always_dict=True, parse_as_string=TEXT_LABELS)
    except UserError:
        raise
    except Exception as error:  # starfile raises many kinds for files that are no STAR
        said = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path} is not a STAR file that can be read ({said}).") from error
    blocks = {}
    for name, block in found.items():
        rows = pd.DataFrame([block]) if isinstance(block, dict) else block
        for label in set(TEXT_LABELS) & set(rows.columns):
            rows[label] = rows[label].astype("object").where(rows[label].notna(), "nan").astype("str")
        lines = scanned[name].lines if not isinstance(block, dict) else [1]
        if len(lines) != len(rows):
            raise UserError(
                f"{path} has {len(lines)} lines in block data_{name} of which {len(rows)} can be read as rows: look "
                "for quotes that are not closed."
            )
        blocks[name] = StarTable(path, name, rows, np.array(lines, dtype=np.int64))
    if not blocks:
        raise UserError(f"{path} is a STAR file without any values.")
    return blocks


def block_of(blocks: Mapping[str, StarTable], *names: str) -> StarTable:
    """The first block of one of these names, or the only one that is there.

    Raises
    ------
    UserError
        None of them.
    """
    for name in names:
        if name in blocks:
            return blocks[name]
    first = next(iter(blocks.values()))
    if len(blocks) == 1:
        return first
    raise UserError(f"{first.path} has no block data_{names[0]}: it holds {', '.join(blocks)}.")


@dataclass(frozen=True)
class Loop:
    """A table as the lines of a STAR loop, to be written whole or in parts."""

    labels: tuple[str, ...]
    lines: tuple[str, ...]

    @classmethod
    def of(cls, table: pd.DataFrame) -> "Loop":
        """The lines of a table."""
        cells = (_cells(table[label]) for label in table.columns)
        return cls(tuple(table.columns), tuple(map("\t".join, zip(*cells, strict=True))))

    def where(self, chosen: np.ndarray) -> "Loop":
        """Only the lines that are chosen, bool `[n]`."""
        return Loop(self.labels, tuple(compress(self.lines, chosen.tolist())))


def star_text(blocks: Mapping[str, pd.DataFrame | Loop], version: str) -> str:
    """The text of a STAR file: the same tables always give the same text.

    Parameters
    ----------
    blocks
        Tables, or the lines of one, by name; one row is written as a loop too.
    version
        RELION's number of the kind of file: 30001 or 50001.
    """
    lines = ["", f"# version {version}"]
    for name, block in blocks.items():
        loop = block if isinstance(block, Loop) else Loop.of(block)
        lines += ["", f"data_{name}", "", "loop_"]
        lines += [f"_{label} #{number}" for number, label in enumerate(loop.labels, 1)]
        lines += [*loop.lines, ""]
    return "\n".join([*lines, ""])


def refuse_bad_names(names: Sequence[str]) -> None:
    """STAR has no way to write some names; others read back as something else.

    Raises
    ------
    UserError
        The first such name.
    """
    for name in names:
        unwritable = not name or any(c in "\"'#" or not c.isprintable() for c in name)
        if unwritable or name.startswith(_RESERVED_STARTS) or name in _RESERVED_NAMES:
            raise UserError(
                f"The name {name!r} cannot be written to a STAR file: rename it "
                "(not empty, no quotes, no #, none of STAR's own words)."
            )


def labels_of(head: Head) -> set[str]:
    """All labels (without _) and block names (with data_) in a file's beginning; empty where it is no STAR."""
    found = re.findall(r"(?m)^\s*(data_\S*|_[A-Za-z]\w*)", head.text) if b"\0" not in head.raw else []
    return {word.removeprefix("_") for word in found} if any(word.startswith("data_") for word in found) else set()


def _scan(path: Path, text: str) -> dict[str, _Scanned]:
    """Labels and lines of each block, every row checked for the number of its values."""
    blocks: dict[str, _Scanned] = {}
    block = _Scanned()
    name, state = "", "between"
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line[0] == "#":
            continue
        if line.startswith("data_"):
            name, state, block = line[5:], "between", _Scanned()
            if name in blocks:
                raise UserError(f"{path}, line {number}: the block data_{name} stands in it twice, rename one of them.")
            blocks[name] = block
        elif state == "between" and line.startswith("loop_"):
            state = "labels"
        elif state == "labels" and line[0] == "_":
            label = line.split()[0][1:]
            if label in block.labels:
                raise UserError(f"{path}, line {number}: the column {label} stands in data_{name} twice, remove one.")
            block.labels.append(label)
        elif state in ("labels", "rows"):
            state = "rows"
            count = len(line.split()) if not any(c in line for c in "\"'#") else _values(line)
            if count != len(block.labels):
                raise UserError(
                    f"{path}, line {number}: {count} values where the loop of data_{name} has {len(block.labels)} "
                    "columns, mend or remove that line."
                )
            block.lines.append(number)
    return blocks


def _values(line: str) -> int:
    return sum(not value.startswith("#") for value in _VALUE.findall(line))


def _cells(column: pd.Series) -> list[str]:
    """A column as it is written.

    Numbers have six digits after the point, or nine digits where those do not hold them. Here and not through starfile,
    which asks every cell anew whether it needs quotes and takes twenty times as long.
    """
    if pd.api.types.is_float_dtype(column):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        size = np.abs(values[np.isfinite(values) & (values != 0)])
        digits = "%.9g" if len(size) and (size.min() < _SMALL or size.max() > _LARGE) else "%.6f"
        return [digits % value for value in values.tolist()]
    if pd.api.types.is_integer_dtype(column):
        return list(map(str, column.tolist()))
    return list(map(_cell, column.to_numpy(dtype=object).tolist()))  # a list from Arrow's text takes five times as long


def _cell(value: object) -> str:
    cell = str(value) if isinstance(value, str) or not pd.isna(value) else "nan"  # type: ignore[call-overload]
    return cell if cell.split() == [cell] else f'"{cell}"'
