"""Tomograms: what the project's sources hold, what is wrong with a file, and the way to add more."""

import base64
import io

import pandas as pd
import streamlit as st
from PIL import Image

from dashboard import served
from dashboard.pages import page
from dashboard.widgets import current, numbers
from dashboard.widgets.frame import empty, header
from dashboard.widgets.job_card import follow
from engine.errors import UserError
from engine.project import Project, Tomogram
from engine.volumes import is_constant, open_volume, sample_statistics, thumbnail

PAGE_ROWS = 50
THUMBNAIL = 96
SAMPLED = 200_000
FEW = 6  # reasons that are shown without being asked for
COLUMNS = ("Picture", "Name", "Voxels z × y × x", "Voxel size", "Type", "On disk", "Note", "File")


@st.cache_data(max_entries=4000, show_spinner=False)
def look(path: str, modified: int) -> tuple[str | None, str]:
    """A thumbnail as a data address (None where there is nothing to show), and what a sample of the voxels warns of."""
    try:
        with open_volume(path) as volume:
            image = thumbnail(volume.array, size=THUMBNAIL)
            statistics = sample_statistics(volume.array, SAMPLED)
            constant = statistics.constant and is_constant(volume.array)
    except UserError as error:
        return None, str(error)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    warning = ""
    if statistics.finite_fraction == 0:
        warning = "No voxel of a sample is a number: there is nothing in it to see or to find."
    elif statistics.finite_fraction < 1:
        warning = "Some voxels are not numbers: it can be looked at, not segmented."
    elif constant:
        warning = "All voxels have the same value: there is nothing in it to find."
    elif statistics.constant:
        warning = "Nearly all voxels have the same value: is it a label map?"
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(), warning


def add_source(project: Project) -> None:
    """The form that registers a folder or a glob."""
    with st.form("add-source", border=False, enter_to_submit=True):
        left, right = st.columns([5, 1], vertical_alignment="bottom")
        source = left.text_input(
            "Folder or pattern",
            placeholder="/data/session1/tomograms   or   /data/*/rec_*.mrc",
            help="Files are used where they are and never changed. "
            "MRC (.mrc .rec .map, also .gz .bz2), HDF5, TIFF stacks, OME-Zarr.",
        )
        if right.form_submit_button("Add", type="primary", width="stretch"):
            try:
                files = project.add_source(source)
            except UserError as error:
                st.error(str(error), icon=":material/error:")
            else:
                st.toast(f"{numbers.plural(len(files), 'file')} added.")
                st.rerun()


def row(tomogram: Tomogram) -> dict[str, object]:
    """One line of the table."""
    info = tomogram.info
    if info is None:
        on_disk = numbers.size(tomogram.path.stat().st_size) if tomogram.path.is_file() else ""
        note = f"not readable: {tomogram.problem}"
        return {"Name": tomogram.name, "On disk": on_disk, "Note": note, "File": str(tomogram.path)}
    shown, doubt = look(str(tomogram.path), tomogram.path.stat().st_mtime_ns)
    by_hand = "voxel size set by hand" if tomogram.voxel_size_override else ""
    note = " ".join(part for part in (doubt, tomogram.warning or by_hand) if part)
    return {
        "Picture": shown,
        "Name": tomogram.name,
        "Voxels z × y × x": numbers.shape(info.shape),
        "Voxel size": numbers.voxel_size(tomogram.voxel_size),
        "Type": info.dtype,
        "On disk": numbers.size(info.size_on_disk),
        "Note": note,
        "File": str(tomogram.path),
    }


def end_of(path: str, most: int) -> str:
    """A path without the beginning that its column has no room for: the whole stands below, once selected."""
    return path if len(path) <= most else "…" + path[1 - most :]


def table(tomograms: list[Tomogram]) -> list[Tomogram]:
    """The table with one page of rows; returns the selected tomograms."""
    if len(tomograms) > PAGE_ROWS:
        wanted = st.text_input("Filter", placeholder="part of a name or path", key="tomogram-filter").lower()
        tomograms = [t for t in tomograms if wanted in f"{t.name} {t.path}".lower()]
        pages = max(1, -(-len(tomograms) // PAGE_ROWS))
        number = st.pagination(pages, key="tomogram-page") if pages > 1 else 1
        tomograms = tomograms[(min(number, pages) - 1) * PAGE_ROWS :][:PAGE_ROWS]
    # Named columns: what cannot be read has few values, and must not decide the order.
    frame = pd.DataFrame([row(t) for t in tomograms], columns=list(COLUMNS))
    frame = frame.astype(object).where(frame.notna(), "")
    notes = bool(frame["Note"].any())  # without any, files have their room
    frame["File"] = [end_of(path, 34 if notes else 52) for path in frame["File"]]
    selection = st.dataframe(
        frame,
        hide_index=True,
        row_height=56,
        height=min(56 * len(frame) + 40, 470),
        column_order=COLUMNS,
        on_select="rerun",
        selection_mode="multi-row",
        key="tomogram-table",
        column_config={
            "Picture": st.column_config.ImageColumn("", width=70),
            "Name": st.column_config.TextColumn(width=170),
            "Voxels z × y × x": st.column_config.TextColumn(width=130),
            "Voxel size": st.column_config.TextColumn("Voxel size (Å)", width=104),
            "Type": st.column_config.TextColumn(width=66),
            "On disk": st.column_config.TextColumn(width=74),
            "Note": st.column_config.TextColumn(width=190 if notes else 60),
            "File": st.column_config.TextColumn(width=248 if notes else 378),
        },
    )
    return [tomograms[i] for i in selection.selection.rows if i < len(tomograms)]


def details(project: Project, chosen: list[Tomogram]) -> None:
    """What can be done with the selected tomograms."""
    st.caption("  \n".join(str(tomogram.path) for tomogram in chosen[:FEW]) + "  \n…" * (len(chosen) > FEW))
    for tomogram in chosen:
        if tomogram.info is None:
            st.error(tomogram.problem or "", icon=":material/error:")
        elif tomogram.warning:
            st.warning(f"{tomogram.name}: {tomogram.warning}", icon=":material/warning:")
    readable = [t for t in chosen if t.info is not None]
    if not readable:
        return
    first = readable[0]
    whose = first.name if len(readable) == 1 else numbers.plural(len(readable), "tomogram")
    header_size = first.info.voxel_size if first.info else None
    left, middle, right = st.columns([2, 2, 3], vertical_alignment="bottom")
    given = left.number_input(
        f"Voxel size of {whose} (Å)",
        value=first.voxel_size_override or (header_size[0] if header_size else None),
        placeholder="unknown",
        step=None,
        format="%.4f",
        key=f"voxel-size-{'-'.join(t.name for t in readable)}",
        help="Set it where the header is wrong; the file is not changed. "
        f"The header of {first.name} says {numbers.voxel_size(header_size) + ' Å' if header_size else 'nothing'}.",
    )
    with middle.container(horizontal=True):
        if st.button("Set voxel size", disabled=given is None):
            project.set_voxel_size([t.name for t in readable], given)
            st.rerun()
        if any(t.voxel_size_override for t in readable) and st.button("Back to the header's", type="tertiary"):
            project.set_voxel_size([t.name for t in readable], None)
            st.rerun()
    with right.container(horizontal=True, horizontal_alignment="right"):
        if st.button(f"Look at {first.name}", type="primary"):
            current.ask(first.name)
            st.switch_page(page("viewer"))


def sources(project: Project) -> None:
    """The registered sources, each removable."""
    registered = project.settings().sources
    with st.expander(f"{numbers.plural(len(registered), 'source')}"):
        for source in registered:
            left, right = st.columns([6, 1], vertical_alignment="center")
            left.code(source, language=None)
            if right.button("Remove", key=f"remove-{source}", help="Files and results stay; the list forgets them."):
                project.remove_source(source)
                st.rerun()


def main() -> None:
    """Draw the page."""
    project = served.project()
    header("Tomograms", "The reconstructions of this project, used where they are and never changed.")
    making = follow(project, "simulate", "demo")
    tomograms, problems = project.tomograms_and_problems()
    for problem in problems:
        st.error(problem, icon=":material/error:")
    if not tomograms and making is not None and making.active:
        empty("The demo tomogram is being simulated; it appears here when it is done.")
        return
    if not tomograms:
        empty("No tomograms yet. Add the folder that holds your reconstructions.")
    add_source(project)
    if not tomograms:
        return
    unreadable = sum(t.info is None for t in tomograms)
    total = sum(t.info.size_on_disk for t in tomograms if t.info)
    st.caption(
        f"{numbers.plural(len(tomograms), 'file')}, {numbers.size(total)}"
        + (f" · {unreadable} cannot be read" if unreadable else "")
        + " · select rows to look at one or to set their voxel size"
    )
    if unreadable:
        with st.expander(f"{numbers.plural(unreadable, 'file')} that cannot be read", expanded=unreadable <= FEW):
            st.markdown("\n".join(f"- {t.problem}" for t in tomograms if t.info is None))
    selected = table(tomograms)
    if selected:
        details(project, selected)
    elif current.tomogram(project) is not None:
        with st.container(horizontal=True):
            st.page_link(page("viewer"), label="Look at a tomogram")
            st.page_link(page("unsupervised"), label="Segment without training")
    sources(project)


main()
