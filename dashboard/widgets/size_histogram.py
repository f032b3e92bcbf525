"""A histogram of sizes on a logarithmic scale, with two limits that can be dragged or moved with the arrow keys."""

from pathlib import Path

import numpy as np
import streamlit as st

_CSS = """
#sizes { user-select: none; }
#sizes svg { display: block; width: 100%; height: 124px; overflow: visible; touch-action: none; }
#sizes .bar { fill: var(--st-text-color); opacity: 0.45; }
#sizes .bar.out { opacity: 0.14; }
#sizes text { fill: var(--st-text-color); font-size: 11px; opacity: 0.75; font-variant-numeric: tabular-nums; }
#sizes .axis { stroke: var(--st-border-color); }
#sizes .limit { cursor: ew-resize; outline: none; }
#sizes .limit line { stroke: var(--st-primary-color); stroke-width: 1.5; }
#sizes .limit rect { fill: transparent; }
#sizes .limit circle { fill: var(--st-primary-color); }
#sizes .limit:focus-visible circle { stroke: var(--st-text-color); stroke-width: 2; }
#sizes .limit text { fill: var(--st-primary-color); opacity: 1; }
"""

_mount = st.components.v2.component(
    "tomodeck_sizes",
    html='<div id="sizes" role="group" aria-label="Sizes of the pieces, with limits"></div>',
    css=_CSS,
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)

Limits = tuple[int | None, int | None]


def size_histogram(edges: np.ndarray, counts: np.ndarray, limits: Limits, key: str) -> Limits | None:
    """Show the histogram; returns the limits that were set just now.

    Parameters
    ----------
    edges, counts
        Bins in voxels, and pieces in each.
    limits
        Smallest and largest size to keep, voxels; None = no limit.
    key
        Streamlit's.
    """
    result = _mount(
        key=key,
        data={"edges": edges.tolist(), "counts": counts.tolist(), "limits": list(limits)},
        default={"limits": None},
        on_limits_change=lambda: None,
    )
    heard = result.limits
    if not heard or st.session_state.get(f"{key}.heard") == heard["count"]:
        return None
    st.session_state[f"{key}.heard"] = heard["count"]
    low, high = heard["limits"]
    return (None if low is None else int(low), None if high is None else int(high))
