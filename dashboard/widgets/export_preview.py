"""What an export will write, shown before it is written: the beginning of the file, and what the writer has to say."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.widgets.format_words import said
from dashboard.widgets.numbers import plural, size
from dashboard.widgets.spoken import spoken
from engine.errors import UserError
from engine.objects import ObjectTable
from engine.objects.formats import Format, export, further_files, writing_options
from engine.objects.formats.notes import collected

PREVIEW_ROWS = 3
MOST_ROWS = 10_000
"""So many objects are written to look at the file; for all of a large table it would take half a minute."""
SHOWN_CHARACTERS = 3000


@dataclass(frozen=True)
class Written:
    """What a format makes of a table.

    Attributes
    ----------
    text
        The list itself, or a sentence where it is not text.
    beside
        Further files by name.
    notes
        What the writer has to say.
    """

    text: str
    beside: dict[str, str]
    notes: list[str]


def preview(table: ObjectTable, chosen: Format, values: dict[str, Any], file_name: str, labels: dict[str, int]) -> bool:
    """The beginning of the file as it will be written, and what the writer says; whether it can be written."""
    try:
        written = _remembered(table, chosen, values, Path(file_name).stem or "objects", labels)
    except UserError as error:
        st.error(said(error, chosen), icon=":material/error:")
        return False
    for sentence in written.notes:
        st.info(spoken(sentence, chosen.writing), icon=":material/info:")
    if len(table) > MOST_ROWS:
        st.caption(f"Looked at: the first {MOST_ROWS:,} of {len(table):,} objects.")
    columns = star_columns(written.text)
    if columns is None:
        st.caption("The beginning of the file as written")
        st.code(written.text[:SHOWN_CHARACTERS], language=None, height=330)
    else:
        st.caption(f"The first {plural(len(columns.columns), 'object')} as written")
        st.dataframe(columns, height=min(330, 36 + 35 * len(columns)))
        with st.expander("The file itself"):
            st.code(written.text[:SHOWN_CHARACTERS], language=None, height=240)
    for name, content in written.beside.items():
        with st.expander(f"Beside it: {name}"):
            st.code(content[:SHOWN_CHARACTERS], language=None, height=150)
    return True


def as_written(
    table: ObjectTable, chosen: Format, values: dict[str, Any], stem: str, labels: dict[str, int] | None = None
) -> Written:
    """What a format makes of a table: the file itself, and not one of its first rows alone, which may look otherwise.

    Of a table of more than `MOST_ROWS` the first ones, and the first of each tomogram, are written; the numbers of
    classes are those of the whole table all the same.

    Raises
    ------
    UserError
        It cannot be written so.
    """
    options = writing_options(table, chosen, values, labels)
    if len(table) > MOST_ROWS:
        early = table.rows.index < MOST_ROWS
        table = table.with_rows(table.rows[early | ~table.rows["tomogram"].duplicated()])
    with tempfile.TemporaryDirectory() as folder, collected() as notes:
        path = Path(folder) / f"{stem}{chosen.suffix}"
        files = export(table, chosen, path, options)
        written = files[0].read_bytes()
        beside = [file.name for file in further_files(table, chosen, path, options)]
        contents = {name: (Path(folder) / name).read_text(encoding="utf-8") for name in beside}
    notes = [note.replace(f"{folder}/", "") for note in notes]
    if b"\0" in written:
        return Written(f"{chosen.title} is not text: {size(len(written))} for these objects.", {}, notes)
    text = re.sub(r"\n\s*\n+", "\n", written.decode("utf-8", errors="replace").strip())
    return Written(text, contents, notes)


def _remembered(
    table: ObjectTable, chosen: Format, values: dict[str, Any], stem: str, labels: dict[str, int]
) -> Written:
    """As `as_written`, once for each table and choice: a rerun of the dialog does not write anew."""
    key = (chosen.name, repr(values), stem, repr(labels))
    known = st.session_state.get("export.written")
    if known is None or known[0] != key or not known[1].rows.equals(table.rows):
        known = (key, table, as_written(table, chosen, values, stem, labels))
        st.session_state["export.written"] = known
    written: Written = known[2]
    return written


def star_columns(text: str) -> pd.DataFrame | None:
    """The first rows of a STAR file's last block, a line for each label: that reads better than the file; else None."""
    before, loop, block = text.rpartition("loop_\n")
    if not loop or "data_" not in before:
        return None
    lines = block.split("\n")
    labels = [line.split()[0].removeprefix("_") for line in lines if line.startswith("_")]
    first = lines[len(labels) : len(labels) + PREVIEW_ROWS]
    rows = [line.split("\t") if "\t" in line else line.split() for line in first]
    return pd.DataFrame({f"Object {n}": row for n, row in enumerate(rows, 1)}, index=labels)
