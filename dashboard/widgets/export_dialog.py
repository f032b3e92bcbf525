"""The export dialog: target program, its conventions, what it cannot carry, the first lines as written."""

import tempfile
from pathlib import Path

import streamlit as st

from dashboard.widgets.numbers import plural
from engine.errors import UserError
from engine.objects import ObjectTable
from engine.objects.formats import FORMATS, export, get_format, losses, targets
from engine.project import Project

PREVIEW_ROWS = 3


@st.dialog("Export objects", width="large")
def export_dialog(project: Project, name: str, table: ObjectTable) -> None:
    """Ask for format and file name, show what will be written, write it."""
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
    st.markdown(chosen.conventions)
    for sentence in losses(table, chosen):
        st.warning(sentence, icon=":material/warning:")
    try:
        lines = first_lines(table, chosen.name)
    except UserError as error:
        st.error(str(error), icon=":material/error:")
        return
    with st.expander("As it will be written"):
        st.code(lines, language=None)
    try:
        target = export_path(project, file_name, chosen.suffix)
        files = targets(table, chosen, target)
    except UserError as error:
        st.error(str(error), icon=":material/error:")
        return
    standing = [path.name for path in files if path.exists()]
    if standing:
        there = "exists" if len(standing) == 1 else "exist"
        st.warning(f"{', '.join(standing)} {there} and will be replaced.", icon=":material/warning:")
    if not st.button(f"Export {plural(len(table), 'object')}", type="primary", key="export.write"):
        return
    try:
        target.parent.mkdir(exist_ok=True)
        written = export(table, chosen, target)
    except UserError as error:
        st.error(str(error), icon=":material/error:")
        return
    for path in written:
        st.success(f"Written: {path}", icon=":material/check:")
        st.download_button(
            f"Download {path.name}",
            path.read_bytes(),
            path.name,
            key=f"export.download-{path.name}",
            on_click="ignore",
        )


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


def first_lines(table: ObjectTable, format_name: str) -> str:
    """The first rows of a table as the format writes them."""
    with tempfile.TemporaryDirectory() as folder:
        few = table.with_rows(table.rows.head(PREVIEW_ROWS))
        chosen = get_format(format_name)
        paths = export(few, chosen, Path(folder) / f"preview{chosen.suffix}")
        return paths[0].read_text(encoding="utf-8")
