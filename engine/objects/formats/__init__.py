"""Exchange formats of the object table, one file each, behind `registry`."""

from engine.objects.formats.format import Format
from engine.objects.formats.options import NoOptions
from engine.objects.formats.registry import (
    FORMATS,
    detect,
    export,
    format_for_writing,
    further_files,
    get_format,
    losses,
    options_of,
    read_objects,
    targets,
    writing_options,
)

__all__ = [
    "FORMATS",
    "Format",
    "NoOptions",
    "detect",
    "export",
    "format_for_writing",
    "further_files",
    "get_format",
    "losses",
    "options_of",
    "read_objects",
    "targets",
    "writing_options",
]
