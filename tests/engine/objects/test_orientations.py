"""Angles of all programs and scipy rotations: by hand, against matrices, there and back, and on real particles."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from engine.objects import known_angles, relion_from_rotation, rotation_from_relion
from engine.objects.formats import relion5
from engine.objects.orientations import (
    deepfinder_from_rotation,
    dynamo_from_rotation,
    rotation_from_deepfinder,
    rotation_from_dynamo,
    rotation_from_stopgap,
    stopgap_from_rotation,
)


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


def relion_matrix(rot: float, tilt: float, psi: float) -> np.ndarray:
    """A(rot, tilt, psi), multiplied out (Heymann et al. 2005, ZYZ): turns the tomogram onto the particle's axes."""
    ca, cb, cg = np.cos(np.radians([rot, tilt, psi]))
    sa, sb, sg = np.sin(np.radians([rot, tilt, psi]))
    return np.array(
        [
            [cg * cb * ca - sg * sa, cg * cb * sa + sg * ca, -cg * sb],
            [-sg * cb * ca - cg * sa, -sg * cb * sa + cg * ca, sg * sb],
            [sb * ca, sb * sa, cb],
        ]
    )


def test_relion_against_its_matrix() -> None:
    rng = np.random.default_rng(1)
    angles = rng.uniform([-360, -180, -360], [360, 360, 360], (100, 3))
    expected = [relion_matrix(*row) for row in angles]
    np.testing.assert_allclose(rotation_from_relion(angles).as_matrix(), expected, atol=1e-14)


def turn(axis: str, degrees: float) -> np.ndarray:
    """Right-handed turn of a vector about a fixed axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]] if axis == "x" else [[c, -s, 0], [s, c, 0], [0, 0, 1]])


def test_stopgap_dynamo_and_deepfinder_against_matrices() -> None:
    rng = np.random.default_rng(2)
    angles = rng.uniform(-360, 360, (100, 3))
    zxz = [turn("z", psi) @ turn("x", the) @ turn("z", phi) for phi, psi, the in angles]
    np.testing.assert_allclose(rotation_from_stopgap(angles).as_matrix(), zxz, atol=1e-14)
    np.testing.assert_allclose(rotation_from_deepfinder(angles).as_matrix(), zxz, atol=1e-14)
    dynamo = [(turn("z", narot) @ turn("x", tilt) @ turn("z", tdrot)).T for tdrot, tilt, narot in angles]
    np.testing.assert_allclose(rotation_from_dynamo(angles).as_matrix(), dynamo, atol=1e-14)


@pytest.mark.parametrize(
    ("vector", "angles", "turned"),
    [
        ((3, 0, 0), (90, 0, 0), (0, 3, 0)),
        ((3, 0, 0), (0, 90, 0), (0, 3, 0)),
        ((3, 0, 0), (0, 0, 90), (3, 0, 0)),
        ((0, 3, 0), (90, 0, 0), (-3, 0, 0)),
        ((0, 3, 0), (0, 0, 90), (0, 0, 3)),
        ((0, 0, 3), (0, 0, 90), (0, -3, 0)),
        ((3, 0, 0), (90, 0, 90), (0, 0, 3)),
        ((3, 0, 0), (90, 90, 90), (0, 0, 3)),
    ],
)
def test_deepfinder_by_measurement(vector: tuple, angles: tuple, turned: tuple) -> None:
    """Where one voxel of a shape went in DeepFinder's own rotation, by (phi, psi, the)."""
    np.testing.assert_allclose(rotation_from_deepfinder([angles]).apply(vector)[0], turned, atol=1e-12)


def test_one_orientation_in_all_conventions() -> None:
    """RELION 30, 60, −45 worked out by hand.

    R = (Rz(30) Ry(60) Rz(−45))⁻¹ = Rz(45) Ry(−60) Rz(−30), and Ry(−60) = Rz(−90) Rx(60) Rz(90):
    STOPGAP: Rz(−45) Rx(60) Rz(60). Dynamo, the inverse: Rz(−60) Rx(−60) Rz(45) = Rz(120) Rx(60) Rz(−135).
    """
    rotation = rotation_from_relion([[30, 60, -45]])
    np.testing.assert_allclose(stopgap_from_rotation(rotation), [[60, -45, 60]], atol=1e-12)
    np.testing.assert_allclose(deepfinder_from_rotation(rotation), [[60, -45, 60]], atol=1e-12)
    np.testing.assert_allclose(dynamo_from_rotation(rotation), [[-135, 60, 120]], atol=1e-12)


@pytest.mark.parametrize(
    ("there", "back", "pole"),
    [
        (rotation_from_stopgap, stopgap_from_rotation, 2),
        (rotation_from_dynamo, dynamo_from_rotation, 1),
        (rotation_from_deepfinder, deepfinder_from_rotation, 2),
    ],
)
def test_zxz_there_and_back(there: Callable, back: Callable, pole: int) -> None:
    rng = np.random.default_rng(3)
    angles = rng.uniform(-180, 180, (200, 3))
    angles[:, pole] = rng.uniform(0.1, 179.9, 200)
    np.testing.assert_allclose(back(there(angles)), angles, atol=1e-9)
    angles[:100, pole], angles[100:, pole] = 0, 180
    same = there(back(there(angles))) * there(angles).inv()
    np.testing.assert_allclose(same.magnitude(), 0, atol=1e-7)
    assert back(there(angles[:1])).shape == (1, 3)


def test_stopgap_to_dynamo_is_a_change_of_signs() -> None:
    """Known of the two programs: tdrot, tilt, narot = −psi, −the, −phi."""
    angles = np.random.default_rng(4).uniform(-180, 180, (50, 3))
    phi, psi, the = angles.T
    same = rotation_from_stopgap(angles) * rotation_from_dynamo(np.stack([-psi, -the, -phi], axis=1)).inv()
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
