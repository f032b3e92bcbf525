"""Places of a target that are left open: neither object nor background, because nobody judged what was found there."""

from collections.abc import Mapping

import numpy as np

from engine.annotation.pasting import MOST_LABEL
from engine.annotation.target_objects import TargetObjects
from engine.annotation.targets import Place, sphere_target
from engine.errors import UserError

OPEN_LABEL = MOST_LABEL
OPEN_NAME = "not judged"


def leave_open(labels: np.ndarray, objects: TargetObjects, radii: Mapping[int, float], place: Place) -> int:
    """Give the background within spheres about objects the label `OPEN_LABEL`; returns how many voxels that is.

    Parameters
    ----------
    labels
        A target [z, y, x], changed in place. Voxels of objects stay theirs.
    objects
        Those nobody judged.
    radii
        Label → voxels.
    place
        What of the tomogram the target is.

    Raises
    ------
    UserError
        A class has that label; what `sphere_target` raises.
    """
    if OPEN_LABEL in radii:
        raise UserError(
            f"The class {objects.names.get(OPEN_LABEL, '')} has the label {OPEN_LABEL}, which means 'not judged' in "
            "targets: give the class another number."
        )
    found = (sphere_target(objects, radii, place).labels > 0) & (labels == 0)
    labels[found] = OPEN_LABEL
    return int(np.count_nonzero(found))
