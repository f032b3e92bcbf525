"""Which pages there are: one list for the menu and for links between pages."""

from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

_VIEWS = Path(__file__).with_name("views")

GROUPS = {
    "Project": (("overview", "Overview"), ("tomograms", "Tomograms")),
    "Look": (("viewer", "Viewer"),),
    "Label": (("annotate", "Annotate"), ("targets", "Targets")),
    "Find": (
        ("unsupervised", "Unsupervised"),
        ("train", "Train"),
        ("segment", "Segment"),
        ("cluster", "Cluster"),
        ("pick", "Pick"),
    ),
    "Results": (("objects", "Objects"), ("evaluate", "Evaluate")),
    "Run": (("jobs", "Jobs"),),
}


@cache
def page(name: str) -> StreamlitPage:
    """The page of `views/<name>.py`."""
    titles = {view: title for views in GROUPS.values() for view, title in views}
    return st.Page(_VIEWS / f"{name}.py", title=titles[name], url_path=name, default=name == "overview")


def menu() -> dict[str, list[StreamlitPage]]:
    """The menu: groups with their pages."""
    return {group: [page(view) for view, _ in views] for group, views in GROUPS.items()}
