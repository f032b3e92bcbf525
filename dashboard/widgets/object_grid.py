"""The grid of an object table: all of its rows to filter, sort, select and edit, with undo.

The browser side holds the columns, so that filtering, sorting and scrolling need no answer of the server, shows an edit
at once, and says "saved" when the page has saved it. What was done reaches the page as events, each once.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.viewer import column_bytes, mounting
from dashboard.viewer.contents import runs
from dashboard.viewer.hearing import acknowledged, hear
from dashboard.viewer.outbox import Event
from dashboard.widgets import current, object_filter, table_editing
from engine.objects import ObjectTable, apply_changes, delete, keep
from engine.objects.review import VERDICT
from engine.objects.table import COLUMNS, COORDINATES
from engine.project import Project

HEIGHT = 400
KEY = "object-grid"
FIRST = ("id", "class", "x", "y", "z", "size", "score")
UNITS = {"rot": " (°)", "tilt": " (°)", "psi": " (°)"}
"""The others are in voxels, which the line below the grid says."""
DIGITS = {"id": 0, "x": 2, "y": 2, "z": 2, "score": 3, "size": 0, "rot": 1, "tilt": 1, "psi": 1}
FIXED = ("id", "tomogram", VERDICT)
"""Not edited here: results refer to ids and tomograms, and verdicts are given in the gallery."""

_mount = st.components.v2.component(
    "tomodeck_object_grid",
    html=mounting.HTML,
    css=mounting.style("object_grid.css"),
    js=mounting.script("object_grid.js", "The table"),
)


def object_grid(project: Project, name: str, table: ObjectTable, version: str, colours: Mapping[str, str]) -> None:
    """Show the table; act on what was done in it.

    Parameters
    ----------
    project, name
        Which table.
    table, version
        All of its rows, and of which state they are.
    colours
        Of the classes, "#rrggbb".
    """
    history = project.tables.history(name)
    tab = f"{current.session_id()} {KEY}"
    columns = shown_columns(table)

    def listen() -> None:
        hear(tab, st.session_state[KEY]["outbox"], lambda event: take_event(project, name, version, event))

    data: dict[str, Any] = {
        # Of another table nothing that was done here may be left.
        "owner": f"{KEY} {project.root} {name}",
        "tab": tab,
        "acknowledged": acknowledged(tab),
        "rows": _prepared(project, name, table, version, columns),
        "columns": [_described(table, column) for column in columns],
        "selected": runs(_places(table, table_editing.selected(table))),
        "filter": object_filter.of(table),
        "classes": [list(named) for named in colours.items()],
        "undo": history.can_undo,
        "redo": history.can_redo,
        "height": HEIGHT,
    }
    _mount(key=KEY, data=data, default={"outbox": []}, on_outbox_change=listen)


def take_event(project: Project, name: str, version: str, event: Event) -> dict[str, Any] | None:
    """What a person did in the grid; returns of an edit whether it is saved, and the key of the rows it led to."""
    kind = event["type"]
    saved = None
    ids = [int(i) for i in event.get("ids", [])]
    if kind == "filter":
        object_filter.keep(event["filter"])
    elif kind == "selected":
        st.session_state["objects.came-from"] = ""
        table_editing.select(ids)
    elif kind == "cells":
        changes = {int(i): cells for i, cells in event["changes"].items()}
        saved = table_editing.change(project, name, version, lambda t: apply_changes(t, changes))
    elif kind == "deleted":
        saved = table_editing.change(project, name, version, lambda t: delete(t, ids))
    elif kind == "kept":
        saved = table_editing.change(
            project, name, version, lambda t: keep(t, object_filter.shown(t).rows["id"].tolist())
        )
    elif kind in ("undo", "redo"):
        saved = table_editing.step(project, name, version, forward=kind == "redo")
    return None if saved is None else {"saved": saved, "rows": _key(project, name, project.tables.version(name))}


def shown_columns(table: ObjectTable) -> list[str]:
    """Columns in the order of the grid; angles, scores and sizes that nobody knows are left out."""
    rows = table.rows
    ordered = [*FIRST, *(column for column in rows if column not in FIRST)]
    optional = {c for c in COLUMNS if c in DIGITS and c not in (*COORDINATES, "id")}
    return [c for c in ordered if not (c in optional and rows[c].isna().all())]


def _described(table: ObjectTable, column: str) -> dict[str, Any]:
    digits = 0 if pd.api.types.is_integer_dtype(table.rows[column]) else DIGITS.get(column)
    return {
        "name": column,
        "label": column + UNITS.get(column, ""),
        "digits": digits,
        "editable": column not in FIXED,
    }


def _prepared(project: Project, name: str, table: ObjectTable, version: str, columns: Sequence[str]) -> str:
    """The key of the columns' bytes; made once for each state of a table."""
    key = _key(project, name, version)
    if not column_bytes.holds(key):
        content = column_bytes.encode({column: _for_browser(table.rows[column]) for column in columns})
        column_bytes.register(content, key)
    return key


def _key(project: Project, name: str, version: str) -> str:
    return hashlib.sha1(f"{project.root} {name} {version}".encode(), usedforsecurity=False).hexdigest()[:20]


def _for_browser(values: pd.Series) -> np.ndarray | pd.Series:
    """Numbers in the precision that is shown; those that are filtered by, and further columns, as they are."""
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return values.astype("string")
    precise = values.name in object_filter.RANGES or values.name not in DIGITS or values.name == "id"
    return values.to_numpy(dtype=np.float64 if precise else np.float32, na_value=np.nan)


def _places(table: ObjectTable, ids: Sequence[int]) -> np.ndarray:
    return np.flatnonzero(table.rows["id"].isin(ids).to_numpy()) if ids else np.empty(0, np.int64)
