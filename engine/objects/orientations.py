"""Orientations: RELION's rot, tilt, psi and scipy rotations. The only place where angles are converted.

Convention (https://relion.readthedocs.io, "Orientations"; Heymann et al., J. Struct. Biol. 151 (2005)
196–207): rot, tilt, psi in degrees turn about z, the new y, the new z. They turn the tomogram's axes onto
those of the particle; the rotation used here goes the other way and takes a vector of the particle (its
reference) to the tomogram.
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
    return Rotation.from_euler("ZYZ", np.asarray(angles, dtype=np.float64).reshape(-1, 3), degrees=True).inv()


def relion_from_rotation(rotation: Rotation) -> np.ndarray:
    """rot, tilt, psi in degrees, [n, 3]: the way back from `rotation_from_relion`.

    tilt lies between 0 and 180. Where tilt is 0 or 180 only the sum or difference of rot and psi is defined:
    all of it is given to rot, and psi is 0.
    """
    angles = rotation.inv().as_euler("ZYZ", degrees=True, suppress_warnings=True)
    return np.atleast_2d(angles)


def known_angles(angles: ArrayLike) -> np.ndarray:
    """Which rows of [n, 3] angles are known: [n] bool."""
    return np.asarray(np.isfinite(np.asarray(angles, dtype=np.float64).reshape(-1, 3)).all(axis=1))
