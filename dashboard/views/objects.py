"""Objects: the table, the slices and the pictures of one object table; one selection in all of them."""

import streamlit as st

from dashboard import served
from dashboard.pages import page
from dashboard.widgets import class_colours, object_filter, table_editing
from dashboard.widgets.edit_panel import edit_panel
from dashboard.widgets.export_dialog import export_dialog
from dashboard.widgets.extract_dialog import extract_dialog, last_extraction
from dashboard.widgets.frame import empty, header
from dashboard.widgets.import_dialog import import_dialog
from dashboard.widgets.next_round import next_round_button
from dashboard.widgets.object_grid import HEIGHT, object_grid
from dashboard.widgets.object_pictures import pictures
from dashboard.widgets.object_slices import slices


def main() -> None:
    """Draw the page."""
    project = served.project()
    header("Objects", "Inspect and correct an object table on the slices, then export it.")
    if not project.tables.names():
        empty("No objects yet. Pick particles from a segmentation, or import a list of another program.")
        with st.container(horizontal=True):
            st.page_link(page("pick"), label="Pick particles")
            if st.button("Import"):
                import_dialog(project)
        return
    left, right = st.columns([1.05, 1.25], gap="medium")
    with left:
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="objects-choice"):
            name = table_editing.choose_table(project)
            assert name is not None
            table, version = table_editing.read_for_page(project, name)
            shown = object_filter.shown(table)
            colours = class_colours.of_table(project, table)
            if st.button("Edit", disabled=not len(table), help="Scale, crop, merge, threshold, snap, rename …"):
                edit_panel(project, name, version, table, shown)
            if st.button("Import"):
                import_dialog(project)
            with st.popover("More"):
                if st.button("Extract subtomograms", disabled=not len(shown)):
                    extract_dialog(project, name, table, shown)
                for column in ("class", "tomogram"):
                    st.button(
                        f"Split by {column}",
                        disabled=table.rows[column].nunique() < 2,
                        on_click=table_editing.split,
                        args=(project, name, table, column),
                        help=f"A new table for each {column}; this one stays.",
                    )
                st.button("Delete this table", on_click=table_editing.delete_table, args=(project, name))
                st.caption(f"It goes to {project.tables.folder / '.deleted'}, from where it can be taken back.")
            if st.button("Export", type="primary", disabled=not len(shown)):
                export_dialog(project, name, shown)
        object_grid(project, name, table, version, colours)
        next_round_button(project, name, table)
        table_editing.said()
        last_extraction(project, name)
    with right:
        slices(project, name, version, table, shown, colours, HEIGHT + 118)
    if len(shown):
        pictures(project, name, version, shown, colours)


main()
