"""Annotation: the classes of a project (its feature library), what can be done to them, and targets made of objects.

It stands between `objects` and `project`, because a project keeps the classes in its settings. Nothing here opens a
file. Targets (`targets`, `target_objects`) are imported where they are used: SciPy's filters take a while to load.
"""

from engine.annotation.ais_library import ImportedClasses, classes_from_ais, classes_to_ais
from engine.annotation.classes import PALETTE, ObjectClass
from engine.annotation.feature_library import (
    add_class,
    change_class,
    check_classes,
    delete_class,
    find_class,
    merge_classes,
    next_colour,
    next_label,
    rename_class,
)

__all__ = [
    "PALETTE",
    "ImportedClasses",
    "ObjectClass",
    "add_class",
    "change_class",
    "check_classes",
    "classes_from_ais",
    "classes_to_ais",
    "delete_class",
    "find_class",
    "merge_classes",
    "next_colour",
    "next_label",
    "rename_class",
]
