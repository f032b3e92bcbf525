"""Edits of orientations. What the angles mean: `engine.objects.orientations`."""

from typing import Literal

import numpy as np

from engine.errors import UserError
from engine.objects.orientations import known_angles
from engine.objects.table import ANGLES, ObjectTable

ParticleAxis = Literal["x", "y", "z"]
Angle = Literal["rot", "psi"]


def set_orientations(
    table: ObjectTable, rot: float, tilt: float, psi: float, only_unknown: bool = False
) -> ObjectTable:
    """With the same angles (degrees) for all objects, or for those whose orientation is not known wholly.

    Raises
    ------
    UserError
        An angle that is no number.
    """
    wanted = np.array([rot, tilt, psi], dtype=np.float64)
    if not np.isfinite(wanted).all():
        raise UserError(f"The angles rot = {rot:g}, tilt = {tilt:g}, psi = {psi:g} must be three numbers.")
    angles = _angles(table)
    chosen = ~known_angles(angles) if only_unknown else np.ones(len(table), dtype=bool)
    angles[chosen] = wanted
    return _with_angles(table, angles)


def clear_orientations(table: ObjectTable) -> ObjectTable:
    """With all orientations unknown."""
    return _with_angles(table, np.full((len(table), 3), np.nan))


def flip(table: ObjectTable, axis: ParticleAxis = "x") -> ObjectTable:
    """With each particle turned by 180° about its own x, y or z axis; angles come out as `normalise_orientations` does.

    Raises
    ------
    UserError
        An axis that is none of the three.
    """
    if axis not in ("x", "y", "z"):
        raise UserError(f"A particle is flipped about its x, y or z axis, not {axis!r}.")
    rot, tilt, psi = _angles(table).T
    # Rz(−psi) Ry(−tilt) Rz(−rot) takes the particle to the tomogram. A half turn about z adds to rot; one about y goes
    # through the first factor as Rz(−rot) Ry(180) = Ry(180) Rz(rot), and one about x is both.
    if axis == "z":
        rot = rot + 180.0
    else:
        rot, tilt, psi = (180.0 - rot if axis == "y" else -rot), 180.0 - tilt, psi + 180.0
    return normalise_orientations(_with_angles(table, np.stack([rot, tilt, psi], axis=1)))


def normalise_orientations(table: ObjectTable) -> ObjectTable:
    """With the same orientations in the ranges that RELION writes: rot and psi in (−180, 180], tilt in [0, 180].

    (rot, tilt, psi) and (rot + 180, −tilt, psi + 180) are the same rotation. Angles in range stay as they are.
    """
    rot, tilt, psi = _angles(table).T
    turned = np.mod(tilt, 360.0)
    over = turned > 180.0
    tilt = np.where((tilt >= 0) & (tilt <= 180), tilt, np.where(over, 360.0 - turned, turned))
    rot, psi = (_half_open(np.where(over, angle + 180.0, angle)) for angle in (rot, psi))
    return _with_angles(table, np.stack([rot, tilt, psi], axis=1))


def randomise_angle(table: ObjectTable, seed: int, angle: Angle = "psi") -> ObjectTable:
    """With one angle drawn uniformly from (−180, 180], where the orientation is known; the other two stay.

    Parameters
    ----------
    table
        The table before.
    seed
        The same seed gives the same angles.
    angle
        "psi" turns particles in the plane of the slices (about the tomogram's z axis); "rot" turns them about their own
        z axis, whose direction stays: what evens out the missing wedge in averages of membrane proteins.

    Raises
    ------
    UserError
        Another angle.
    """
    if angle not in ("rot", "psi"):
        raise UserError(f"The angle to draw is rot or psi, not {angle!r}.")
    angles = _angles(table)
    known = known_angles(angles)
    drawn = 180.0 - 360.0 * np.random.default_rng(seed).random(len(table))
    angles[known, ANGLES.index(angle)] = drawn[known]
    return _with_angles(table, angles)


def _half_open(angle: np.ndarray) -> np.ndarray:
    """In (−180, 180]; what is there already keeps its very digits."""
    wrapped = 180.0 - np.mod(180.0 - angle, 360.0)
    return np.where((angle > -180.0) & (angle <= 180.0), angle, wrapped)


def _angles(table: ObjectTable) -> np.ndarray:
    return table.rows[list(ANGLES)].to_numpy(dtype=np.float64, copy=True)


def _with_angles(table: ObjectTable, angles: np.ndarray) -> ObjectTable:
    return table.with_rows(table.rows.assign(**dict(zip(ANGLES, angles.T, strict=True))))
