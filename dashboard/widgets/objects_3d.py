"""All objects of one tomogram in space, coloured by class."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from dashboard.widgets.numbers import plural
from engine.objects import ObjectTable

MOST = 30_000
"""Points that a browser turns without a stall."""


CAMERA = {"eye": {"x": 1.55, "y": 1.55, "z": 1.25}, "center": {"x": 0, "y": 0, "z": -0.12}}
"""Far enough away for the nearest corner of a flat tomogram, with the names of its axes, to be in the picture."""


def objects_3d(table: ObjectTable, tomogram: str, selected: list[int], colours: Mapping[str, str]) -> None:
    """A view that turns with the mouse, a colour for each class; selected objects are larger."""
    rows = table.rows[table.rows["tomogram"] == tomogram]
    if not len(rows):
        st.caption(f"No objects in {tomogram}.")
        return
    total = len(rows)
    if total > MOST:
        rows = rows.sample(MOST, random_state=0)
    figure = go.Figure()
    marked = set(selected)
    for name, members in rows.groupby("class", sort=True):
        sizes = np.where(members["id"].isin(marked), 9, 4)
        figure.add_scatter3d(
            x=members["x"],
            y=members["y"],
            z=members["z"],
            name=f"{name} ({len(members):,})",
            mode="markers",
            marker={"size": sizes, "color": colours[str(name)], "line": {"width": 0}},
            customdata=members["id"],
            hovertemplate="id %{customdata}<br>x %{x:.1f} y %{y:.1f} z %{z:.1f}<extra>" + str(name) + "</extra>",
        )
    if tomogram in table.tomograms:
        figure.add_scatter3d(**_edges(table.tomograms[tomogram].shape), showlegend=False, hoverinfo="skip")
    figure.update_layout(
        height=460,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        scene={
            "camera": CAMERA,
            "aspectmode": "data",
            **{f"{axis}axis": {"title": f"{axis} (voxel)"} for axis in "xyz"},
        },
        legend={"x": 0, "y": 1, "itemsizing": "constant"},
        uirevision=tomogram,
    )
    st.plotly_chart(figure, key="objects-3d")
    if total > MOST:
        st.caption(f"{MOST:,} of {plural(total, 'object')}, drawn at random.")


def _edges(shape: tuple[int, int, int]) -> dict[str, object]:
    """The outline of a volume (z, y, x) as one line with gaps."""
    z, y, x = (n - 0.5 for n in shape)
    low = -0.5
    corners = [(a, b, c) for a in (low, x) for b in (low, y) for c in (low, z)]
    line: list[tuple[float | None, float | None, float | None]] = []
    for i, first in enumerate(corners):
        for second in corners[i + 1 :]:
            if sum(p != q for p, q in zip(first, second, strict=True)) == 1:
                line += [first, second, (None, None, None)]
    xs, ys, zs = zip(*line, strict=True)
    return {"x": xs, "y": ys, "z": zs, "mode": "lines", "line": {"color": "#888888", "width": 2}}
