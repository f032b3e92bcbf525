"""One colour for each class on a page: the project's own, else one of the palette that it does not use yet."""

from engine.objects import ObjectTable
from engine.project import Project
from engine.project.settings import PALETTE


def of_table(project: Project, table: ObjectTable) -> dict[str, str]:
    """Class → "#rrggbb": the project's classes, then those of the table, in one order.

    Give it all of a table: of the rows that a filter leaves, a class would take another colour than before.
    """
    known = {c.name: c.colour for c in project.classes}
    for name in sorted(table.rows["class"].unique()):
        known.setdefault(str(name), PALETTE[len(known) % len(PALETTE)])
    return known


def of_label(label: int, own: str | None = None) -> str:
    """The colour of a label of a map: its own where it has one, else the palette's, as the viewer colours it."""
    return own or PALETTE[(label - 1) % len(PALETTE)]
