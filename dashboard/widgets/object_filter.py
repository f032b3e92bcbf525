"""Which objects of a table the page Objects shows: the same rule here as in the browser (object_grid_state.js)."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from engine.objects import ObjectTable, filter_by
from engine.objects.review import ACCEPTED, REJECTED, UNDECIDED_WORD, VERDICT

VERDICT_WORDS = [ACCEPTED, UNDECIDED_WORD, REJECTED]
FILTER = "objects.filter"
NAMES = {"tomograms": "tomogram", "classes": "class"}
RANGES = ("size", "score")

Filter = dict[str, list]
"""tomograms, classes, verdicts: words that are kept, [] keeps all; size, score: [lowest, highest], None is no limit."""


def keep(asked: Mapping[str, Any]) -> None:
    """Take over what the browser filters by."""
    st.session_state[FILTER] = {
        **{key: [str(word) for word in asked.get(key) or []] for key in (*NAMES, "verdicts")},
        **{key: [_number(limit) for limit in asked.get(key) or (None, None)] for key in RANGES},
    }


def clear() -> None:
    """Show all."""
    st.session_state.pop(FILTER, None)


def of(table: ObjectTable) -> Filter:
    """The filter as far as it means something for this table: words that it holds, limits of columns that it knows.

    A class that the last edit removed would otherwise hide everything, with nothing in the filter that says so.
    """
    asked: Filter = st.session_state.get(FILTER) or {}
    found: Filter = {}
    for key, column in NAMES.items():
        words = asked.get(key) or []
        present = set(table.rows[column].unique()) if words else set()
        found[key] = [word for word in words if word in present]
    judged = VERDICT in table.rows
    found["verdicts"] = [word for word in asked.get("verdicts") or [] if judged and word in VERDICT_WORDS]
    for key in RANGES:
        limits = asked.get(key) or [None, None]
        unlimited = limits == [None, None] or bool(pd.isna(table.rows[key]).all())
        found[key] = [None, None] if unlimited else list(limits)
    return found


def shown(table: ObjectTable) -> ObjectTable:
    """The rows that pass."""
    wanted = of(table)
    if not any(wanted[key] for key in (*NAMES, "verdicts")) and all(wanted[key] == [None, None] for key in RANGES):
        return table
    return filter_by(
        table,
        score=(wanted["score"][0], wanted["score"][1]),
        size=(wanted["size"][0], wanted["size"][1]),
        classes=wanted["classes"] or None,
        tomograms=wanted["tomograms"] or None,
        verdicts=wanted["verdicts"] or None,
    )


def _number(limit: Any) -> float | None:
    return None if limit is None else float(limit)
