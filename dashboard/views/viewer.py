"""Viewer: look at a tomogram with everything that was found in it."""

import streamlit as st

from dashboard import served
from dashboard.pages import page
from dashboard.widgets import current
from dashboard.widgets.frame import empty, header
from dashboard.widgets.viewing import object_layers, overlay_layers, viewer


def main() -> None:
    """Draw the page."""
    project = served.project()
    header("Viewer", "Look at a tomogram in three linked planes; press ? in the picture for its keys.")
    tomogram = current.tomogram(project)
    if tomogram is None:
        empty("No tomogram to look at yet.")
        st.page_link(page("tomograms"), label="Add tomograms")
        return
    viewer(
        tomogram,
        overlays=overlay_layers(project, tomogram.name),
        objects=object_layers(project, tomogram.name),
        below=0,
    )


main()
