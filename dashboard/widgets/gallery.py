"""A gallery of particles: pictures of thousands of objects to scroll through, select, judge and relabel by key.

The browser side draws only what is visible, fetches pictures as sheets from `dashboard.viewer.crop_routes`, and applies
what a person does at once; the page hears of it in batches. What a page does with the events is the page's business.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.viewer import column_bytes, crop_sheets, gallery_rows, mounting
from dashboard.viewer.contents import runs
from dashboard.viewer.hearing import acknowledged, hear
from dashboard.viewer.outbox import Event
from dashboard.widgets import current
from engine.objects import ObjectTable
from engine.project import Project

_mount = st.components.v2.component(
    "tomodeck_gallery",
    html=mounting.HTML,
    css=mounting.style("gallery.css"),
    js=mounting.script("gallery.js", "The gallery"),
)


@dataclass(frozen=True)
class GallerySettings:
    """How the pictures look.

    Attributes
    ----------
    box_angstrom
        Edge of the square cut out around each particle, Å.
    average
        Slices averaged for a picture.
    planes
        Which planes stand side by side in a cell: "z" is XY, "y" is XZ, "x" is YZ.
    cell
        Edge of one plane's picture, CSS pixels.
    """

    box_angstrom: float = 400.0
    average: int = 5
    planes: tuple[str, ...] = ("z",)
    cell: int = 88


def gallery(
    project: Project,
    table: ObjectTable,
    version: str,
    order: Sequence[int],
    settings: GallerySettings,
    selected: Sequence[int],
    classes: Sequence[tuple[str, str]],
    heard: Callable[[Event], None] | None = None,
    *,
    height: int = 420,
    key: str = "gallery",
) -> list[Event]:
    """Show pictures of objects; returns what the person did since the last run, each thing once.

    Parameters
    ----------
    project
        Where the tomograms are.
    table
        The rows; a column `verdict` is shown where there is one (`engine.objects.review`).
    version
        Of the table: rows are prepared anew only when it, the order or the voxel sizes change.
    order
        Ids in the order to show; those that the table does not hold are passed over, rows not named are not shown.
    settings
        How the pictures look.
    selected
        Ids drawn as selected.
    classes
        Name and colour (#rrggbb); the first nine have the keys 1 to 9.
    heard
        Called for each event before the page runs; without it they are returned.
    height
        Of the gallery, CSS pixels.
    key
        Streamlit's key; different for two galleries in one script.

    Returns
    -------
    list of dict
        {"type": "selected", "ids": […]}, {"type": "verdict", "ids": […], "verdict": "accepted" | "rejected" | ""},
        {"type": "class", "ids": […], "name": …}, {"type": "delete", "ids": […]}, {"type": "undo"}, {"type": "redo"}.
        What was done to many objects in a row comes as few events; the browser shows verdicts and classes at once, and
        when the page answers with a table that says otherwise, what the table says.
    """
    shown = _prepared(project, table, version, order, key)
    tab, told, pending = f"{current.session_id()} {key}", f"{key}.told", f"{key}.pending"

    def listen() -> None:
        kept: list[Event] = []
        hear(tab, st.session_state[key]["outbox"], heard or kept.append)
        if heard is None:
            st.session_state[pending] = [*st.session_state.get(pending, []), *kept]

    data: dict[str, Any] = {
        "owner": key,
        "acknowledged": acknowledged(tab) if heard is not None else st.session_state.get(told, {}),
        "rows": shown.rows_key,
        "sheets": shown.sheets,
        "perSheet": crop_sheets.PER_SHEET,
        "sheetColumns": crop_sheets.COLUMNS,
        "look": {**asdict(settings), "planes": "".join(p for p in "zyx" if p in settings.planes) or "z"},
        "selected": _runs(shown.ids, selected),
        "classes": [list(named) for named in classes],
        "height": height,
    }
    _mount(key=key, data=data, default={"outbox": []}, on_outbox_change=listen)
    if heard is None:
        # The browser drops what it applied itself once it is told: only after a run in which the page could act.
        st.session_state[told] = acknowledged(tab)
    return st.session_state.pop(pending, [])


@dataclass(frozen=True, eq=False)
class _Prepared:
    """What the browser is given of one state of a table."""

    question: tuple
    ids: np.ndarray
    rows_key: str
    sheets: list[str]


def _prepared(project: Project, table: ObjectTable, version: str, order: Sequence[int], key: str) -> _Prepared:
    """Rows and sheets, from the session's memory while nothing changed."""
    wanted = np.asarray(order, dtype=np.int64)
    sizes = {name: g.voxel_size[2] for name, g in table.tomograms.items()}
    question = (str(project.root), version, len(table), hash(wanted.tobytes()), tuple(sizes.items()))
    known: _Prepared | None = st.session_state.get(f"{key}.prepared")
    if known is not None and known.question == question and _still_there(known):
        return known
    places = pd.Index(table.rows["id"]).get_indexer(wanted)
    part = table.with_rows(table.rows.iloc[places[places >= 0]])
    present = {t.name: t for t in project.tomograms() if t.info is not None}
    versions = {}
    for name in part.rows["tomogram"].unique():
        found = present.get(name)
        # Of a tomogram that is gone the pictures say so.
        sizes.setdefault(name, found.voxel_size[2] if found else 1.0)
        versions[name] = _file_version(found.path) if found else ""
    sheets = crop_sheets.register(part.rows["tomogram"].to_list(), part.coordinates_zyx(), sizes, versions)
    made = _Prepared(question, part.rows["id"].to_numpy(), gallery_rows.register(part), sheets)
    st.session_state[f"{key}.prepared"] = made
    return made


def _file_version(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}"


def _still_there(known: _Prepared) -> bool:
    return column_bytes.holds(known.rows_key) and crop_sheets.hold(known.sheets)


def _runs(ids: np.ndarray, selected: Sequence[int]) -> list[list[int]]:
    """Places of the selected among the shown, as runs."""
    places = pd.Index(ids).get_indexer(np.asarray(selected, dtype=np.int64))
    return runs(places[places >= 0])
