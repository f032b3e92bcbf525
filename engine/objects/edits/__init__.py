"""Changes to an object table, each a pure function giving a new table. Saving and undo: the project.

As steps with described parameters for pages, files and the command line: `engine.objects.edit_steps`.
"""

from engine.objects.edits.cells import add, apply_changes, delete, keep, rename_classes, set_cell
from engine.objects.edits.merging import concatenate, merge, remove_close, remove_duplicates, split_by
from engine.objects.edits.orienting import (
    clear_orientations,
    flip,
    normalise_orientations,
    randomise_angle,
    set_orientations,
)
from engine.objects.edits.places import (
    crop_to_box,
    crop_to_mask,
    remove_near_border,
    scale,
    scale_to_voxel_size,
    shift,
)
from engine.objects.edits.randomising import randomise
from engine.objects.edits.selecting import filter_by, keep_classes, keep_tomograms, remove_classes, sort_by, threshold
from engine.objects.edits.snapping import snap_to_extremum

__all__ = [
    "add",
    "apply_changes",
    "clear_orientations",
    "concatenate",
    "crop_to_box",
    "crop_to_mask",
    "delete",
    "filter_by",
    "flip",
    "keep",
    "keep_classes",
    "keep_tomograms",
    "merge",
    "normalise_orientations",
    "randomise",
    "randomise_angle",
    "remove_classes",
    "remove_close",
    "remove_duplicates",
    "remove_near_border",
    "rename_classes",
    "scale",
    "scale_to_voxel_size",
    "set_cell",
    "set_orientations",
    "shift",
    "snap_to_extremum",
    "sort_by",
    "split_by",
    "threshold",
]
