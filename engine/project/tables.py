"""The object tables of a project: `objects/<name>.csv` with its `.yaml`, their history, undo and conflicts.

A version is the fingerprint of the file's bytes. Whoever saves says which version the edit began from; when the file
has become another one meanwhile (a second tab, a second person), both are kept: the edit goes to a table of its own and
the caller is told. Each saved state stays in `objects/.history/<name>/`, so that undo and redo work across sessions.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import yaml

from engine.atomic import locked, write_text
from engine.errors import UserError, explain_os_errors
from engine.objects import ObjectTable, TomogramGeometry, check
from engine.objects.formats import csv_table as table_csv
from engine.project.descriptions import read_provenance
from engine.project.settings import check_name
from engine.project.table_states import History, TableStates, fingerprint, fingerprint_of, write_with_fingerprint
from engine.project.table_text import text_of

FOLDER = "objects"


class TableConflict(UserError):
    """The table was changed elsewhere since the edit began; the edit was kept under `kept_as`."""

    def __init__(self, name: str, kept_as: str):
        super().__init__(
            f"The table {name} was changed elsewhere since you opened it, so your version was kept as {kept_as}: "
            "compare the two and delete one."
        )
        self.kept_as = kept_as


class TableStore:
    """The tables in the folder `objects/` of one project."""

    def __init__(self, root: Path):
        self.folder = root / FOLDER

    def names(self) -> list[str]:
        """The tables, by name."""
        return sorted(p.stem for p in self.folder.glob("*.csv") if not p.name.startswith("."))

    def path(self, name: str) -> Path:
        """The file of the table `name`.

        Raises
        ------
        UserError
            There is none, or it is a link that leads out of the project's folder of tables.
        """
        path = self.folder / f"{check_name(name, 'table')}.csv"
        if not path.is_file():
            known = ", ".join(self.names()) or "none yet"
            raise UserError(f"This project has no object table {name!r} (tables: {known}).")
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise UserError(f"{path} is a link that leads out of this project, so it is not read: copy the file here.")
        return path

    def version(self, name: str) -> str:
        """The fingerprint of the table's present bytes."""
        return fingerprint(self.path(name))

    def read(self, name: str) -> ObjectTable:
        """The table `name` with the geometry of its tomograms."""
        return self.read_version(name)[0]

    def read_version(self, name: str) -> tuple[ObjectTable, str]:
        """The table `name` and the version that was read."""
        path = self.path(name)
        while True:  # files are replaced whole, so a version that stayed the same was read whole
            version = fingerprint(path)
            table = table_csv.read(path, geometries(self.provenance(name)))
            if fingerprint(path) == version:
                return table, version

    def provenance(self, name: str) -> dict[str, Any]:
        """What made the table, and the shape and voxel size of each of its tomograms."""
        return read_provenance(self.folder / f"{name}.csv")

    def free_name(self, name: str) -> str:
        """`name`, or `name-2`, `name-3` … where it is taken, be it only by the history of a table that was removed."""
        left = {p.name for p in (self.folder / ".history").glob("*") if p.is_dir()}
        taken, candidate, number = {*self.names(), *left}, name, 2
        while candidate in taken:
            candidate, number = f"{name}-{number}", number + 1
        return candidate

    def create(self, name: str, table: ObjectTable, made_by: dict[str, Any]) -> str:
        """Write a new table; returns its name, which carries a number where `name` was taken.

        Raises
        ------
        UserError
            The name cannot be a file name, a row is wrong (see `engine.objects.check`), or the disk is full.
        """
        check_name(name, "table")
        check(table)
        with explain_os_errors(self.folder, "create"):
            self.folder.mkdir(exist_ok=True)
        with locked(self._lock(".new")):
            name = self.free_name(name)
            self._write(name, table, made_by)
        return name

    def save(self, name: str, table: ObjectTable, based_on: str) -> str:
        """Replace the table by an edited one; returns the new version.

        Parameters
        ----------
        name, table
            Which table, and what it shall hold.
        based_on
            The version that the edit began from, from `read_version`.

        Raises
        ------
        TableConflict
            The file is another version by now; the edit was written to a new table.
        UserError
            A row is wrong, or the disk is full; the file is as it was.
        """
        version = self.save_if_unchanged(name, table, based_on)
        if version is not None:
            return version
        made_by = {**self.provenance(name), "conflicts_with": name}
        raise TableConflict(name, self.create(f"{name}-edited", table, made_by))

    def save_if_unchanged(self, name: str, table: ObjectTable, based_on: str) -> str | None:
        """As `save`, but where the file is another version by now, nothing is written and None is returned."""
        check(table)
        path = self.path(name)
        with locked(self._lock(name)):
            if fingerprint(path) != based_on:
                return None
            self._write(name, table, self.provenance(name))
            return fingerprint(path)

    def at_version(self, name: str, version: str) -> ObjectTable | None:
        """The table as it was at an earlier version, from its history; None where that is not kept any more."""
        if self.version(name) == version:
            table, read = self.read_version(name)
            if read == version:
                return table
        known = geometries(self.provenance(name))
        states = self._states(name)
        for state in reversed(states.history().states):
            content = states.content(state)
            if fingerprint_of(content) == version:
                with tempfile.TemporaryDirectory() as folder:
                    file = Path(folder) / f"{name}.csv"
                    file.write_bytes(content)
                    return table_csv.read(file, known)
        return None

    def undo(self, name: str, based_on: str) -> str:
        """Go one saved state back from the version `based_on`; returns the new version.

        Raises
        ------
        UserError
            There is no older state, or the table is another version by now.
        """
        return self._step(name, -1, based_on)

    def redo(self, name: str, based_on: str) -> str:
        """Go one saved state forward again; otherwise as `undo`."""
        return self._step(name, +1, based_on)

    def history(self, name: str) -> History:
        """Which states are kept."""
        return self._states(name).history()

    def delete(self, name: str) -> None:
        """Move the table and its history to `objects/.deleted/`, from where a person can take them back."""
        path = self.path(name)
        bin_folder = self.folder / ".deleted"
        number = 1
        while (bin_folder / f"{name}.{number}").exists():
            number += 1
        place = bin_folder / f"{name}.{number}"
        with locked(self._lock(name)), explain_os_errors(path, "delete"):
            place.mkdir(parents=True)
            shutil.move(path, place / path.name)
            for rest in (self.folder / f"{name}.yaml", self._states(name).folder):
                if rest.exists():
                    shutil.move(rest, place / rest.name)

    def _write(self, name: str, table: ObjectTable, made_by: dict[str, Any]) -> None:
        """History first, the table last: if a disk fills up on the way, the table is as it was."""
        path, states = self.folder / f"{name}.csv", self._states(name)
        states.remember_changes_from_outside(path)
        sizes = {
            tomogram: {"shape": list(g.shape), "voxel_size": [float(v) for v in g.voxel_size]}
            for tomogram, g in table.tomograms.items()
        }
        beside = path.with_suffix(".yaml")
        description = {**made_by, "tomograms": sizes}
        unchanged = description == self.provenance(name)
        if unchanged:
            text = beside.read_text(encoding="utf-8")
        else:
            text = yaml.safe_dump(description, sort_keys=False, allow_unicode=True)
        content = text_of(table, path)
        version = fingerprint_of(content)
        state = states.add(content, text, version)
        try:
            if not unchanged:
                write_text(beside, text)
            write_with_fingerprint(path, content, version)
            states.set_position(state)
        except UserError:
            states.drop(state)
            raise

    def _step(self, name: str, direction: int, based_on: str) -> str:
        path = self.path(name)
        with locked(self._lock(name)):
            if fingerprint(path) != based_on:
                raise UserError(
                    f"The table {name} was changed elsewhere since you saw it: look at it, then undo again."
                )
            states = self._states(name)
            states.remember_changes_from_outside(path)
            history = states.history()
            target = history.position + direction
            if target not in history.states:
                raise UserError(f"The table {name} has nothing to {'undo' if direction < 0 else 'redo'}.")
            content, description = states.content(target), states.description(target)
            version = states.fingerprint(target)
            if description is not None:  # an edit may have changed the sizes of tomograms
                write_text(self.folder / f"{name}.yaml", description)
            write_with_fingerprint(path, content, version)
            states.set_position(target)
            return version

    def _states(self, name: str) -> TableStates:
        return TableStates(self.folder / ".history" / name)

    def _lock(self, name: str) -> Path:
        folder = self.folder / ".history"
        with explain_os_errors(folder, "create"):
            folder.mkdir(exist_ok=True)
        return folder / f"{name}.lock"


def geometries(provenance: dict[str, Any]) -> dict[str, TomogramGeometry]:
    """Shape and voxel size of each tomogram, from the `.yaml` of a table."""
    found = {}
    for tomogram, size in (provenance.get("tomograms") or {}).items():
        z, y, x = (int(n) for n in size["shape"])
        sz, sy, sx = (float(v) for v in size["voxel_size"])
        found[str(tomogram)] = TomogramGeometry((z, y, x), (sz, sy, sx))
    return found
