"""Rows of an object table as the arrays of a target."""

import numpy as np
import pandas as pd
import pytest

from engine.annotation.target_objects import objects_from_table
from engine.errors import UserError
from engine.objects import ObjectTable, rotation_from_relion
from engine.objects.orientations import relion_from_rotation, rotation_from_deepfinder


def table(**columns: object) -> ObjectTable:
    rows = {"tomogram": "ts", "class": ["a", "b"], "x": [1.0, 2.5], "y": [3.0, 4.0], "z": [5.0, 6.0], **columns}
    return ObjectTable(pd.DataFrame(rows))


def test_centres_labels_and_matrices() -> None:
    found = objects_from_table(table(rot=[10, np.nan], tilt=[20, np.nan], psi=[30, np.nan]), {"a": 7, "b": 2})
    assert found.centres.tolist() == [[5, 3, 1], [6, 4, 2.5]] and found.labels.tolist() == [7, 2]
    assert found.oriented.tolist() == [True, False]
    into_particle = rotation_from_relion([[10, 20, 30]]).inv().apply([1.0, 2.0, 3.0])[0]
    np.testing.assert_allclose(found.matrices[0] @ [3, 2, 1], into_particle[::-1], atol=1e-12)
    assert found.called(1) == "object 2 (b at x 2.5, y 4, z 6)"


def test_deepfinders_angles_come_through_unchanged() -> None:
    given = np.array([[-142.0, 20.0, 83.0], [46.125, 171.0, 122.5]])
    angles = relion_from_rotation(rotation_from_deepfinder(given))
    found = objects_from_table(
        table(**dict(zip(("rot", "tilt", "psi"), angles.T, strict=True))), {"a": 1, "b": 2}, compat=True
    )
    direct = rotation_from_deepfinder(given).as_matrix().transpose(0, 2, 1)[:, ::-1, ::-1]
    np.testing.assert_array_equal(found.matrices, direct)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ({"a": 1}, "1 object without a label for the class, the first 'b'"),
        ({"a": 0, "b": 1}, r"class a has the label 0, which no target can hold \(0 is the background\)"),
        ({"a": 1, "b": 128}, "class b has the label 128, which no target can hold"),
        ({"a": 1, "b": 1}, "The classes a and b have the same label 1"),
    ],
)
def test_labels_that_no_target_holds_are_refused(labels: dict[str, int], says: str) -> None:
    with pytest.raises(UserError, match=says):
        objects_from_table(table(), labels)


def test_objects_without_position_are_refused() -> None:
    with pytest.raises(UserError, match="1 object without position, the first is object 9"):
        objects_from_table(table(x=[1, np.nan], id=[4, 9]), {"a": 1, "b": 2})
