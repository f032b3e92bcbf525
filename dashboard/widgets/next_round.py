"""The way from judged picks to the next training: how many are judged, and one button that prepares the round."""

import streamlit as st

from dashboard.pages import page
from dashboard.widgets.task_form import set_values
from dashboard.widgets.training_rounds import AWAITED, planned_round, verdict_words
from engine.errors import UserError
from engine.jobs import launch
from engine.objects import ObjectTable
from engine.objects.review import ACCEPTED, REJECTED, UNDECIDED, verdicts
from engine.project import Project
from engine.tasks import find_task


def next_round_button(project: Project, name: str, table: ObjectTable) -> None:
    """Where there is a model: once a pick is judged, prepares the next round and opens the page Train.

    Where it cannot be prepared as it is, say because nothing tells which model found the picks, Train is opened all the
    same, where the reason stands beside the fields that mend it.
    """
    words = verdicts(table)
    count = {verdict: int((words == verdict).sum()) for verdict in (ACCEPTED, REJECTED, UNDECIDED)}
    if not project.models():
        return
    judged = count[UNDECIDED] < len(table)
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            "Train the next round with these",
            key="objects.next-round",
            disabled=not judged,
            help="Accepted picks become training targets, rejected ones hard negatives; the others are left open.",
        )
        # The row stands before the first verdict too, because the pictures below it are being clicked meanwhile.
        counted = verdict_words(count[ACCEPTED], count[REJECTED], count[UNDECIDED])
        st.caption(counted if judged else "no picture judged yet (A, R)")
    if not pressed:
        return
    task = find_task("next-round")
    raw = {"picks": name}
    if isinstance(planned_round(project, raw), str):
        set_values(task, raw)
        st.session_state["train.shown"] = "Rounds"
    else:
        try:
            st.session_state[AWAITED] = launch(project, task.name, raw).id
        except UserError as error:
            st.error(str(error), icon=":material/error:")
            return
        st.session_state["train.shown"] = "Rounds"
    st.switch_page(page("train"))
