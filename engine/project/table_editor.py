"""One person at work on one object table: what they see, and edits saved at once, joined with those of others.

A page keeps one of these per browser tab. The first edit creates the table; later ones are saved with
`engine.project.merging`, so that two tabs lose nothing of each other.
"""

from collections.abc import Callable

from engine.errors import UserError
from engine.objects import ObjectTable, empty_table
from engine.project.merging import save_merging
from engine.project.settings import check_name
from engine.project.tables import History, TableConflict, TableStore

Edit = Callable[[ObjectTable], ObjectTable]


class TableEditor:
    """What one tab sees of one table.

    Attributes
    ----------
    name
        The table; another one after a conflict, see `change`.
    table
        What the person sees, with all of their own edits.
    version
        Of `table`; None while there is no such table.
    """

    def __init__(self, store: TableStore, name: str, made_by: dict[str, object] | None = None):
        self.store = store
        self.name = check_name(name, "table")
        self.made_by = dict(made_by or {})
        self.table: ObjectTable = empty_table()
        self.version: str | None = None
        self.refresh()

    def refresh(self) -> bool:
        """See the table as it is on disk now; returns whether that is another one than before.

        Raises
        ------
        UserError
            The file cannot be read.
        """
        if self.name not in self.store.names():
            changed = self.version is not None
            self.table, self.version = empty_table(), None
            return changed
        if self.store.version(self.name) == self.version:
            return False
        self.table, self.version = self.store.read_version(self.name)
        return True

    def change(self, edit: Edit) -> str | None:
        """Apply an edit to what the person sees, and save it; returns a sentence where others were at work too.

        Raises
        ------
        TableConflict
            Someone else changed the same objects. Both tables are kept, and this person goes on with their own.
        UserError
            The edit or the save was refused; table and file are as they were.
        """
        if self.version is None:
            self.refresh()  # another tab may have created it meanwhile
        edited = edit(self.table)
        if self.version is None or self.name not in self.store.names():
            return self._create(edited)
        try:
            saved = save_merging(self.store, self.name, edited, self.version, self.table)
        except TableConflict as conflict:
            self.name = conflict.kept_as
            self.table, self.version = self.store.read_version(self.name)
            raise
        self.table, self.version = saved.table, saved.version
        return saved.sentence

    def _create(self, edited: ObjectTable) -> str | None:
        wanted, was_there = self.name, self.version is not None
        self.name = self.store.create(wanted, edited, self.made_by)
        self.table, self.version = self.store.read_version(self.name)
        if self.name == wanted and not was_there:
            return None
        why = "was deleted elsewhere" if was_there else "is taken by now, or was deleted before"
        return f"The table {wanted} {why}, so your objects are in {self.name}."

    def undo(self) -> None:
        """Go one saved state back.

        Raises
        ------
        UserError
            There is none, or someone else changed the table since; then it is shown as it is now.
        """
        self._step(self.store.undo)

    def redo(self) -> None:
        """Go one saved state forward again; otherwise as `undo`."""
        self._step(self.store.redo)

    def history(self) -> History:
        """Which states undo and redo can go to."""
        return self.store.history(self.name) if self.version is not None else History((), 0)

    def _step(self, step: Callable[[str, str], str]) -> None:
        if self.version is None:
            raise UserError(f"The table {self.name} has nothing to undo or redo yet.")
        try:
            step(self.name, self.version)
        finally:
            self.refresh()
