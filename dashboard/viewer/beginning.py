"""Where a browser tab begins in a tomogram: the one answer that the viewer and the pages' computations share.

Without it a page would compute at one place while the viewer shows another, until the crosshair first moves.
"""

import streamlit as st

from dashboard.viewer import position
from dashboard.viewer.position import Position

_LINK_USED = "viewer.link-used"


def begin(session_id: str, tomogram: str) -> Position | None:
    """Where the tab looks in `tomogram`, decided here where it never looked there.

    The place of the address the tab was opened with, else where anyone looked last.

    Parameters
    ----------
    session_id
        A name for the tab.
    tomogram
        The one that is about to be shown.

    Returns
    -------
    Position or None
        x, y, z in voxels, as far as known inside the tomogram; None means its middle.
    """
    _use_link(session_id, tomogram)
    known = position.get(session_id, tomogram)
    if known is None and (known := position.latest(tomogram)) is not None:
        position.put(session_id, tomogram, known)  # another tab may move on before this one asks again
    return known


def _use_link(session_id: str, tomogram: str) -> None:
    # A link says where to look; afterwards the address follows the viewer, never the other way round.
    if st.session_state.get(_LINK_USED):
        return
    st.session_state[_LINK_USED] = True
    asked = st.query_params
    if asked.get("tomogram") != tomogram:
        return
    try:
        x, y, z = (max(0, int(float(asked[axis]))) for axis in "xyz")
    except (KeyError, ValueError, OverflowError):
        return
    position.put(session_id, tomogram, (x, y, z))
