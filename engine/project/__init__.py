"""The project folder (DESIGN section 6): tomograms used in place, results in plain files, each with what made it."""

from engine.project.folder import Project
from engine.project.models import Model
from engine.project.segmentations import Segmentation
from engine.project.settings import ObjectClass, Settings, check_name
from engine.project.tables import History, TableConflict, TableStore
from engine.project.tomograms import Tomogram

__all__ = [
    "History",
    "Model",
    "ObjectClass",
    "Project",
    "Segmentation",
    "Settings",
    "TableConflict",
    "TableStore",
    "Tomogram",
    "check_name",
]
