"""The object table: what was found or annotated, where, of which class; its edits and formats."""

from engine.objects.crops import central_slices
from engine.objects.edits import (
    add,
    apply_changes,
    concatenate,
    delete,
    filter_by,
    keep,
    remove_close,
    remove_near_border,
    set_cell,
)
from engine.objects.orientations import known_angles, relion_from_rotation, rotation_from_relion
from engine.objects.subtomograms import Subtomogram, box_starts, boxes_inside, cut_boxes, nearest_voxels
from engine.objects.table import (
    COLUMNS,
    ObjectTable,
    TomogramGeometry,
    check,
    empty_table,
    table_from_centroids,
    validate,
)

__all__ = [
    "COLUMNS",
    "ObjectTable",
    "Subtomogram",
    "TomogramGeometry",
    "add",
    "apply_changes",
    "box_starts",
    "boxes_inside",
    "central_slices",
    "check",
    "concatenate",
    "cut_boxes",
    "delete",
    "empty_table",
    "filter_by",
    "keep",
    "known_angles",
    "nearest_voxels",
    "relion_from_rotation",
    "remove_close",
    "remove_near_border",
    "rotation_from_relion",
    "set_cell",
    "table_from_centroids",
    "validate",
]
