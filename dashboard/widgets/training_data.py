"""What goes into a training: targets, their classes, who judges whom; and what it will cost."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.widgets.numbers import duration, plural, size
from engine.errors import UserError
from engine.project import Project
from engine.tasks import find_task, validated
from engine.tasks.train import estimated, training_data, visible_leaks
from engine.tasks.train_parameters import TrainParameters


def training_data_part(project: Project, raw: Mapping[str, Any]) -> None:
    """The table of targets, problems with them, and the estimate."""
    try:
        parameters = validated(find_task("train"), dict(raw))
        assert isinstance(parameters, TrainParameters)
        data = training_data(parameters, project)
    except UserError as error:
        st.caption(f":orange[{error}]")
        return
    lines, held = [], []
    for role, pairs in (("training", data.training), ("validation", data.validation)):
        for pair in pairs:
            line: dict[str, Any] = {"Tomogram": pair.name, "Role": role, "Target": pair.target.stem}
            counts = _voxels(project, pair.target.stem)
            for known in data.classes:
                objects = None if pair.objects is None else len(pair.objects.get(known.label, ()))
                voxels = None if counts is None else counts.get(known.label, 0)
                line[known.name] = objects if objects is not None else voxels
            if parameters.hard_negatives:
                line["Rejected picks"] = 0 if pair.rejected is None or role == "validation" else len(pair.rejected)
            lines.append(line)
            # A target may hold a class of which the table has no object here.
            classes = {known.name: known.label for known in data.classes}
            own = {name: line[name] if counts is None else counts.get(label, 0) for name, label in classes.items()}
            held.append({"Role": role, **own})
    # Such as membranes put under the objects: there, but no objects that could be counted.
    names = [known.name for known in data.classes]
    unlisted = [n for n in names if not any(line[n] for line in lines) and any(own[n] for own in held)]
    for line in lines:
        line |= dict.fromkeys(unlisted)
    counted = "objects" if any(pair.objects is not None for pair in data.pairs) else "voxels"
    st.markdown(f"**Data** :gray[{counted} of each class]")
    st.dataframe(pd.DataFrame(lines), hide_index=True)
    for note in data.notes:
        st.caption(f":orange[{note}]")
    if not data.validation:
        st.caption(
            ":orange[No validation targets: nothing will show whether the network learns by heart. Keep one tomogram "
            "for it.]"
        )
    for leak in () if parameters.allow_leakage else visible_leaks(data):
        st.caption(f":orange[Validation has seen what the network learns: {leak}; choose other tomograms for it.]")
    for sentence in absent_classes(held, names):
        st.caption(f":orange[{sentence}]")
    if unlisted:
        st.caption(f"In the targets, though not among the objects: {', '.join(unlisted)}.")
    judged = len(data.validation) if parameters.object_scores and counted == "objects" else 0
    _estimate(project, parameters, judged)


def absent_classes(lines: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """A sentence for each role whose targets lack classes.

    Parameters
    ----------
    lines
        One for each target: its "Role", and by class how much of it there is; None = nobody counted, which is no
        reason to say that it is not there.
    names
        Of the classes.
    """
    found = []
    for role in ("training", "validation"):
        here = [line for line in lines if line["Role"] == role]
        absent = [name for name in names if here and all(line[name] == 0 for line in here)]
        if absent:
            found.append(f"{', '.join(absent)} {'do' if len(absent) > 1 else 'does'} not occur in the {role} targets.")
    return found


def _estimate(project: Project, parameters: TrainParameters, judged: int) -> None:
    """The button and what came of it; `judged` whole tomograms are searched for objects, whose time is not measured."""
    question = parameters.model_dump_json()
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Estimate time and memory", help="Runs one step of training on this machine."):
            with st.spinner("Measuring a step …"):
                try:
                    st.session_state["train.estimate"] = (question, estimated(parameters, project))
                except UserError as error:
                    st.session_state["train.estimate"] = (question, str(error))
        known = st.session_state.get("train.estimate")
        if known is None or known[0] != question:
            return
        found = known[1]
        if isinstance(found, str):
            st.caption(f":orange[{found}]")
            return
        words = (
            f"{duration(found.seconds_per_epoch)} per epoch, {duration(found.seconds)} in all on this machine; "
            f"{size(found.peak_bytes)} of {size(found.free_bytes)} free memory"
        )
        if judged:
            words += f"; finding objects in {plural(judged, 'whole validation tomogram')} comes on top"
        st.caption(words if found.fits else f":orange[{words}: choose a smaller patch or batch.]")


def _voxels(project: Project, key: str) -> dict[int, int] | None:
    """Voxels of each label, as the description of a target says; None where it says nothing."""
    try:
        labels = project.segmentation(key).made_by.get("labels")
    except UserError:
        return None
    return {int(label): int(count) for label, count in labels.items()} if labels else None
