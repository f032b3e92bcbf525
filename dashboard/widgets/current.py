"""The current tomogram and position, shared by all pages and kept in the address."""

import uuid

import streamlit as st

from dashboard.viewer.beginning import begin
from engine.project import Project, Tomogram

KEY = "tomogram"


def session_id() -> str:
    """A name for this browser tab, under which the viewer's position is kept."""
    if "session-id" not in st.session_state:
        st.session_state["session-id"] = uuid.uuid4().hex
    return str(st.session_state["session-id"])


def choose(project: Project) -> None:
    """The chooser of the sidebar: type to search, step with the arrows. Sets the current tomogram."""
    readable = [t.name for t in project.tomograms() if t.info is not None]
    if not readable:
        st.session_state.pop(KEY, None)
        return
    linked = st.query_params.get("tomogram")
    asked = st.session_state.pop("tomogram-asked", None) or (linked if KEY not in st.session_state else None)
    if asked in readable:
        st.session_state[KEY] = asked
    elif asked:
        why = next((t.problem for t in project.tomograms() if t.name == asked), None)
        st.session_state["link-problem"] = why or f"This project has no tomogram {asked}: the link shows another one."
    if st.session_state.get(KEY) not in readable:
        st.session_state[KEY] = readable[0]
    st.selectbox("Tomogram", readable, key=KEY, persist_state="session")

    def step(by: int) -> None:
        place = readable.index(st.session_state[KEY]) + by
        st.session_state[KEY] = readable[place % len(readable)]

    if len(readable) > 1:
        place = readable.index(st.session_state[KEY]) + 1
        with st.container(horizontal=True, vertical_alignment="center", key="tomogram-steps"):
            st.button("‹", on_click=step, args=(-1,), help="Previous tomogram")
            st.button("›", on_click=step, args=(1,), help="Next tomogram")
            st.caption(f"{place} of {len(readable)}")


def link_problem() -> str | None:
    """Why the tomogram of the address is not shown; said once."""
    return st.session_state.pop("link-problem", None)


def ask(name: str) -> None:
    """Make `name` the current tomogram at the next run: a widget's value can't be set once it is drawn."""
    st.session_state["tomogram-asked"] = name


def tomogram(project: Project) -> Tomogram | None:
    """The current tomogram; None while the project has none that can be read."""
    name = st.session_state.get(KEY)
    return project.tomogram(name) if name else None


def crosshair(current: Tomogram) -> tuple[float, float, float]:
    """Where the viewer's crosshair stands in a tomogram: x, y, z in voxels; its centre where nobody looked yet."""
    known = begin(session_id(), current.name)
    if known is not None:
        return known
    z, y, x = current.shape
    return (x // 2, y // 2, z // 2)
