"""What the dialogs of import and export say of a format."""

import streamlit as st

from dashboard.widgets.spoken import spoken
from engine.errors import UserError
from engine.objects.formats import Format
from engine.objects.table import UnknownTomogram


def conventions(chosen: Format) -> None:
    """Unit, origin and orientation rule of a format."""
    rules = [("Unit", chosen.unit), ("Origin", chosen.origin), ("Orientation", chosen.orientation or "none")]
    st.markdown("  \n".join(f"**{title}** {sentence}" for title, sentence in rules))


def said(error: UserError, chosen: Format) -> str:
    """An error in writing, in the words of the dialog."""
    if isinstance(error, UnknownTomogram):
        error = error.by("add it to the project, or leave its objects out with the filter")
    return spoken(str(error), chosen.writing)
