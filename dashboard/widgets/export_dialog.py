"""The export dialog: target program, its conventions, what it cannot carry, the first rows as written.

Nothing is written before the button; a file that would be replaced is named.
"""

import re
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.widgets.numbers import plural, size
from dashboard.widgets.task_form import Options, task_form
from engine.errors import UserError
from engine.objects import ObjectTable
from engine.objects.formats import FORMATS, Format, export, further_files, get_format, losses, targets
from engine.objects.formats.notes import collected
from engine.project import Project

PREVIEW_ROWS = 3
SHOWN_CHARACTERS = 3000
LARGEST_DOWNLOAD = 50_000_000


@st.dialog("Export objects", width="large")
def export_dialog(project: Project, name: str, table: ObjectTable) -> None:
    """Ask for format, its options and file name, show what will be written, write it."""
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
        file_name = st.text_input("File", f"{name}{chosen.suffix}", key=f"export.file-{name}-{chosen.name}")
        st.caption(f"{plural(len(table), 'object')} · into {project.root / 'exports'}")
        values = task_form(Options(f"export-{chosen.name}", chosen.writing), {}, {})
    with right:
        conventions(chosen)
        for sentence in losses(table, chosen):
            st.warning(sentence, icon=":material/warning:")
        if not preview(table, chosen, values, file_name):
            return
    write_part(project, table, chosen, file_name, values)


def conventions(chosen: Format) -> None:
    """Unit, origin and orientation rule of a format."""
    rules = [("Unit", chosen.unit), ("Origin", chosen.origin), ("Orientation", chosen.orientation or "none")]
    st.markdown("  \n".join(f"**{title}** {sentence}" for title, sentence in rules))


def preview(table: ObjectTable, chosen: Format, values: dict[str, Any], file_name: str) -> bool:
    """The first rows as they will be written; whether they can be."""
    try:
        with collected() as notes:
            text, beside = first_rows(table, chosen, values, Path(file_name).stem or "objects")
    except UserError as error:
        st.error(str(error), icon=":material/error:")
        return False
    for sentence in notes:
        st.info(sentence, icon=":material/info:")
    st.caption(f"The first {plural(min(PREVIEW_ROWS, len(table)), 'object')} as written")
    columns = star_columns(text)
    if columns is None:
        st.code(text[:SHOWN_CHARACTERS], language=None, height=330)
    else:
        st.dataframe(columns, height=min(330, 36 + 35 * len(columns)))
        with st.expander("The file itself"):
            st.code(text[:SHOWN_CHARACTERS], language=None, height=240)
    for name, content in beside.items():
        with st.expander(f"Beside it: {name}"):
            st.code(content[:SHOWN_CHARACTERS], language=None, height=150)
    return True


def first_rows(table: ObjectTable, chosen: Format, values: dict[str, Any], stem: str) -> tuple[str, dict[str, str]]:
    """The first rows of a table as a format writes them, and the further files by name."""
    with tempfile.TemporaryDirectory() as folder:
        few = table.with_rows(table.rows.head(PREVIEW_ROWS))
        path = Path(folder) / f"{stem}{chosen.suffix}"
        written = export(few, chosen, path, values)[0].read_bytes()
    if b"\0" in written:
        return f"{chosen.title} is not text: {size(len(written))} for these.", {}
    beside = further_files(table, chosen, path, values)
    text = re.sub(r"\n\s*\n+", "\n", written.decode("utf-8", errors="replace").strip())
    return text, {f.name: content for f, content in beside.items()}


def star_columns(text: str) -> pd.DataFrame | None:
    """The rows of the last block of a STAR file, a line for each label: that reads better than the file; else None."""
    before, loop, block = text.rpartition("loop_\n")
    if not loop or "data_" not in before:
        return None
    lines = block.split("\n")
    labels = [line.split()[0].removeprefix("_") for line in lines if line.startswith("_")]
    rows = [line.split("\t") for line in lines[len(labels) :]]
    return pd.DataFrame({f"Object {n}": row for n, row in enumerate(rows, 1)}, index=labels)


def write_part(project: Project, table: ObjectTable, chosen: Format, file_name: str, values: dict[str, Any]) -> None:
    """The button, and what was written."""
    try:
        target = export_path(project, file_name, chosen.suffix)
        files = [*targets(table, chosen, target), *further_files(table, chosen, target, values)]
    except UserError as error:
        st.error(str(error), icon=":material/error:")
        return
    standing = [path.name for path in files if path.exists()]
    if standing:
        there = "exists" if len(standing) == 1 else "exist"
        st.warning(f"{', '.join(standing[:5])} {there} and will be replaced.", icon=":material/warning:")
    if not st.button(f"Export {plural(len(table), 'object')}", type="primary", key="export.write"):
        return
    try:
        target.parent.mkdir(exist_ok=True)
        written = export(table, chosen, target, values)
    except UserError as error:
        st.error(str(error), icon=":material/error:")
        return
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
