"""Which table to offer first where known objects are asked for."""

from engine.project import Project

SEARCHES = ("cluster", "pick")


def known_objects(project: Project) -> str:
    """The newest table that a person made rather than a search; empty where there is none."""
    made = [n for n in project.tables.names() if project.tables.provenance(n).get("task") not in SEARCHES]
    return max(made, key=lambda n: project.tables.path(n).stat().st_mtime, default="")
