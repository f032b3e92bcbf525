"""The import dialog: a list of any program becomes an object table of this project.

Shows what the list says and what of it is doubtful before anything is written; what cannot be taken is counted and left
out only when the person says so.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard.widgets import current, table_editing
from dashboard.widgets.format_words import conventions
from dashboard.widgets.numbers import plural
from dashboard.widgets.spoken import spoken
from dashboard.widgets.task_form import Options, task_form
from engine.errors import UserError, shortened
from engine.objects import ObjectTable, TomogramGeometry, check
from engine.objects.fit import doubts, fitting, from_voxel_size, renumbered, repeated_ids
from engine.objects.formats import FORMATS, Format, detect, get_format, read_objects
from engine.objects.formats.notes import collected
from engine.objects.table import UnknownTomogram
from engine.project import Project
from engine.project.geometries import geometries_from

AS_LISTED = "as the list says"
SIZES = "Sizes of other tomograms"
SHOWN_ROWS = 5
COLUMN_ROWS = tuple(
    tuple(f"{name}_column" for name in row)
    for row in (("x", "y", "z"), ("tomogram", "class"), ("rot", "tilt", "psi"), ("score", "size"))
)


@st.dialog("Import objects", width="large")
def import_dialog(project: Project) -> None:
    """Ask for a list, show what it holds, write it as a table."""
    left, right = st.columns([1, 1.35], gap="medium")
    with left:
        given = chosen_file()
    if given is None:
        return
    with on_disk(given) as path:
        with left:
            chosen, values, tomogram, voxel, sizes = how_to_read(project, path)
        with right:
            conventions(chosen)
            try:
                with collected() as notes:
                    table = read_list(project, path, chosen, values, tomogram, sizes, voxel)
            except UserError as error:
                st.error(said(error, chosen, path), icon=":material/error:")
                return
            for sentence in notes:
                st.info(spoken(sentence, chosen.reading, path=path), icon=":material/info:")
            what_it_holds(table)
            import_part(project, path.name, table, chosen)


def how_to_read(project: Project, path: Path) -> tuple[Format, dict[str, Any], str, float | None, str]:
    """The format, its options, the tomogram, the voxel size and the sizes of tomograms that are not here."""
    try:
        found = detect(path)
    except UserError as error:
        st.warning(spoken(str(error), path=path), icon=":material/warning:")
        found = FORMATS["csv"]
    name = st.selectbox(
        "Format",
        list(FORMATS),
        index=list(FORMATS).index(found.name),
        format_func=lambda f: FORMATS[f].title,
        key=f"import.format-{path.name}",
    )
    chosen = get_format(name)
    values = mapping_form(path, chosen) | task_form(
        Options(f"import-{chosen.name}", chosen.reading), {}, {}, hidden=mapped_fields(chosen)
    )
    tomogram = st.selectbox(
        "Tomogram",
        [AS_LISTED, *(t.name for t in project.tomograms() if t.info is not None)],
        help="Where the list names no tomogram, or another name than this project.",
        key="import.tomogram",
    )
    voxel = st.number_input(
        "Voxel size of the list (Å)",
        min_value=0.01,
        value=None,
        placeholder="that of the tomogram",
        help="Where the list counts voxels of a tomogram binned otherwise than the one here.",
        key="import.voxel",
    )
    sizes = st.text_input(
        SIZES,
        placeholder="TS_01=1000,1000,400@10 or a tomograms.star",
        help="Only where the list's unit needs the size of a tomogram that is not in this project.",
        key="import.sizes",
    )
    return chosen, values, tomogram, voxel, sizes


def chosen_file() -> Path | UploadedFile | None:
    """The list: uploaded, or on the machine where the dashboard runs."""
    source = st.segmented_control(
        "From", ("This computer", "The server's disk"), default="This computer", key="import.from", required=True
    )
    if source == "The server's disk":
        text = st.text_input("Path", placeholder="/data/relion/Extract/job012/particles.star", key="import.path")
        if not text.strip():
            return None
        path = Path(text.strip()).expanduser()
        if not path.is_file():
            st.error(f"There is no file {path}: check the path.", icon=":material/error:")
            return None
        return path
    given = st.file_uploader("List", key="import.file", label_visibility="collapsed")
    if given is None:
        st.caption(
            "RELION, WarpTools, STOPGAP, Dynamo, copick, CZ portal, DeepFinder, PickET, EMAN2, IMOD, Ais, CSV, XLSX"
        )
    return given


@contextmanager
def on_disk(given: Path | UploadedFile) -> Iterator[Path]:
    """A list as a file: what was uploaded lies on the disk only as long as it is read."""
    if isinstance(given, Path):
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="tomodeck-import-") as folder:
        path = Path(folder) / (re.sub(r"[^\w.+-]", "_", Path(given.name).name) or "list")
        path.write_bytes(given.getbuffer())
        yield path


def said(error: UserError, chosen: Format, path: Path) -> str:
    """An error in reading, in the words of the dialog."""
    if isinstance(error, UnknownTomogram):
        way_out = f"fill in “{SIZES}” (NAME=X,Y,Z@VOXEL_SIZE or a tomograms.star), choose another tomogram"
        error = error.by(f"{way_out}, or add it to the project")
    return spoken(str(error), chosen.reading, path=path)


def mapped_fields(chosen: Format) -> list[str]:
    """The options that say which column is which."""
    return [name for name in chosen.reading.model_fields if name.endswith("_column")]


def mapping_form(path: Path, chosen: Format) -> dict[str, str]:
    """Which column is which, for tables that any program may have written."""
    fields = mapped_fields(chosen)
    if not fields:
        return {}
    from engine.objects.formats.generic_table import columns_of, guess_mapping

    try:
        names, _ = columns_of(path)
        guessed = guess_mapping(path)
    except UserError:
        return {}
    values = {}
    with st.expander("Columns", expanded=not all(guessed.get(f"{axis}_column") for axis in "xyz")):
        for row in COLUMN_ROWS:
            for column, field in zip(st.columns(3), (f for f in row if f in fields), strict=False):
                options = ["", *names]
                guess = guessed.get(field, "")
                values[field] = column.selectbox(
                    field.removesuffix("_column"),
                    options,
                    index=options.index(guess) if guess in options else 0,
                    format_func=lambda c: c or "none",
                    help=chosen.reading.model_fields[field].description,
                    key=f"import.{field}-{path.name}",
                )
    return values


def read_list(
    project: Project,
    path: Path,
    chosen: Format,
    values: dict[str, Any],
    tomogram: str,
    sizes: str,
    voxel: float | None = None,
) -> ObjectTable:
    """The list as a table over the project's tomograms.

    Raises
    ------
    UserError
        What is wrong with the list.
    """
    known = {t.name: TomogramGeometry(t.shape, t.voxel_size) for t in project.tomograms() if t.info is not None}
    here = known if tomogram == AS_LISTED else {tomogram: known[tomogram]}
    table = read_objects(path, {**geometries_from(sizes.split()), **here}, chosen, values)
    if tomogram != AS_LISTED:
        table = ObjectTable(table.rows.assign(tomogram=tomogram), here)
    return table if voxel is None else from_voxel_size(table, voxel)


def what_it_holds(table: ObjectTable) -> None:
    """The first rows and what is doubtful."""
    rows = table.rows
    counts = rows["class"].value_counts().head(6)
    kinds = ", ".join(f"{shortened(str(name))} {count:,}" for name, count in counts.items())
    st.markdown(f"**{plural(len(rows), 'object')}** in {plural(rows['tomogram'].nunique(), 'tomogram')} · {kinds}")
    shown = [c for c in rows.columns if c != "id" and not rows[c].head(SHOWN_ROWS).isna().all()]
    st.dataframe(rows[shown].head(SHOWN_ROWS), hide_index=True)
    for sentence in doubts(table):
        st.warning(sentence, icon=":material/warning:")


def import_part(project: Project, file_name: str, table: ObjectTable, chosen: Format) -> None:
    """The name, and the button that writes the table; before it, what would stand in the way."""
    fits = fitting(table)
    strays = len(table) - int(fits.sum())
    leave = bool(strays) and st.toggle(
        f"Leave out {plural(strays, 'object')} that cannot stand in the table", key=f"import.leave-{file_name}"
    )
    if leave:
        table = table.with_rows(table.rows[fits])
    again = int(repeated_ids(table).sum())
    if again:
        st.warning(
            f"{plural(again, 'object')} {'has' if again == 1 else 'have'} the id of another one: in a table each id "
            "stands once.",
            icon=":material/warning:",
        )
        if st.toggle(f"Give new ids to {plural(again, 'object')}", key=f"import.renumber-{file_name}"):
            table, again = renumbered(table), 0
    ready = bool(len(table)) and not (strays and not leave) and not again
    if ready:
        try:
            check(table)
        except UserError as error:
            st.error(str(error), icon=":material/error:")
            ready = False
    stem = re.sub(r"[^A-Za-z0-9.+-]+", "_", Path(file_name).stem).strip("_.") or "imported"
    name = st.text_input("Table", stem, key=f"import.name-{file_name}")
    if not st.button(f"Import {plural(len(table), 'object')}", type="primary", disabled=not ready, key="import.write"):
        return
    made_by = {"imported": file_name, "format": chosen.name, "left_out": strays}
    try:
        written = project.tables.create(name, table, made_by)
    except UserError as error:
        st.error(str(error), icon=":material/error:")
        return
    st.session_state["table-asked"] = written
    first = table.rows["tomogram"].iloc[0]
    if first in {tomogram.name for tomogram in project.tomograms()}:
        current.ask(first)  # else the slices would stay on a tomogram that has nothing to do with the list
    left_out = f"; {strays:,} left out." if strays else "."
    table_editing.say_done(f"{plural(len(table), 'object')} imported as {written}{left_out}")
    st.rerun()
