"""RELION's angles and scipy rotations: by hand, there and back, and on real particles."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from engine.objects import known_angles, relion_from_rotation, rotation_from_relion
from engine.objects.formats import relion5


@pytest.mark.parametrize(
    ("angles", "vector", "turned"),
    [
        ((90, 0, 0), (1, 0, 0), (0, -1, 0)),
        ((0, 0, 90), (1, 0, 0), (0, -1, 0)),
        ((0, 90, 0), (0, 0, 1), (-1, 0, 0)),
        ((90, 90, 0), (0, 0, 1), (-1, 0, 0)),
        ((0, 90, 90), (0, 0, 1), (0, 1, 0)),
    ],
)
def test_by_hand(angles: tuple, vector: tuple, turned: tuple) -> None:
    """The inverse of Rz(rot) Ry(tilt) Rz(psi), multiplied out on paper."""
    np.testing.assert_allclose(rotation_from_relion([angles]).apply(vector)[0], turned, atol=1e-12)


def test_there_and_back() -> None:
    rng = np.random.default_rng(0)
    angles = rng.uniform([-180, 0.1, -180], [180, 179.9, 180], (200, 3))
    np.testing.assert_allclose(relion_from_rotation(rotation_from_relion(angles)), angles, atol=1e-9)
    poles = rng.uniform(-180, 180, (20, 3))
    poles[:10, 1], poles[10:, 1] = 0, 180
    back = relion_from_rotation(rotation_from_relion(poles))
    assert (back[:, 2] == 0).all()
    same = rotation_from_relion(back) * rotation_from_relion(poles).inv()
    np.testing.assert_allclose(same.magnitude(), 0, atol=1e-7)


def test_known() -> None:
    assert known_angles([[0, 0, 0], [0, np.nan, 0]]).tolist() == [True, False]
    assert known_angles(np.zeros((0, 3))).tolist() == []


def test_real_particles_stand_upright_on_their_surface(data_folder: Path) -> None:
    """Particles on closed shells: z of each is normal to the shell, so neighbours agree and lie beside each other.

    A wrong order of subtomogram and particle angles gives 0.5 and 0 instead, as random directions do.
    """
    lists = data_folder / "lists"
    table = relion5.read(lists / "relion5_particles.star", relion5.read_tomograms(lists / "relion5_tomograms.star"))
    normals = rotation_from_relion(table.rows[["rot", "tilt", "psi"]].to_numpy()).apply([0, 0, 1])
    centres = table.rows[["x", "y", "z"]].to_numpy()
    along, agreement = [], []
    for members in table.rows.groupby("tomogram").indices.values():
        nearest = members[cKDTree(centres[members]).query(centres[members], k=2)[1][:, 1]]
        step = centres[nearest] - centres[members]
        step /= np.linalg.norm(step, axis=1, keepdims=True)
        along.append(np.abs((step * normals[members]).sum(axis=1)))
        agreement.append((normals[nearest] * normals[members]).sum(axis=1))
    assert np.concatenate(along).mean() < 0.15
    assert np.concatenate(agreement).mean() > 0.9
