"""Notes: collected where asked for, and what angles, class numbers and unknown tomograms say."""

import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.errors import UserError
from engine.objects import TomogramGeometry
from engine.objects.formats.given_angles import sensible_angles
from engine.objects.formats.needed_geometry import per_object, used
from engine.objects.formats.notes import collected, note

NAMES = ("phi", "psi", "the")


def test_notes_are_collected_in_order_and_once() -> None:
    note("nobody listens")
    with collected() as outer:
        note("first")
        with collected() as inner:
            note("inside")
        note("second")
        note("first")
        thread = threading.Thread(target=note, args=("of another thread",))
        thread.start()
        thread.join()
    assert (outer, inner) == (["first", "second"], ["inside"])


def test_notes_survive_an_error() -> None:
    with pytest.raises(ValueError), collected() as notes:
        note("said")
        raise ValueError
    note("later")
    assert notes == ["said"]


def test_absurd_angles() -> None:
    """3867.465 is 67.5 degrees × 57.2958; modulo 360 it is 267.465, in −180 … 180 it is −92.535."""
    given = np.array([[3867.465, 10.0, np.nan], [456.0, -719.0, 3.0]])
    with collected() as notes:
        angles = sensible_angles(given, Path("a.star"), NAMES)
    np.testing.assert_allclose(angles, [[-92.535, 10.0, np.nan], [456.0, -719.0, 3.0]])
    assert len(notes) == 1 and "1 object with" in notes[0] and "phi = 3867.465)" in notes[0] and "57.29578" in notes[0]
    assert given[0, 0] == 3867.465


@pytest.mark.parametrize(
    ("angles", "said"),
    [
        (np.random.default_rng(0).uniform(-np.pi, np.pi, (10, 3)), True),
        (np.random.default_rng(0).uniform(-180, 180, (10, 3)), False),
        (np.zeros((100, 3)), False),
        (np.full((10, 3), np.nan), False),
        (np.zeros((0, 3)), False),
        (np.array([[0.5, 1.5, 2.5]]), False),
    ],
)
def test_radians(angles: np.ndarray, said: bool) -> None:
    with collected() as notes:
        np.testing.assert_array_equal(sensible_angles(angles, "a.star", NAMES), angles)
    assert ["looks like radians" in text for text in notes] == [True] * said


def test_geometry_that_is_needed() -> None:
    known = {"a": TomogramGeometry((1, 2, 3), (4.0, 5.0, 6.0)), "b": TomogramGeometry((7, 8, 9), (1.0, 1.0, 1.0))}
    names = pd.Series(["b", "a", "b"], dtype="str")
    assert per_object("x", names, known, "shape").tolist() == [[9, 8, 7], [3, 2, 1], [9, 8, 7]]
    assert per_object("x", names, known, "voxel_size")[1].tolist() == [6.0, 5.0, 4.0]
    assert list(used(names[1:2], known)) == ["a"] and used(names[:0], known) == known
    with pytest.raises(UserError, match=r"^x has objects of tomogram 'a' and 1 more, .*: give its size, or add"):
        per_object("x", pd.Series(["a", "c", "a"]), {}, "shape")
