"""An answer on a small box around the crosshair, computed anew while parameters change; how it is shown is the page's.

One box, one question and one answer are kept per browser tab: a rerun for another reason costs nothing.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import streamlit as st
from streamlit.errors import StreamlitAPIException

from dashboard.widgets import current
from dashboard.widgets.frame import explained
from engine.errors import UserError
from engine.project import Project, Tomogram
from engine.tasks import Box

BAR_HEIGHT = 46
"""Pixels that the bar above the viewer takes."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Live(Generic[Answer]):
    """What a page shows of a box.

    Attributes
    ----------
    box
        None while the preview is switched off.
    answer
        None while it is computed for the first time, or where `problem` says why there is none.
    problem
        A sentence for the person.
    seconds
        What the answer took.
    """

    box: Box | None = None
    answer: Answer | None = None
    problem: str = ""
    seconds: float = 0.0


def live_box(
    project: Project,
    tomogram: Tomogram,
    name: str,
    edges: Sequence[int],
    question: Callable[[], object],
    compute: Callable[[Box], Answer],
    show: Callable[[Live[Answer]], None],
    line_of: Callable[[Answer], str],
    on: bool = True,
) -> None:
    """Draw the bar and what `show` makes of the answer, as a fragment of its own.

    Parameters
    ----------
    project, tomogram
        Where.
    name
        Of the page, for the keys of its widgets.
    edges
        Lengths of the box to choose from, voxels; the middle one is the start.
    question
        The checked parameters as something comparable; raises UserError where the form holds what is wrong.
    compute
        The answer for a box; raises UserError with what the person can mend.
    show
        Draws viewer and results.
    line_of
        One line about an answer.
    on
        Whether the preview begins switched on; off where an answer takes many seconds. Such pages have a switch of
        their own.
    """

    @st.fragment
    def part() -> None:
        with explained():  # a fragment runs alone, outside what the page is wrapped in
            draw()

    def draw() -> None:
        with st.container(horizontal=True, vertical_alignment="center", key="preview-bar", wrap=False):
            wanted = st.toggle(
                "Preview at the crosshair",
                value=on,
                key="preview-on" if on else f"{name}.preview-on",
                persist_state="session",
                help="The same computation as the full run, on the framed box alone: what is learnt is learnt from "
                "a sample of the box, and objects that the frame cuts look smaller.",
            )
            edge = st.segmented_control(
                "Box (voxel)",
                edges,
                default=edges[len(edges) // 2],
                format_func=lambda e: f"{e}³",
                key=f"{name}.preview-edge",
                label_visibility="collapsed",
                required=True,
                persist_state="session",
            )
            line = st.empty()
        if not wanted:
            line.caption("Switch it on to see the result of these parameters in a box.")
            show(Live())
            return
        box = Box.around(current.crosshair(tomogram), edge or edges[0], tomogram.shape)
        first = "preview-known" not in st.session_state
        asked = None
        live: Live[Answer] | None
        try:
            asked = (name, tomogram.name, _file_states(project, tomogram), box, question())
        except UserError:
            live = Live(box, problem="No preview: the form says what to mend.")
        else:
            live = _known(asked)
        if live is None:
            line.caption("Computing …")
            if not first:  # the viewer stays as it is meanwhile: Streamlit replaces it when it comes to it
                live = _computed(asked, box, compute)
        show(live or Live(box))
        if live is None:
            # The first one in this tab: there is no viewer to look at yet, so it is drawn before. Not done every time,
            # because a rerun asked for from here can swallow a click that comes in the same moment.
            _computed(asked, box, compute)
            try:
                st.rerun(scope="fragment")
            except StreamlitAPIException:  # this was a run of the whole page
                st.rerun()
        elif live.problem:
            line.caption(f":orange[{live.problem}]")
        elif live.answer is not None:
            line.caption(f"{line_of(live.answer)} · {live.seconds:.1f} s")

    part()


def _file_states(project: Project, tomogram: Tomogram) -> tuple[Any, ...]:
    """The state of every file that an answer may come from: of models too, whose weights and limits may be new."""
    models = (project.root / "models").glob("*/model.yaml")
    files = (tomogram.path, *(s.path for s in project.segmentations(tomogram.name)), *models)
    return tuple((path, path.stat().st_mtime_ns) for path in files)


def _known(asked: object) -> Live[Any] | None:
    """The answer to a question, if it was the last one."""
    known = st.session_state.get("preview-known")
    return known[1] if known is not None and known[0] == asked else None


def _computed(asked: object, box: Box, compute: Callable[[Box], Answer]) -> Live[Answer]:
    """Compute the answer and keep it; what the user can mend is kept as its sentence."""
    began = time.perf_counter()
    live: Live[Answer]
    try:
        answer = compute(box)
    except UserError as error:
        live = Live(box, problem=str(error))
    else:
        live = Live(box, answer, seconds=time.perf_counter() - began)
    st.session_state["preview-known"] = (asked, live)
    return live
