"""The feature library of a project: the list of classes in its settings, together with the tables that use them.

What can be done to a list of classes is in `engine.annotation.feature_library`; this is where it is kept. Other
processes may edit the same project, so every change reads the list anew under the project's lock.
"""

from collections.abc import Callable, Sequence

from engine.annotation import feature_library
from engine.annotation.classes import ObjectClass
from engine.atomic import locked
from engine.errors import UserError
from engine.objects import ObjectTable
from engine.project.folder import Project
from engine.project.merging import edit_merging
from engine.project.settings import write_settings

Edit = Callable[[list[ObjectClass]], list[ObjectClass]]


def edit_classes(project: Project, edit: Edit) -> list[ObjectClass]:
    """Apply `edit` to the classes as they are now and keep the result. Raises what `edit` raises; then nothing changed.

    `edit` may be one of `engine.annotation`: ``edit_classes(project, lambda c: add_class(c, "ribosome", 120.0))``.
    """
    with locked(project.root / ".lock"):
        settings = project.settings()
        classes = edit(list(settings.classes))
        if classes != settings.classes:
            write_settings(project.root, settings.model_copy(update={"classes": classes}))
        return classes


def uses(project: Project, name: str) -> dict[str, int]:
    """Table → number of its objects of class `name`, for the tables that have any.

    Raises
    ------
    UserError
        A table cannot be read.
    """
    found = {}
    for table in project.tables.names():
        count = int((project.tables.read(table).rows["class"] == name).sum())
        if count:
            found[table] = count
    return found


def rename_class(project: Project, old: str, new: str, in_tables: Sequence[str] = ()) -> dict[str, int]:
    """Rename a class, and the objects of that class in the tables named.

    Parameters
    ----------
    project
        Whose class.
    old, new
        Its name before and afterwards.
    in_tables
        Tables to follow; `uses` says which have objects of it. In the others the objects keep the old name.

    Returns
    -------
    dict
        Table → number of objects that got the new name. Each table can be undone by itself.

    Raises
    ------
    UserError
        The name is taken or no name, a table is missing; then the library is as it was. TableConflict: someone changed
        the same objects meanwhile; tables renamed before it stay renamed.
    """
    new = new.strip()
    for table in in_tables:
        project.tables.path(table)
    edit_classes(project, lambda classes: feature_library.rename_class(classes, old, new))
    return {table: _relabel(project, table, [old], new) for table in in_tables if old != new}


def delete_class(project: Project, name: str, *, forced: bool = False) -> None:
    """Delete a class; with `forced` also while objects have it, which keep the name.

    Raises
    ------
    UserError
        There is no such class, or objects have it and `forced` is not given.
    """
    used = {} if forced else uses(project, name)
    edit_classes(project, lambda classes: feature_library.delete_class(classes, name, used, forced=forced))


def merge_classes(project: Project, names: Sequence[str], into: str) -> dict[str, int]:
    """Make all objects of the classes `names` objects of `into` and delete those classes.

    Returns
    -------
    dict
        Table → number of objects that changed their class.

    Raises
    ------
    UserError
        There is no such class, or a table cannot be saved; classes are deleted only after all tables were.
    """
    gone = [name for name in names if name != into]
    if not gone:
        raise UserError(f"Name another class to merge into {into}.")
    feature_library.merge_classes(project.classes, gone, into)
    changed: dict[str, int] = {}
    for table in project.tables.names():
        count = _relabel(project, table, gone, into)
        if count:
            changed[table] = count
    edit_classes(project, lambda classes: feature_library.merge_classes(classes, gone, into))
    return changed


def _relabel(project: Project, table: str, old: Sequence[str], new: str) -> int:
    """Give the objects of the classes `old` in one table the class `new`; returns how many."""
    count = 0

    def with_new_names(present: ObjectTable) -> ObjectTable:
        nonlocal count
        these = present.rows["class"].isin(list(old))
        count = int(these.sum())
        rows = present.rows.copy()
        rows.loc[these, "class"] = new
        return present.with_rows(rows)

    if not project.tables.read(table).rows["class"].isin(list(old)).any():
        return 0
    edit_merging(project.tables, table, with_new_names)
    return count
