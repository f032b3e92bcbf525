"""The dialog that cuts subtomograms around the objects of a table: what will be written, and its launch."""

from typing import Any

import streamlit as st
import yaml

from dashboard.widgets.job_card import follow
from dashboard.widgets.launching import launch_button
from dashboard.widgets.numbers import moment, plural, size
from dashboard.widgets.task_form import task_form
from engine.errors import UserError
from engine.jobs import JobRecord
from engine.objects import ObjectTable
from engine.project import Project
from engine.tasks import find_task, validated
from engine.tasks.extract import FOLDER, ExtractParameters, prepare


@st.dialog("Extract subtomograms", width="medium")
def extract_dialog(project: Project, name: str, table: ObjectTable, shown: ObjectTable) -> None:
    """Ask how the boxes shall be, say how many of what size will be written, launch the job.

    Parameters
    ----------
    project, name, table
        The object table.
    shown
        The rows that pass the page's filter: these are extracted.
    """
    task = find_task("extract")
    raw: dict[str, Any] = {"table": name, **task_form(task, {}, {}, hidden=("table", "ids"))}
    if len(shown) < len(table):
        raw["ids"] = [int(i) for i in shown.rows["id"]]
        st.caption(f"{plural(len(shown), 'object')} of {len(table):,}: those that the filter shows.")
    try:
        parameters = validated(task, raw)
        assert isinstance(parameters, ExtractParameters)
        _, count, n_bytes = prepare(parameters, project)
    except UserError as error:
        st.warning(str(error), icon=":material/warning:")
        return
    st.markdown(
        f"{count:,} {'box' if count == 1 else 'boxes'} of {parameters.size}³ voxels"
        f"{_in_angstrom(shown, parameters.size)}, **{size(n_bytes)}**  \n"
        f":gray[into {project.root / FOLDER / parameters.result_name}, with index.csv]"
    )
    left_out = len(shown) - count
    if left_out:
        st.caption(f"{plural(left_out, 'object')} too near to the faces will be left out and listed in skipped.csv.")
    launch_button(project, task, raw, f"Extract {count:,} {'box' if count == 1 else 'boxes'}")


def last_extraction(project: Project, table: str) -> None:
    """How the last extraction from `table` stands: a bar while it runs, a failure, or where its boxes are."""
    job = follow(project, "extract", "extract", of=lambda job: _table_of(job) == table)
    if job is not None and job.state == "done" and job.outputs:
        boxes = sum(output["objects"] for output in job.outputs)
        folder = job.outputs[-1]["name"].split("/", 1)[0]
        st.caption(f"{plural(boxes, 'box', 'boxes')} in {FOLDER}/{folder} ({moment(job.ended or job.created)})")


def _table_of(job: JobRecord) -> object:
    given = yaml.safe_load(job.parameters_text())
    return given.get("table") if isinstance(given, dict) else None


def _in_angstrom(shown: ObjectTable, edge: int) -> str:
    """The edge in Å where all tomograms agree on the voxel size."""
    sizes = {shown.tomograms[name].voxel_size for name in set(shown.rows["tomogram"]) if name in shown.tomograms}
    if len(sizes) != 1 or len(set(next(iter(sizes)))) != 1:
        return ""
    return f" ({edge * next(iter(sizes))[0]:,.4g} Å)"
