"""The export dialog: target program, its conventions, what it cannot carry, the beginning of the file as written.

Nothing is written to the project before the button; a file that would be replaced is named.
"""

from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.widgets.export_preview import MOST_ROWS, preview
from dashboard.widgets.format_words import conventions, said
from dashboard.widgets.numbers import plural
from dashboard.widgets.spoken import spoken
from dashboard.widgets.task_form import Options, task_form
from engine.errors import UserError
from engine.objects import ObjectTable
from engine.objects.formats import FORMATS, Format, export, further_files, get_format, losses, targets, writing_options
from engine.objects.formats.notes import collected
from engine.objects.review import ACCEPTED, REJECTED, Which, left_out_sentence, to_write, verdicts
from engine.project import Project

LARGEST_DOWNLOAD = 50_000_000
WHICH: tuple[Which, ...] = ("all", "not rejected", "accepted")


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
