"""The export dialog: target program, its conventions, what it cannot carry, the beginning of the file as written.

Nothing is written to the project before the button; a file that would be replaced is named.
"""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.widgets.numbers import plural, size
from dashboard.widgets.spoken import spoken
from dashboard.widgets.task_form import Options, task_form
from engine.errors import UserError
from engine.objects import ObjectTable
from engine.objects.formats import FORMATS, Format, export, further_files, get_format, losses, targets, writing_options
from engine.objects.formats.notes import collected
from engine.objects.review import ACCEPTED, REJECTED, Which, left_out_sentence, to_write, verdicts
from engine.objects.table import UnknownTomogram
from engine.project import Project

PREVIEW_ROWS = 3
MOST_ROWS = 10_000
"""So many objects are written to look at the file; for all of a large table it would take half a minute."""
SHOWN_CHARACTERS = 3000
LARGEST_DOWNLOAD = 50_000_000
WHICH: tuple[Which, ...] = ("all", "not rejected", "accepted")


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


@st.dialog("Export objects", width="large")
def export_dialog(project: Project, name: str, shown: ObjectTable) -> None:
    """Ask for format, its options and file name, show what will be written, write it."""
    labels = {known.name: known.label for known in project.classes}
    left, right = st.columns([1, 1.35], gap="medium")
    with left:
        chosen = get_format(
            st.selectbox(
                "For",
                list(FORMATS),
                format_func=lambda f: FORMATS[f].title,
                key="export.format",
                persist_state="session",
            )
        )
        table = which_objects(name, shown)
        usual = chosen.file_name.format(table=name)
        file_name = st.text_input("File", f"{usual}{chosen.suffix}", key=f"export.file-{name}-{chosen.name}")
        st.caption(f"{plural(len(table), 'object')} · into {project.root / 'exports'}")
        values = task_form(Options(f"export-{chosen.name}", chosen.writing), {}, {})
    with right:
        conventions(chosen)
        if not len(table):
            st.warning("No object is left to write: choose other verdicts.", icon=":material/warning:")
            return
        for sentence in losses(table, chosen):
            st.warning(sentence, icon=":material/warning:")
        if not preview(table, chosen, values, file_name, labels):
            return
    write_part(project, table, chosen, file_name, values, labels)


def which_objects(name: str, shown: ObjectTable) -> ObjectTable:
    """The objects that are written: where any was judged, the person chooses by verdict."""
    given = set(verdicts(shown))
    if not given & {ACCEPTED, REJECTED}:
        return shown
    usual: Which = "not rejected" if REJECTED in given else "all"
    which = st.segmented_control(
        "Objects",
        WHICH,
        default=usual,
        format_func=lambda w: f"{w} ({len(to_write(shown, w)):,})",
        key=f"export.which-{name}-{usual}",
        required=True,
        help="By the verdicts given in the gallery.",
    )
    left_out = left_out_sentence(shown, which or usual)
    if left_out:
        st.caption(left_out)
    return to_write(shown, which or usual)


def conventions(chosen: Format) -> None:
    """Unit, origin and orientation rule of a format."""
    rules = [("Unit", chosen.unit), ("Origin", chosen.origin), ("Orientation", chosen.orientation or "none")]
    st.markdown("  \n".join(f"**{title}** {sentence}" for title, sentence in rules))


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


def said(error: UserError, chosen: Format) -> str:
    """An error in writing, in the words of the dialog."""
    if isinstance(error, UnknownTomogram):
        error = error.by("add it to the project, or leave its objects out with the filter")
    return spoken(str(error), chosen.writing)


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


def write_part(
    project: Project,
    table: ObjectTable,
    chosen: Format,
    file_name: str,
    values: dict[str, Any],
    labels: dict[str, int],
) -> None:
    """The button, and what was written."""
    try:
        target = export_path(project, file_name, chosen.suffix)
        options = writing_options(table, chosen, values, labels)
        files = [*targets(table, chosen, target), *further_files(table, chosen, target, options)]
    except UserError as error:
        st.error(said(error, chosen), icon=":material/error:")
        return
    standing = [path.name for path in files if path.exists()]
    if standing:
        there = "exists" if len(standing) == 1 else "exist"
        st.warning(f"{', '.join(standing[:5])} {there} and will be replaced.", icon=":material/warning:")
    if not st.button(f"Export {plural(len(table), 'object')}", type="primary", key="export.write"):
        return
    try:
        target.parent.mkdir(exist_ok=True)
        with collected() as notes:
            written = export(table, chosen, target, options)
    except UserError as error:
        st.error(said(error, chosen), icon=":material/error:")
        return
    for sentence in notes if len(table) > MOST_ROWS else ():  # what was said before was of the first ones
        st.info(spoken(sentence, chosen.writing), icon=":material/info:")
    for path in written:
        st.success(f"Written: {path}", icon=":material/check:")
        if path.stat().st_size < LARGEST_DOWNLOAD:
            st.download_button(
                f"Download {path.name}",
                path.read_bytes(),
                path.name,
                key=f"export.download-{path.name}",
                on_click="ignore",
            )
    if chosen.how_to_import:
        st.markdown(chosen.how_to_import.replace("{file}", written[0].name))


def export_path(project: Project, file_name: str, suffix: str) -> Path:
    """Where a file called `file_name` goes; the format's ending is added where it is missing.

    Raises
    ------
    UserError
        No name, a path instead of a name, or a name that is too long.
    """
    name = file_name.strip()
    if not name or name.startswith(".") or len(name) > 150 or any(c in name for c in "/\\\0"):
        raise UserError(
            f"{name[:60]!r} does not work as a file name: give a name of 1 to 150 characters without '/'; "
            "the file goes into the project's folder exports."
        )
    return project.root / "exports" / (name if name.lower().endswith(suffix) else name + suffix)
