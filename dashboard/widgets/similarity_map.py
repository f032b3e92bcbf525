"""Objects by resemblance: a map of the first two principal components of their crops, in which a lasso selects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard.viewer.crop_reading import CubeReader
from dashboard.widgets import class_colours
from dashboard.widgets.gallery import GallerySettings
from engine.errors import UserError
from engine.objects import ObjectTable
from engine.objects.similarity import Embedding, embed, order_along, order_by_similarity
from engine.project import Project

EDGE = 20
"""Voxels of the crops that are compared: particles of a few hundred Å at 15 to 20 Å a voxel, noise averaged out."""

GREY = "#999999"


@dataclass(frozen=True, eq=False)
class _Known:
    """An embedding and what it was made from: tomogram and place (z, y, x) of each object, in the order of the ids."""

    root: str
    box_angstrom: float
    ids: pd.Index
    tomograms: np.ndarray
    places: np.ndarray
    embedding: Embedding


def similarity_map(
    project: Project,
    table: ObjectTable,
    version: str,
    settings: GallerySettings,
    selected: Sequence[int] = (),
    *,
    colours: Mapping[str, str] | None = None,
    height: int = 460,
    key: str = "similarity-map",
) -> list[int] | None:
    """Show the map; returns the ids that a box or lasso selected just now (each selection once), else None.

    Parameters
    ----------
    project, table, version
        Which objects.
    settings
        The box of the gallery.
    selected
        Ids drawn as selected.
    colours
        Of the classes; None takes those of `class_colours`.
    height
        CSS pixels.
    key
        Streamlit's key.
    """
    found = embedding(project, table, version, settings.box_angstrom)
    if found is None:
        return None
    rows = table.rows
    by = "class"
    with st.container(horizontal=True, vertical_alignment="center"):
        if rows["score"].notna().any():
            by = st.segmented_control(
                "Colour", ("class", "score"), default="class", key=f"{key}.by", required=True, format_func=_by
            )
        st.caption(explanation(found))
    drawn = similarity_figure(
        found.coordinates,
        rows["id"].to_list(),
        rows["class"].to_list(),
        colours if colours is not None else class_colours.of_table(project, table),
        rows["score"].to_numpy() if by == "score" else None,
        selected,
    )
    drawn.update_layout(height=height)
    event: Any = st.plotly_chart(
        drawn, key=key, on_select="rerun", selection_mode=("box", "lasso"), config={"displaylogo": False}
    )
    ids = selected_ids(drawn, event["selection"]["points"])
    heard = f"{key}.heard"
    if ids == st.session_state.get(heard, []):
        return None
    st.session_state[heard] = ids
    return ids


def similarity_order(
    project: Project,
    table: ObjectTable,
    version: str,
    settings: GallerySettings,
    selected: Sequence[int],
    descending: bool = False,
) -> list[int]:
    """Ids by resemblance to the mean of the selected objects, or along the first component while none is selected.

    Descending shows those that resemble it least first. Objects without a picture are last either way. Where nothing
    can be compared the sentence is shown and the order is that of the table.
    """
    numbers = table.rows["id"].to_numpy()
    found = embedding(project, table, version, settings.box_angstrom)
    if found is None:
        return [int(i) for i in numbers]
    chosen = pd.Index(numbers).get_indexer(np.asarray(selected, dtype=np.int64))
    chosen = chosen[chosen >= 0]
    usable = np.isfinite(found.coordinates).all(axis=1)
    if usable[chosen].any():
        places = order_by_similarity(found.coordinates, chosen.tolist())
        if descending:
            places = np.concatenate([places[: usable.sum()][::-1], places[usable.sum() :]])
    else:
        places = order_along(found.coordinates, 0, descending)
    return [int(i) for i in numbers[places]]


def embedding(
    project: Project, table: ObjectTable, version: str, box_angstrom: float, key: str = "similarity"
) -> Embedding | None:
    """Where the objects of a table lie among each other, in the order of its rows.

    Kept in the session: rows that are judged, relabelled, filtered or deleted are looked up and not computed anew.
    Shows progress, and a sentence where it cannot be computed (None is returned then).
    """
    rows = table.rows
    ids = pd.Index(rows["id"])
    tomograms, places = rows["tomogram"].to_numpy(dtype=object), table.coordinates_zyx()
    known: _Known | None = st.session_state.get(f"{key}.known")
    if known is not None and (known.root, known.box_angstrom) == (str(project.root), box_angstrom):
        before = known.ids.get_indexer(ids)
        same = (before >= 0).all() and np.array_equal(known.places[before], places, equal_nan=True)
        if same and np.array_equal(known.tomograms[before], tomograms):
            old = known.embedding
            return Embedding(old.coordinates[before], old.explained, old.learnt)
    crops = CubeReader(table, rows["id"].to_list(), box_angstrom, EDGE)
    bar = st.progress(0.0, "Comparing crops")
    try:
        found = embed(crops, len(crops), progress=lambda part: bar.progress(min(part, 1.0), "Comparing crops"))
    except UserError as error:
        st.warning(" ".join([str(error), *crops.problems.values()]), icon=":material/warning:")
        return None
    finally:
        bar.empty()
    st.session_state[f"{key}.known"] = _Known(str(project.root), box_angstrom, ids, tomograms, places, found)
    return found


def explanation(found: Embedding) -> str:
    """What the map shows, in one line."""
    shares = " and ".join(f"{100 * part:.2g} %" for part in found.explained[:2])
    learnt = f", learnt from {found.learnt:,} of them" if found.learnt < len(found) else ""
    missing = int((~np.isfinite(found.coordinates).all(axis=1)).sum())
    left_out = f" · {missing:,} without a picture are not shown" if missing else ""
    return f"{len(found):,} crops{learnt}: components hold {shares} of the variance · box or lasso selects{left_out}"


def _by(column: str) -> str:
    return f"by {column}"


def similarity_figure(
    coordinates: np.ndarray,
    ids: Sequence[int],
    classes: Sequence[str] | None,
    colours: Mapping[str, str],
    scores: np.ndarray | None,
    selected: Sequence[int],
) -> go.Figure:
    """The figure: WebGL points, one trace for each class or one coloured by score. Ids are its customdata."""
    coordinates = np.asarray(coordinates, dtype=np.float64)
    if coordinates.shape[1] < 2:  # two objects differ in one way only
        coordinates = np.column_stack([coordinates, np.zeros(len(coordinates))])
    usable = np.isfinite(coordinates[:, :2]).all(axis=1)
    numbers = np.asarray(ids, dtype=np.int64)
    chosen = np.isin(numbers, np.asarray(selected, dtype=np.int64))
    names = np.asarray(classes if classes is not None else [""] * len(numbers), dtype=object)
    figure = go.Figure()
    groups = [None] if scores is not None else sorted(set(names[usable]))
    for group in groups:
        part = np.flatnonzero(usable if group is None else usable & (names == group))
        marker: dict[str, Any] = {"size": 5, "color": colours.get(group or "", GREY)}
        hover = "object %{customdata}" + (f"<br>{group}" if group else "")
        if scores is not None:
            values = np.asarray(scores, dtype=np.float64)[part]
            marker |= {"color": values, "colorscale": "Viridis", "colorbar": {"title": "score", "thickness": 10}}
            hover += "<br>score %{marker.color:.3g}"
        figure.add_scattergl(
            x=coordinates[part, 0],
            y=coordinates[part, 1],
            mode="markers",
            name=group or "objects",
            marker=marker,
            customdata=numbers[part],
            hovertemplate=hover + "<extra></extra>",
            selectedpoints=np.flatnonzero(chosen[part]).tolist() if chosen.any() else None,
            unselected={"marker": {"opacity": 0.25}},
        )
    figure.update_layout(
        dragmode="lasso",
        uirevision="similarity",  # zoom and place stay when colours or selection change
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        xaxis_title="component 1",
        yaxis_title="component 2",
        showlegend=scores is None and len(groups) > 1,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )
    return figure


def selected_ids(figure: go.Figure, points: Sequence[Mapping[str, Any]]) -> list[int]:
    """The ids of selected points, sorted; each names its trace and its place in it."""
    traces = figure.data
    found = set()
    for point in points:
        trace, place = int(point["curve_number"]), int(point["point_index"])
        if trace < len(traces) and place < len(traces[trace].customdata):
            found.add(int(traces[trace].customdata[place]))
    return sorted(found)
