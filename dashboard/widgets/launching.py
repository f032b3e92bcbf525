"""The one main action of a task page: launch it, and show the command that does the same."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.widgets.command_line import FOLDER, engine_command
from engine.errors import UserError
from engine.jobs import launch
from engine.project import Project
from engine.tasks import Task, validated, write_parameters


def launch_button(project: Project, task: Task, raw: Mapping[str, Any], label: str) -> None:
    """The button at the bottom of a form; what is wrong stands above it, and it is grey while something is."""
    problem = ""
    text = ""
    try:
        text = write_parameters(validated(task, dict(raw)))
    except UserError as error:
        problem = str(error)
    if problem:
        st.warning(problem, icon=":material/warning:")
    if st.button(label, type="primary", disabled=bool(problem), width="stretch", key=f"{task.name}.launch"):
        try:
            launch(project, task.name, dict(raw))
        except UserError as error:
            st.error(str(error), icon=":material/error:")
        else:
            st.rerun()
    if text:
        with st.popover("Same from the command line", type="tertiary"):
            st.caption(f"Save as params.yaml in {FOLDER}, and run there:")
            st.code(text, language="yaml")
            st.code(command(project, task), language="bash")


def command(project: Project, task: Task) -> str:
    """The command line that runs `params.yaml`."""
    return engine_command("run", task.name, "params.yaml", "--project", project.root)
