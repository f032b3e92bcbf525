"""The frame of every page: dense spacing, title with its line, errors as sentences."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import streamlit as st

from engine.errors import UserError

# Streamlit's own spacing is made for articles; scientists' pages need the room.
_CSS = """
<style>
.stMainBlockContainer { padding: 1.1rem 1.5rem 1rem; max-width: none; }
[data-testid="stHeader"] { background: transparent; height: 2.2rem; min-height: 2.2rem; }
[data-testid="stSidebarHeader"] { padding: 0.5rem 0.75rem 0; height: 2.4rem; margin: 0; }
[data-testid="stSidebarUserContent"] { padding: 0.5rem 1rem 1rem; }
.td-title { font-size: 1.3rem !important; font-weight: 600 !important; padding: 0 !important; margin: 0;
  line-height: 1.5; }
.stMainBlockContainer h2 { font-size: 1.05rem; font-weight: 600; padding: 0.2rem 0; }
.stMainBlockContainer h3 { font-size: 0.95rem; font-weight: 600; padding: 0.1rem 0; }
[data-testid="stMetricValue"] { font-size: 1.3rem; font-variant-numeric: tabular-nums; }
.td-line { opacity: 0.72; font-size: 0.9rem; margin: 0; }
[class*="st-key-row-"] { position: relative; }
[class*="st-key-row-"] > [class*="-reset"] { position: absolute; right: 24px; top: -5px; width: auto; z-index: 1; }
/* Inside the field, left of its own buttons: over the label it would hide the words of a narrow one. */
[class*="st-key-row-"]:has([data-testid="stNumberInput"], [data-testid="stSelectbox"], [data-testid="stTextInput"])
  > [class*="-reset"] { top: auto; bottom: 1px; }
[class*="st-key-row-"]:has([data-testid="stNumberInput"]) > [class*="-reset"] { right: 58px; }
[class*="st-key-row-"]:has([data-testid="stNumberInputClearButton"]) > [class*="-reset"] { right: 80px; }
[class*="st-key-row-"]:has([data-testid="stSelectbox"]) > [class*="-reset"] { right: 30px; }
[class*="st-key-row-"]:has([data-testid="stTextInput"]) > [class*="-reset"] { right: 2px; }
.st-key-preview-bar { height: 2.7rem; }
.td-number { font-variant-numeric: tabular-nums; }
</style>
"""


def style() -> None:
    """Put the frame's style on the page. Once per run, before anything else."""
    st.html(_CSS)


def header(title: str, line: str) -> None:
    """A page's title and the one line that says what it is for."""
    st.html(f'<h1 class="td-title">{escape(title)}</h1><p class="td-line">{escape(line)}</p>')


@contextmanager
def explained() -> Iterator[None]:
    """Show what the user can mend as its sentence, and a bug as a short message; the rest of the page goes on."""
    try:
        yield
    except UserError as error:
        st.error(str(error), icon=":material/error:")
    except Exception as error:
        # Streamlit steers reruns and stops with exceptions of its own; those are not Exception's children.
        st.error(
            f"A fault in Tomodeck on this page ({type(error).__name__}). Nothing you made is lost; "
            "reload the page to go on.",
            icon=":material/bug_report:",
        )
        with st.expander("Details for a report"):
            st.code(traceback.format_exc(), language=None)


def empty(text: str) -> None:
    """Say what will be here; the button that fills it follows."""
    st.html(f'<p style="margin:1.2rem 0 0.6rem;opacity:0.8">{escape(text)}</p>')
