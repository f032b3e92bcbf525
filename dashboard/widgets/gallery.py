"""A gallery of particles: the central slice of each, selectable by click and arrow keys."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image

from engine.objects import ObjectTable, central_slices
from engine.project import Project
from engine.volumes import to_display

SHEET_COLUMNS = 12
CELL = 84
"""Side of one picture, CSS pixels."""

_CSS = """
#grid { display: grid; grid-template-columns: repeat(auto-fill, var(--cell)); gap: 6px; padding: 2px; }
#grid button { width: var(--cell); height: var(--cell); padding: 0; border: 0; background: none; cursor: pointer;
  outline: 2px solid transparent; border-radius: 2px; }
#grid button span { display: block; width: 100%; height: 100%; image-rendering: auto; border-radius: 2px; }
#grid button:hover { outline-color: var(--st-border-color); }
#grid button:focus-visible { outline-color: var(--st-text-color); }
#grid button.selected { outline-color: var(--st-primary-color); }
"""

_mount = st.components.v2.component(
    "tomodeck_gallery",
    html='<div id="grid" role="listbox" aria-label="Particles"></div>',
    css=_CSS,
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)


def gallery(
    project: Project,
    table: ObjectTable,
    version: str,
    box_angstrom: float,
    average: int,
    selected: Sequence[int],
) -> int | None:
    """Show one picture per row of `table` (a page of them); returns the id that was clicked just now.

    Parameters
    ----------
    project
        Where the tomograms are.
    table
        A page of rows.
    version
        Of the table, for the cache.
    box_angstrom
        Edge of the square cut out around each particle.
    average
        Slices averaged for a picture.
    selected
        Ids drawn with a frame.
    """
    rows = table.rows
    ids = [int(i) for i in rows["id"]]
    sheet = _sheet(project, table, version, tuple(ids), box_angstrom, average)
    columns = (rows[c] for c in ("id", "class", "x", "y", "z"))
    labels = [f"{i}: {kind}, x {x:.0f} y {y:.0f} z {z:.0f}" for i, kind, x, y, z in zip(*columns, strict=True)]
    result = _mount(
        key="gallery",
        data={
            "sheet": "data:image/jpeg;base64," + base64.b64encode(sheet).decode(),
            "ids": ids,
            "labels": labels,
            "cell": CELL,
            "sheetColumns": SHEET_COLUMNS,
            "selected": list(selected),
        },
        default={"picked": None},
        on_picked_change=lambda: None,
    )
    picked = result.picked
    if not picked or st.session_state.get("gallery-heard") == picked["count"]:
        return None
    st.session_state["gallery-heard"] = picked["count"]
    return int(picked["id"])


def _sheet(
    project: Project,
    table: ObjectTable,
    version: str,
    ids: tuple[int, ...],
    box_angstrom: float,
    average: int,
) -> bytes:
    """All pictures in one JPEG, from the session's memory while nothing changed."""
    question = (version, ids, box_angstrom, average)
    known = st.session_state.get("gallery-sheet")
    if known is not None and known[0] == question:
        return known[1]
    pixels = 2 * CELL  # sharp on dense screens
    count = max(len(ids), 1)
    sheet = Image.new("L", (SHEET_COLUMNS * pixels, -(-count // SHEET_COLUMNS) * pixels), 128)
    names = table.rows["tomogram"].to_numpy()
    for name in dict.fromkeys(names):
        places = np.flatnonzero(names == name)
        voxel = project.geometry(name).voxel_size
        box = max(8, round(box_angstrom / voxel[2]))
        with project.open_tomogram(name) as volume:
            crops = central_slices(volume.array, table.coordinates_zyx()[places], box, average)
        low, high = np.percentile(crops, (1, 99))
        for place, crop in zip(places, crops, strict=True):
            picture = Image.fromarray(to_display(crop, float(low), float(high)))
            picture = picture.resize((pixels, pixels), Image.Resampling.BILINEAR)
            sheet.paste(picture, (place % SHEET_COLUMNS * pixels, place // SHEET_COLUMNS * pixels))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=88)
    st.session_state["gallery-sheet"] = (question, buffer.getvalue())
    return buffer.getvalue()
