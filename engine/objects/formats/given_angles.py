"""Angles as they stand in a list: absurd ones are brought back to one turn, suspicious ones are noted.

Conversions between programs are in `engine.objects.orientations`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.objects.formats.notes import note
from engine.words import plural

LARGEST = 720.0
"""Degrees; refinements leave angles of some turns (456°), not more."""
RADIANS = 6.3
FEWEST = 10
"""Angles that are not whole numbers, before a list is suspected to be in radians."""


def sensible_angles(angles: np.ndarray, path: str | Path, names: Sequence[str]) -> np.ndarray:
    """The angles with those of objects beyond two turns taken modulo 360, into −180 … 180, and a note about them.

    Parameters
    ----------
    angles
        [n, 3] degrees; NaN = unknown.
    path
        The list, for the note.
    names
        Of the three columns, for the note.
    """
    size = np.abs(angles)
    absurd = size > LARGEST
    if absurd.any():
        worst = tuple(np.unravel_index(np.nanargmax(size), size.shape))
        rows = absurd.any(axis=1)
        note(
            f"{path} has {plural(int(rows.sum()), 'object')} with angles beyond {LARGEST:g} degrees (the largest is "
            f"{names[int(worst[1])]} = {angles[worst]:.10g}): they are taken modulo 360; if radians were converted to "
            "degrees twice, divide the angles by 57.29578 and read the list again."
        )
        angles = angles.copy()
        angles[rows] = (angles[rows] + 180.0) % 360.0 - 180.0
    elif np.nanmax(size, initial=0.0) <= RADIANS:
        fractional = np.isfinite(angles) & (angles != np.round(angles))
        if fractional.sum() >= FEWEST:
            note(
                f"All angles in {path} lie within ±{RADIANS:g}, which looks like radians: they are taken as degrees; "
                "if they are radians, multiply them by 57.29578 and read the list again."
            )
    return angles
