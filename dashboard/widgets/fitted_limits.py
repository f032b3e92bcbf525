"""Limits per class from known objects: the task "fit-limits" under the form of Cluster, and what came of it."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.widgets.job_card import follow
from dashboard.widgets.known_objects import known_objects
from dashboard.widgets.launching import launch_button
from dashboard.widgets.task_form import set_values, task_form
from engine.jobs import JobRecord
from engine.project import Project
from engine.tasks import find_task
from engine.tasks.cluster_parameters import FindingParameters


def fitted_limits(project: Project, raw: Mapping[str, Any]) -> None:
    """Fit limits on known objects, and take them into the form of Cluster.

    Parameters
    ----------
    project
        Its tables are offered as known objects.
    raw
        The form's values: what is looked for, and how, is the same here.
    """
    task = find_task("fit-limits")
    with st.expander("Fit the limits on known objects"):
        if not project.tables.names():
            st.caption("With a table of the true objects of a tomogram, limits can be fitted to it.")
            return
        job = follow(project, "fit-limits", "fit-limits")
        if job is not None and not job.active and job.outputs:
            _result(job)
        shared = {name: raw[name] for name in FindingParameters.model_fields if name in raw}
        own = task_form(
            task,
            {"tables": project.tables.names()},
            {"reference": known_objects(project)},
            hidden=tuple(FindingParameters.model_fields),
            folded=False,
        )
        launch_button(project, task, {**shared, **own}, "Fit limits")


def _result(job: JobRecord) -> None:
    """The limits of the last run with how good they are."""
    output = job.outputs[-1]
    limits: dict[str, dict[str, Any]] = output["limits"]
    rows = pd.DataFrame(
        {
            "Class": list(limits),
            "Score": [limit["score"] for limit in limits.values()],
            "Size": [limit["size"] for limit in limits.values()],
            output["judge"]: [limit["f"] for limit in limits.values()],
            "P": [limit["precision"] for limit in limits.values()],
            "R": [limit["recall"] for limit in limits.values()],
            "True": [limit["truths"] for limit in limits.values()],
        }
    ).set_index("Class")
    numbers = ["Score", "Size", output["judge"], "P", "R"]
    rows[numbers] = rows[numbers].astype("float64")
    number = st.column_config.NumberColumn
    st.dataframe(
        rows,
        height="content",
        placeholder="",
        column_config={
            "Score": number(format="%.2f", help="Lowest score; empty = any."),
            "Size": number(format="%d", help="Smallest, in voxels; empty = any."),
            output["judge"]: number(format="%.3f", help="On the known objects, with these limits."),
            "P": number(format="%.2f", help="Precision."),
            "R": number(format="%.2f", help="Recall."),
            "True": number(help="Known objects of the class."),
        },
    )
    notes = [f"{name}: {limit['note']}" for name, limit in limits.items() if limit["note"]]
    if notes:
        st.caption(" ".join(notes))
    if output["kept"]:
        st.caption(f"Kept with the model {output['name']}: they count wherever no other limit is given.")
    elif st.button("Take into the form", key="limits-into-form"):
        task = find_task("cluster")
        set_values(
            task,
            {
                "min_score_by_class": {n: v["score"] for n, v in limits.items() if v["score"] is not None},
                "min_size_by_class": {n: float(v["size"]) for n, v in limits.items() if v["size"] is not None},
            },
        )
        st.rerun()
