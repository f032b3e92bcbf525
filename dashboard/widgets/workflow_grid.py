"""The workflows side by side: a slice of the box with what each finds, selectable by click and arrow keys."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw

from engine.tasks.workflows import SideBySide, Workflow, WorkflowPreview
from engine.volumes import to_display
from engine.words import plural

PIXELS = 336
"""Side of a picture: sharp at 168 CSS pixels on dense screens."""

MOST_CIRCLES = 80

CLUSTER = (230, 159, 0)
PICK = (240, 228, 66)
"""Colours of particle cluster and picks, as in the viewer."""

_CSS = """
#tiles { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; padding: 2px; }
#tiles button { display: block; width: 100%; padding: 0; border: 0; background: none; cursor: pointer; text-align: left;
  color: var(--st-text-color); font: inherit; border-radius: 3px; outline: 2px solid transparent; outline-offset: 1px; }
#tiles img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 3px;
  background: var(--st-secondary-background-color); }
#tiles b { display: block; font-size: 0.8rem; font-weight: 600; padding: 3px 2px 0; }
#tiles small { display: block; font-size: 0.75rem; opacity: 0.75; padding: 0 2px 3px; line-height: 1.2;
  font-variant-numeric: tabular-nums; }
#tiles button:hover { outline-color: var(--st-border-color); }
#tiles button:focus-visible { outline-color: var(--st-text-color); }
#tiles button.selected { outline-color: var(--st-primary-color); }
#tiles .selected b::after { content: " · in use"; color: var(--st-primary-color); font-weight: 500; }
"""

_mount = st.components.v2.component(
    "tomodeck_workflows",
    html='<div id="tiles" role="listbox" aria-label="Workflows"></div>',
    css=_CSS,
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)


def workflow_grid(found: SideBySide, z: int, radius: float, selected: Workflow) -> Workflow | None:
    """Show the workflows; returns the one that was clicked just now.

    Parameters
    ----------
    found
        The answer for a box.
    z
        The slice shown, of the whole tomogram; the box's nearest where it lies outside.
    radius
        Of a pick, voxels.
    selected
        The workflow that the form holds.
    """
    tiles = [_tile(found, preview, z, radius) for preview in found.previews]
    result = _mount(
        key="workflow-grid",
        data={"tiles": tiles, "selected": name(selected)},
        default={"picked": None},
        on_picked_change=lambda: None,
    )
    picked = result.picked
    if not picked or st.session_state.get("workflows-heard") == picked["count"]:
        return None
    st.session_state["workflows-heard"] = picked["count"]
    return next((p.workflow for p in found.previews if name(p.workflow) == picked["id"]), None)


def name(workflow: Workflow) -> str:
    """As it is written: "gabor + gmm"."""
    return " + ".join(workflow)


def picture(found: SideBySide, preview: WorkflowPreview, z: int, radius: float) -> Image.Image:
    """A slice of the box with particle cluster and picks; only the density where there are no labels."""
    place = min(max(z - found.box.start[0], 0), found.box.shape[0] - 1)
    near = found.density[max(place - 1, 0) : place + 2].astype(np.float32).mean(0)
    low, high = np.percentile(near, (1, 99))
    grey = to_display(near, float(low), float(high))
    rgb = np.repeat(grey[:, :, None], 3, axis=2).astype(np.float32)
    if preview.labels is not None:
        inside = preview.labels[place] == 1
        rgb[inside] = 0.62 * rgb[inside] + 0.38 * np.array(CLUSTER, np.float32)
    scale = PIXELS / max(grey.shape)
    size = (round(grey.shape[1] * scale), round(grey.shape[0] * scale))
    drawn = Image.fromarray(rgb.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(drawn)
    across = radius**2 - (preview.picks[:, 2] - found.box.start[0] - place) ** 2
    crossing = np.flatnonzero(across > 0)
    centres = (preview.picks[:, :2] - found.box.start[:0:-1] + 0.5) * scale
    for pick in crossing:
        # So many circles would hide the slice: what is in it then are dots.
        r = across[pick] ** 0.5 * scale if len(crossing) <= MOST_CIRCLES else 1.0
        cx, cy = centres[pick]
        pen.ellipse((cx - r, cy - r, cx + r, cy + r), outline=PICK, width=2)
    return drawn


def _tile(found: SideBySide, preview: WorkflowPreview, z: int, radius: float) -> dict[str, Any]:
    buffer = io.BytesIO()
    picture(found, preview, z, radius).save(buffer, "JPEG", quality=85)
    return {
        "id": name(preview.workflow),
        "caption": caption(preview),
        "image": "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode(),
        "problem": preview.problem or preview.warning,
    }


def caption(preview: WorkflowPreview) -> str:
    """Counts in one line, or that there is no result."""
    if preview.labels is None:
        return "no result"
    share = f"{100 * preview.share:.3g} % of voxels"
    return f"no picks · {share}" if preview.problem else f"{plural(len(preview.picks), 'pick')} · {share}"
