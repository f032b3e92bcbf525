"""Comparing two tables as positions and rotations."""

import numpy as np

from engine.objects.orientations import known_angles, rotation_from_relion
from engine.objects.table import ANGLES, COORDINATES, ObjectTable

MATRIX = [[0.659740, -0.435596, -0.612372], [-0.047367, 0.789149, -0.612372], [0.75, 0.433013, 0.5]]
"""Particle to tomogram for rot, tilt, psi = 30, 60, −45: Rz(45) · Ry(−60) · Rz(−30), worked out factor by factor.

Ry(−60) · Rz(−30) = [[.4330, .25, −.8660], [−.5, .8660, 0], [.75, .4330, .5]]; Rz(45) takes the first two rows a, b to
.7071 (a − b) and .7071 (a + b) and leaves the third.
"""


def assert_same(found: ObjectTable, expected: ObjectTable, voxel: float = 1e-3, degrees: float = 1e-3) -> None:
    """Positions within `voxel`, orientations within `degrees` as rotations, the same rows without orientation."""
    assert len(found) == len(expected)
    places = [table.rows[list(COORDINATES)].to_numpy() for table in (found, expected)]
    np.testing.assert_allclose(places[0], places[1], rtol=0, atol=voxel)
    angles = [table.rows[list(ANGLES)].to_numpy() for table in (found, expected)]
    known = known_angles(angles[0])
    np.testing.assert_array_equal(known, known_angles(angles[1]))
    if known.any():
        apart = rotation_from_relion(angles[0][known]) * rotation_from_relion(angles[1][known]).inv()
        assert np.degrees(apart.magnitude()).max() < degrees
