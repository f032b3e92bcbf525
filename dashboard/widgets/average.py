"""The running average of objects as a picture: three central planes, as they lie or turned by their angles."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from PIL import Image

from dashboard.viewer.crop_reading import Average, average_objects
from dashboard.widgets.gallery import GallerySettings
from dashboard.widgets.numbers import plural
from engine.objects import ObjectTable, known_angles
from engine.objects.table import ANGLES
from engine.project import Project
from engine.volumes import to_display

MOST = 2000
QUIET = 300
"""So few objects are averaged at once that a bar would only flicker."""

PLANES = ("XY", "XZ", "YZ")
GAP = 4


def average(
    project: Project,
    table: ObjectTable,
    version: str,
    settings: GallerySettings,
    selected: Sequence[int] = (),
    *,
    most: int = MOST,
    width: int = 720,
    key: str = "average",
) -> Average | None:
    """Show the average of the selected objects, or of all, and say what was averaged.

    A switch turns each object back by its rot, tilt and psi before it is added, so that objects whose angles are right
    lie on top of each other; it is offered where angles are known, and objects without angles are then left out.

    Parameters
    ----------
    project, table, version
        Which objects. The average is computed anew only when something changed that it depends on.
    settings
        The box of the gallery.
    selected
        Ids; none means all objects of the table.
    most
        Of more objects so many are drawn at random; the sentence says so.
    width
        Of the picture, CSS pixels.
    key
        Streamlit's key, and under which the session keeps the last average.
    """
    present = set(table.rows["id"].to_list())
    ids = [i for i in selected if i in present] or table.rows["id"].to_list()
    if not ids:
        st.caption("No objects to average.")
        return None
    aligned = False
    if known_angles(table.rows[list(ANGLES)].to_numpy()).any():
        aligned = st.toggle("Apply orientations", key=f"{key}.aligned", help="Turn each particle by its rot, tilt, psi")
    found = _found(project, table, version, ids, settings.box_angstrom, aligned, most, key)
    if found.count:
        st.image(picture(found.planes), width=width, output_format="PNG")
    whose = "selected" if len(ids) < len(table) else "shown"
    st.caption(sentence(found, aligned, whose))
    return found


def _found(
    project: Project, table: ObjectTable, version: str, ids: list[int], box: float, aligned: bool, most: int, key: str
) -> Average:
    """The average, from the session's memory while nothing changed."""
    question = (str(project.root), version, hash(tuple(ids)), box, aligned, most)
    known = st.session_state.get(f"{key}.found")
    if known is not None and known[0] == question:
        return known[1]
    bar = st.progress(0.0, "Averaging") if min(len(ids), most) > QUIET else None
    last = 0.0

    def show(part: float) -> None:
        nonlocal last
        if bar is not None and part - last > 0.02:
            last = part
            bar.progress(min(part, 1.0), "Averaging")

    found = average_objects(table, ids, box, aligned, most, progress=show)
    st.session_state[f"{key}.found"] = (question, found)
    if bar is not None:
        bar.empty()
    return found


def picture(planes: np.ndarray, pixels: int = 240) -> Image.Image:
    """The three planes side by side on one grey scale; transparent outside the circle."""
    edge = planes.shape[-1]
    steps = np.arange(edge) - edge // 2
    disc = steps[:, None] ** 2 + steps**2 <= (edge / 2) ** 2
    low, high = np.percentile(planes[:, disc], (0.5, 99.5))
    fine = np.arange(pixels) - (pixels - 1) / 2
    # A pixel of the average less than its circle: beyond, pixels are only partly known.
    inside = fine[:, None] ** 2 + fine**2 <= ((edge - 2) / edge * pixels / 2) ** 2
    mask = Image.fromarray(inside.astype(np.uint8) * 255)
    sheet = Image.new("LA", (3 * pixels + 2 * GAP, pixels), (0, 0))
    for place, plane in enumerate(planes):
        grey = Image.fromarray(to_display(plane, float(low), float(high)))
        cell = Image.merge("LA", (grey.resize((pixels, pixels), Image.Resampling.BICUBIC), mask))
        sheet.paste(cell, (place * (pixels + GAP), 0))
    return sheet


def sentence(found: Average, aligned: bool, whose: str = "shown") -> str:
    """What was averaged, and what was not."""
    if not found.count:
        nothing = "Nothing could be averaged"
        if aligned and found.without_angles == found.asked:
            return f"{nothing}: none of the objects has an orientation (rot, tilt, psi)."
        return f"{nothing}: " + (" ".join(found.problems) or "the boxes lie outside their tomograms or are empty.")
    parts = [f"Average of {plural(found.count, f'{whose} object')}, {', '.join(PLANES)}"]
    parts.append("turned by their angles" if aligned else "as they lie, no orientations applied")
    eligible = found.asked - found.without_angles
    if found.drawn < eligible:
        parts.append(f"{found.drawn:,} drawn at random of {eligible:,}")
    if found.without_angles:
        parts.append(f"{found.without_angles:,} without angles left out")
    if found.count < found.drawn:
        parts.append(f"{found.drawn - found.count:,} outside their tomogram, empty or unreadable left out")
    return " · ".join(parts) + "".join(f". {p}" for p in found.problems)
