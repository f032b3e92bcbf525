"""Text files of numbers in columns without a header: read with a word about the line where one is wrong."""

import csv
import io
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv

from engine.atomic import replacing
from engine.errors import UserError, explain_os_errors
from engine.objects.formats.format import Head, head_of
from engine.objects.formats.notes import note

_COMPLEX = r"[-+0-9.eE]+[-+][0-9.eE+-]*i"


def read_text(path: str | Path) -> str:
    """A text file whole.

    Raises
    ------
    UserError
        It cannot be read, is empty, or is not UTF-8 text.
    """
    head = head_of(path).raw  # a huge file of something else is not read at all
    if not head:
        raise UserError(f"{path} is empty (0 bytes): copy it again.")
    if b"\x00" in head:
        raise UserError(f"{path} is not a text file: it holds zero bytes; choose its format.")
    with explain_os_errors(path, "read"):
        raw = Path(path).read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a text file: byte {error.start} is not UTF-8.") from error


def read_columns(
    path: str | Path, widths: Collection[int], what: str, text: Sequence[int] = (), complex_from: int | None = None
) -> pd.DataFrame:
    """Columns separated by blanks or commas, one object per line; empty lines and those from # on are passed over.

    Parameters
    ----------
    path
        The file.
    widths
        Allowed numbers of columns; all lines must have the same.
    what
        What the file should be, for messages.
    text
        Columns (from 0) that stay text; all others are numbers.
    complex_from
        Columns from this one may hold complex numbers, which MATLAB's programs leave; they become NaN, with a note.

    Returns
    -------
    pandas.DataFrame
        Columns 0 … n − 1; the index is the line in the file.

    Raises
    ------
    UserError
        A line with another number of columns, or text where a number belongs, named by line and column.
    """
    lines = read_text(path).split("\n")
    if any("#" in line for line in lines):
        lines = [line.split("#", 1)[0] for line in lines]
    if any("," in line for line in lines):
        lines = [line.replace(",", " ") for line in lines]
    counts = [len(line.split()) for line in lines]
    kept = [number for number, count in enumerate(counts, 1) if count]
    width = counts[kept[0] - 1] if kept else min(widths)
    for number in kept:
        count = counts[number - 1]
        if count not in widths:
            raise UserError(
                f"{path}, line {number} has {count} columns: it is not {what}, which has {_listed(widths)}."
            )
        if count != width:
            raise UserError(
                f"{path}, line {number} has {count} columns where the lines before have {width}: mend that line."
            )
    if not kept:
        return pd.DataFrame(
            {column: pd.Series(dtype="str" if column in text else "float64") for column in range(width)}
        )
    kinds = {column: "str" if column in text else "float64" for column in range(width)}
    try:
        frame = pd.read_csv(
            io.StringIO("\n".join(lines[number - 1] for number in kept)), sep=r"\s+", header=None, names=range(width),
            dtype=kinds, na_values=[] if text else ["nan", "NaN", "NAN"], keep_default_na=False,
            quoting=csv.QUOTE_NONE, float_precision="round_trip",
        )  # fmt: skip
    except ValueError:
        words = [lines[number - 1].split() for number in kept]
        frame = pd.DataFrame(words, columns=range(width), index=kept, dtype=object)
        for column in sorted(set(range(width)) - set(text)):
            if complex_from is not None and column >= complex_from:
                unreadable = frame[column].str.fullmatch(_COMPLEX)
                if unreadable.any():
                    note(
                        f"{path} has {int(unreadable.sum())} complex numbers in column {column + 1}: they are left out."
                    )
                frame[column] = frame[column].where(~unreadable, "nan")
            frame[column] = numbers(path, frame[column], f"column {column + 1}", "line")
    frame.index = pd.Index(kept)
    return frame


def write_columns(path: str | Path, frame: pd.DataFrame) -> None:
    """Write columns separated by blanks without a header; Arrow is ten times faster at it than pandas.

    Parameters
    ----------
    path
        Replaced if it exists; of no rows one empty line is written, since a file of no bytes is what a failed copy
        leaves.
    frame
        Numbers, and text without blanks.

    Raises
    ------
    UserError
        Full disk, missing folder, no permission.
    """
    content = io.BytesIO()
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    options = arrow_csv.WriteOptions(include_header=False, delimiter=" ", quoting_style="none")
    arrow_csv.write_csv(arrow, content, options)
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(content.getvalue() or b"\n")


def numbers(path: str | Path, values: pd.Series, column: str, row: str = "row") -> np.ndarray:
    """A column as floating point; NaN where the text says so.

    Parameters
    ----------
    path
        The file, for the message.
    values
        Text; the index says the line or row.
    column
        What the column is called, for the message.
    row
        What the index counts: "line" or "row".

    Raises
    ------
    UserError
        Text that is no number, named by line and column.
    """
    found = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)
    bad = np.isnan(found) & ~values.astype("str").str.lower().isin(["nan", "+nan", "-nan"]).to_numpy()
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        more = f" (and {int(bad.sum()) - 1} more)" if bad.sum() > 1 else ""
        raise UserError(
            f"{path}, {row} {values.index[first]}, {column}: {str(values.iloc[first])[:40]!r} is not a number{more}."
        )
    return found


def first_lines(head: Head) -> list[list[str]]:
    """The words of the whole lines in a file's beginning that are neither empty nor comments; none if it is no text."""
    if b"\x00" in head.raw:
        return []
    lines = head.text.lstrip("\ufeff").split("\n")
    whole = lines if len(head.raw) < 65_536 else lines[:-1]
    return [words for line in whole if (words := line.split("#", 1)[0].replace(",", " ").split())]


def all_numbers(words: Sequence[str]) -> bool:
    """Whether each word is a number."""
    try:
        for word in words:
            float(word)
    except ValueError:
        return False
    return True


def _listed(widths: Collection[int]) -> str:
    ordered = sorted(widths)
    if len(ordered) > 3:
        return f"{ordered[0]} to {ordered[-1]}"
    return " or ".join(str(width) for width in ordered)
