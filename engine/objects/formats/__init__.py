"""Exchange formats of the object table, one file each, behind `registry`."""

from engine.objects.formats.registry import FORMATS, Format, export, get_format, losses, targets

__all__ = ["FORMATS", "Format", "export", "get_format", "losses", "targets"]
