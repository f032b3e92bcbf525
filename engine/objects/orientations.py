"""Orientations: every program's angles and scipy rotations. The only place where angles are converted.

The rotations used here take a vector (x, y, z) of the particle (its reference) to the tomogram.

- RELION (https://relion.readthedocs.io, "Orientations"; Heymann et al., J. Struct. Biol. 151 (2005) 196–207): rot,
  tilt, psi in degrees turn about z, the new y, the new z. They turn the tomogram's axes onto those of the particle, so
  the rotation is their inverse.
- STOPGAP: phi, the, psi turn the particle about the fixed axes z, x, z of the tomogram, in this order.
- DeepFinder (PyTom, TOM): the same as STOPGAP's, Rz(psi) · Rx(the) · Rz(phi).
- Dynamo: tdrot, tilt, narot about the fixed axes z, x, z turn the tomogram onto the particle: the inverse.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation


def rotation_from_relion(angles: ArrayLike) -> Rotation:
    """Rotations that take vectors (x, y, z) of the particle to the tomogram.

    Parameters
    ----------
    angles
        [n, 3] rot, tilt, psi in degrees, all known.
    """
    return Rotation.from_euler("ZYZ", _rows(angles), degrees=True).inv()


def relion_from_rotation(rotation: Rotation) -> np.ndarray:
    """rot, tilt, psi in degrees, [n, 3]: the way back from `rotation_from_relion`.

    tilt lies between 0 and 180. Where tilt is 0 or 180 only the sum or difference of rot and psi is defined:
    all of it is given to rot, and psi is 0.
    """
    return _angles(rotation.inv(), "ZYZ")


def rotation_from_stopgap(angles: ArrayLike) -> Rotation:
    """Rotations, particle to tomogram.

    Parameters
    ----------
    angles
        [n, 3] phi, psi, the in degrees, in the order of STOPGAP's columns.
    """
    phi, psi, the = _rows(angles).T
    return Rotation.from_euler("zxz", np.stack([phi, the, psi], axis=1), degrees=True)


def stopgap_from_rotation(rotation: Rotation) -> np.ndarray:
    """phi, psi, the in degrees, [n, 3]: the way back; `the` between 0 and 180, psi 0 where it is 0 or 180."""
    phi, the, psi = _angles(rotation, "zxz").T
    return np.stack([phi, psi, the], axis=1)


def rotation_from_deepfinder(angles: ArrayLike) -> Rotation:
    """Rotations, particle to tomogram: Rz(psi) · Rx(the) · Rz(phi).

    Parameters
    ----------
    angles
        [n, 3] phi, psi, the in degrees.
    """
    return rotation_from_stopgap(angles)


def deepfinder_from_rotation(rotation: Rotation) -> np.ndarray:
    """phi, psi, the in degrees, [n, 3]: the way back from `rotation_from_deepfinder`."""
    return stopgap_from_rotation(rotation)


def rotation_from_dynamo(angles: ArrayLike) -> Rotation:
    """Rotations, particle to tomogram.

    Parameters
    ----------
    angles
        [n, 3] tdrot, tilt, narot in degrees, in the order of Dynamo's columns 7 to 9.
    """
    return Rotation.from_euler("zxz", _rows(angles), degrees=True).inv()


def dynamo_from_rotation(rotation: Rotation) -> np.ndarray:
    """tdrot, tilt, narot in degrees, [n, 3]: the way back; tilt between 0 and 180, narot 0 where it is 0 or 180."""
    return _angles(rotation.inv(), "zxz")


def known_angles(angles: ArrayLike) -> np.ndarray:
    """Which rows of [n, 3] angles are known: [n] bool."""
    return np.asarray(np.isfinite(_rows(angles)).all(axis=1))


def _rows(angles: ArrayLike) -> np.ndarray:
    return np.asarray(angles, dtype=np.float64).reshape(-1, 3)


def _angles(rotation: Rotation, sequence: str) -> np.ndarray:
    return np.atleast_2d(rotation.as_euler(sequence, degrees=True, suppress_warnings=True))
