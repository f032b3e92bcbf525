"""Tables as text: which separator, whether there is a header, the cells. What the columns mean is elsewhere."""

import csv
import io
from pathlib import Path

import pandas as pd

from engine.errors import UserError
from engine.objects.formats.number_lines import all_numbers, read_text

_DECIMAL_COMMA = r"\s*[-+]?\d*(,\d+)?\s*"
"""Spreadsheets in much of Europe write 1,5; they separate columns by semicolons."""


def guess_separator(text: str) -> str:
    """The separator of a table: of comma, semicolon and tab the most frequent in the first line; blanks if none is."""
    line = next((line for line in text.lstrip("\ufeff").split("\n") if line.strip() and line[0] != "#"), "")
    counts = {mark: line.count(mark) for mark in (",", ";", "\t")}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else " "


def has_header(text: str, separator: str) -> bool:
    """Whether the first line names columns: it has a word that is no number."""
    line = next((line for line in text.lstrip("\ufeff").split("\n") if line.strip() and line[0] != "#"), "")
    words = line.split() if separator == " " else next(csv.reader([line.rstrip("\r")], delimiter=separator), [])
    return not all_numbers([word for word in words if word.strip()])


def columns_of_text(path: str | Path, separator: str = "", most: int | None = None) -> pd.DataFrame:
    """A table of text cells; the index is the row, counted from 1 after the header.

    Parameters
    ----------
    path
        The file. Lines that begin with # are passed over.
    separator
        "," ";" tab or " " (any number of blanks); "" guesses.
    most
        Rows to read; None = all.

    Returns
    -------
    pandas.DataFrame
        Columns named as in the header; without one "column 1", "column 2" …; repeated names get a number.

    Raises
    ------
    UserError
        No text, a row of another length than the header (named), nothing in it.
    """
    text = read_text(path)
    separator = separator or guess_separator(text)
    header = has_header(text, separator)
    lines = text.split("\n")
    while lines and (not lines[0].strip() or lines[0].startswith("#")):
        lines.pop(0)
    if not lines:
        raise UserError(f"{path} has no columns: it holds nothing but empty lines and comments.")
    if separator == " ":
        rows = [line.split("#", 1)[0].split() for line in lines]
    else:
        try:
            rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=separator))
        except csv.Error as error:
            raise UserError(f"{path} is not a table: {error}.") from error
    names = rows[0] if header else [f"column {number}" for number in range(1, len(rows[0]) + 1)]
    names = _distinct(names)
    cells = [row for row in rows[1 if header else 0 :] if row][:most]
    for number, row in enumerate(cells, 1):
        if len(row) != len(names):
            raise UserError(
                f"{path}, row {number} has {len(row)} columns where the {'header' if header else 'first row'} has "
                f"{len(names)}: mend that row."
            )
    frame = pd.DataFrame(cells, columns=names, index=pd.RangeIndex(1, len(cells) + 1), dtype="str")
    if separator == ";":
        for name in frame.columns:
            if frame[name].str.fullmatch(_DECIMAL_COMMA).all():
                frame[name] = frame[name].str.replace(",", ".")
    return frame


def _distinct(names: list[str]) -> list[str]:
    found: list[str] = []
    for number, name in enumerate(names, 1):
        name = name.strip() or f"column {number}"
        found.append(name if name not in found else f"{name} {number}")
    return found
