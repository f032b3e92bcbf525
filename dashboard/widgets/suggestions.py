"""What can be read off the data instead of guessed, with its reason and a button that takes it; nothing by itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from dashboard.widgets.size_histogram import size_histogram
from dashboard.widgets.task_form import set_values
from engine.errors import UserError
from engine.instances import (
    component_sizes,
    suggest_min_distance,
    suggest_particle_cluster,
    suggest_sizes,
    suggest_workflow,
)
from engine.project import Project
from engine.tasks import find_task
from engine.tasks.dividing import PickBasis
from engine.tasks.whole_tomogram import lamella
from engine.tasks.workflows import WorkflowPreview

ASKED = "suggestion-asked"


def take_asked() -> None:
    """Put a suggestion that was taken into the forms; to be called before they are drawn."""
    for task, values in st.session_state.pop(ASKED, {}).items():
        set_values(find_task(task), values)


def ask(values: Mapping[str, Mapping[str, Any]]) -> None:
    """Set fields of forms ("unsupervised", "pick") in a new run of the page."""
    st.session_state[ASKED] = {task: dict(fields) for task, fields in values.items()}
    st.rerun()


def suggestions(
    project: Project,
    tomogram: str,
    basis: PickBasis | None,
    picking: Mapping[str, Any],
    learning: Mapping[str, Any] | None = None,
    workflows: Sequence[WorkflowPreview] = (),
) -> None:
    """Three columns below the viewer: slices, particle cluster and distance, sizes.

    Parameters
    ----------
    project, tomogram
        Where.
    basis
        What is known of the box; None where there is no result.
    picking
        The raw parameters of S2, as the form holds them.
    learning
        The raw parameters of S1, where the page has them.
    workflows
        What each workflow gives in the box, where the page has them.
    """
    slices, cluster, sizes = st.columns([1, 1, 1.3], gap="medium")
    with slices:
        _part("Slices", lambda: _slices(project, tomogram, picking, learning))
        _part("Division", lambda: _division(_there(basis), picking))
    with cluster:
        _part("Particle cluster and distance", lambda: _cluster(_there(basis), picking))
    with sizes:
        _part("Sizes (voxels per piece)", lambda: _sizes(_there(basis), picking))
        if learning is not None and picking.get("mode") == "dips":
            _part("Workflow", lambda: _workflow(workflows, learning))


def _there(basis: PickBasis | None) -> PickBasis:
    if basis is None:
        raise UserError("There is no result in this box to look at.")
    return basis


def _part(title: str, draw: Callable[[], None]) -> None:
    st.markdown(f"**{title}**")
    try:
        draw()
    except UserError as error:
        st.caption(str(error))


def _slices(project: Project, tomogram: str, picking: Mapping[str, Any], learning: Mapping[str, Any] | None) -> None:
    found = lamella(project, tomogram)
    st.caption(found.reason)
    if found.upper - found.lower == len(found.spread):
        return
    # S1 excludes the upper slice, S2 includes it.
    wanted = {"pick": {"lower_z": found.lower, "upper_z": found.upper - 1}}
    forms = {"pick": picking}
    if learning is not None:
        wanted["unsupervised"] = {"lower_z": found.lower, "upper_z": found.upper}
        forms["unsupervised"] = learning
    taken = all(forms[form].get(name) == value for form, fields in wanted.items() for name, value in fields.items())
    if not taken and st.button("Pick there" if learning is None else "Learn and pick there", key="take-slices"):
        ask(wanted)


def _division(basis: PickBasis, picking: Mapping[str, Any]) -> None:
    if picking.get("mode") == "dips":
        for reason in basis.reasons:
            st.caption(reason)
        return
    st.caption(
        "Dividing where the density dips also leaves out what is faint (noise) and what is far too dark (gold); the "
        "limits are found in the data and said here."
    )
    if st.button("Divide at dips", key="take-dips"):
        ask({"pick": {"mode": "dips"}})


def _workflow(workflows: Sequence[WorkflowPreview], learning: Mapping[str, Any]) -> None:
    scores = {" + ".join(w.workflow): w.scores for w in workflows if w.labels is not None}
    found = suggest_workflow(scores)
    st.caption(found.reason)
    features, clustering = found.workflow.split(" + ")
    taken = (learning.get("features"), learning.get("clustering")) == (features, clustering)
    if not taken and st.button(f"Use {found.workflow}", key="take-workflow"):
        ask({"unsupervised": {"features": features, "clustering": clustering}})


def _cluster(basis: PickBasis, picking: Mapping[str, Any]) -> None:
    suggested = suggest_particle_cluster(basis.labels, basis.density)
    st.caption(suggested.reason)
    if picking.get("particle_cluster") != suggested.cluster and st.button(
        f"Pick from cluster {suggested.cluster}", key="take-cluster"
    ):
        ask({"pick": {"particle_cluster": suggested.cluster}})
    distance = suggest_min_distance(_mask(basis, picking))
    st.caption(distance.reason)
    taken = picking.get("mode") == "watershed" and picking.get("min_distance") == distance.min_distance
    if not taken and st.button(f"Watershed, {distance.min_distance} voxels apart", key="take-distance"):
        ask({"pick": {"mode": "watershed", "min_distance": distance.min_distance}})


def _sizes(basis: PickBasis, picking: Mapping[str, Any]) -> None:
    # All pieces, before the limits: what the limits leave out must stay visible.
    sizes = basis.all_sizes if len(basis.all_sizes) else component_sizes(_mask(basis, picking))
    suggested = suggest_sizes(sizes)
    limits = (picking.get("min_size"), picking.get("max_size"))
    moved = size_histogram(suggested.edges, suggested.counts, limits, key="size-limits")
    if moved is not None and moved != limits:
        ask({"pick": {"min_size": moved[0], "max_size": moved[1]}})
    st.caption(suggested.reason)
    wanted = (suggested.minimum, suggested.maximum)
    if picking.get("mode") == "dips" and not suggested.clear:
        return  # noise is left out by how faint it is: without a gap, size says nothing more
    if wanted != limits and wanted != (None, None):
        if st.button(_kept(*wanted), key="take-sizes"):
            ask({"pick": {"min_size": wanted[0], "max_size": wanted[1]}})


def _kept(minimum: int | None, maximum: int | None) -> str:
    if maximum is None:
        return f"Keep {minimum:,} voxels and more"
    if minimum is None:
        return f"Keep up to {maximum:,} voxels"
    return f"Keep {minimum:,} to {maximum:,} voxels"


def _mask(basis: PickBasis, picking: Mapping[str, Any]) -> np.ndarray:
    mask: np.ndarray = basis.labels == picking.get("particle_cluster", 1)
    if not mask.any():
        raise UserError("The particle cluster has no voxel in this box.")
    return mask
