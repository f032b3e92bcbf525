"""From a label map to particles, in a whole tomogram or in a box of it: what the task "pick" and its previews share."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from engine.instances import Instances, find_instances, select_instances, suggest_picks
from engine.tasks.pick_parameters import PickParameters
from engine.tasks.task import Box


@dataclass(frozen=True)
class Divided:
    """The particles of a label map.

    Attributes
    ----------
    instance_map, instances
        As `engine.instances.find_instances` gives them.
    all_sizes
        Voxels of each piece, before limits left any out.
    reasons
        What was found in the data and used, a sentence each.
    """

    instance_map: np.ndarray
    instances: Instances
    all_sizes: np.ndarray
    reasons: tuple[str, ...] = ()


def divide(
    labels: np.ndarray,
    density: np.ndarray | None,
    parameters: PickParameters,
    progress: Callable[[float, str], None] | None = None,
) -> Divided:
    """Find the particles in a label map `[z, y, x]`, with the tomogram of the same shape where the mode looks at it.

    Raises
    ------
    UserError
        No voxel of the particle cluster; a distance that the volume is too small for; densities without noise.
    """
    limits = parameters.science()
    reasons: tuple[str, ...] = ()
    if parameters.mode == "dips":
        assert density is not None
        found = suggest_picks(density, labels, parameters.at_dips(), progress)
        instance_map, everything = found.instance_map, found.instances
        reasons = tuple(setting.reason for setting in found.settings if setting.reason != "Given.")
    else:
        unlimited = replace(limits, min_size=None, max_size=None, exclude_border=0, min_separation=None)
        instance_map, everything = find_instances(labels, unlimited, progress)
    instance_map, instances = select_instances(instance_map, everything, limits)
    return Divided(instance_map, instances, everything.sizes, reasons)


@dataclass(frozen=True)
class Picked:
    """The particles in a box.

    Attributes
    ----------
    instance_map
        int32 `[z, y, x]` of the box.
    instances
        Their measures, in voxels of the box.
    centres
        Voxels of the tomogram, `[n, 3]` as x, y, z.
    all_sizes
        Voxels of each piece, before limits left any out.
    reasons
        What was found in the data and used, a sentence each.
    """

    instance_map: np.ndarray
    instances: Instances
    centres: np.ndarray
    all_sizes: np.ndarray
    reasons: tuple[str, ...] = ()


def find_in_box(labels: np.ndarray, density: np.ndarray, parameters: PickParameters, box: Box) -> Picked | None:
    """The particles in a box of a tomogram; None where it lies outside the slices to pick in.

    `labels` and `density` are those of the box, `[z, y, x]`.

    Raises
    ------
    UserError
        No voxel of the particle cluster; a distance that the box is too small for.
    """
    first, last = box.start[0], box.stop[0] - 1
    lower = None if parameters.lower_z is None else max(parameters.lower_z - first, 0)
    upper = None if parameters.upper_z is None else min(parameters.upper_z, last) - first
    if (lower is not None and lower > last - first) or (upper is not None and upper < 0):
        return None
    inside = parameters.model_copy(update={"lower_z": lower, "upper_z": upper})
    divided = divide(labels, density, inside)
    centres = divided.instances.centroids[:, ::-1] + np.array(box.start[::-1], dtype=float)
    return Picked(divided.instance_map, divided.instances, centres, divided.all_sizes, divided.reasons)


@dataclass(frozen=True)
class PickBasis:
    """What suggestions about picks in a box are made from.

    Attributes
    ----------
    labels, density
        Label map and tomogram in the box `[z, y, x]`.
    all_sizes
        Voxels of each piece, before limits left any out.
    reasons
        What was found in the data and used for the picks, a sentence each.
    """

    labels: np.ndarray
    density: np.ndarray
    all_sizes: np.ndarray
    reasons: tuple[str, ...] = ()
