"""The object tables of a project: `objects/<name>.csv` with its `.yaml`, their history, undo and conflicts.

A version is the fingerprint of the file's bytes. Whoever saves says which version the edit began from; when the file
has become another one meanwhile (a second tab, a second person), both are kept: the edit goes to a table of its own and
the caller is told. Each saved state stays in `objects/.history/<name>/`, so that undo and redo work across sessions.
"""

import gzip
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from engine.atomic import locked, replacing, write_text
from engine.errors import UserError, explain_os_errors
from engine.objects import ObjectTable, TomogramGeometry, check
from engine.objects.formats import csv_table as table_csv
from engine.project.settings import check_name

FOLDER = "objects"
KEPT_STATES = 60
"""Older states are dropped: at 100,000 rows these are about 60 × 3 MB."""


class TableConflict(UserError):
    """The table was changed elsewhere since the edit began; the edit was kept under `kept_as`."""

    def __init__(self, name: str, kept_as: str):
        super().__init__(
            f"The table {name} was changed elsewhere since you opened it, so your version was kept as {kept_as}: "
            "compare the two and delete one."
        )
        self.kept_as = kept_as


@dataclass(frozen=True)
class History:
    """Which saved states a table has: `position` is the one that the file holds now, of `states` in order."""

    states: tuple[int, ...]
    position: int

    @property
    def can_undo(self) -> bool:
        """Whether an older state is kept."""
        return bool(self.states) and self.position > self.states[0]

    @property
    def can_redo(self) -> bool:
        """Whether undo went back from a newer state."""
        return bool(self.states) and self.position < self.states[-1]


class TableStore:
    """The tables in the folder `objects/` of one project."""

    def __init__(self, root: Path):
        self.folder = root / FOLDER

    def names(self) -> list[str]:
        """The tables, by name."""
        return sorted(p.stem for p in self.folder.glob("*.csv") if not p.name.startswith("."))

    def path(self, name: str) -> Path:
        """The file of the table `name`. Raises UserError when there is none."""
        path = self.folder / f"{check_name(name, 'table')}.csv"
        if not path.is_file():
            known = ", ".join(self.names()) or "none yet"
            raise UserError(f"This project has no object table {name!r} (tables: {known}).")
        return path

    def version(self, name: str) -> str:
        """The fingerprint of the table's present bytes."""
        return _fingerprint(self.path(name))

    def read(self, name: str) -> ObjectTable:
        """The table `name` with the geometry of its tomograms."""
        return self.read_version(name)[0]

    def read_version(self, name: str) -> tuple[ObjectTable, str]:
        """The table `name` and the version that was read."""
        path = self.path(name)
        with locked(self._lock(name)):
            version = _fingerprint(path)
            table = table_csv.read(path, geometries(self.provenance(name)))
        return table, version

    def provenance(self, name: str) -> dict[str, Any]:
        """What made the table, and the shape and voxel size of each of its tomograms."""
        try:
            content = yaml.safe_load((self.folder / f"{name}.yaml").read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError):
            return {}
        return content if isinstance(content, dict) else {}

    def free_name(self, name: str) -> str:
        """`name`, or `name-2`, `name-3` … where it is taken."""
        taken, candidate, number = set(self.names()), name, 2
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
        self.folder.mkdir(parents=True, exist_ok=True)
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
        check(table)
        path = self.path(name)
        with locked(self._lock(name)):
            conflict = _fingerprint(path) != based_on
            if not conflict:
                self._write(name, table, self.provenance(name))
                return _fingerprint(path)
        made_by = {**self.provenance(name), "conflicts_with": name}
        raise TableConflict(name, self.create(f"{name}-edited", table, made_by))

    def undo(self, name: str) -> str:
        """Go one saved state back; returns the new version. Raises UserError when there is none."""
        return self._step(name, -1)

    def redo(self, name: str) -> str:
        """Go one saved state forward again; returns the new version. Raises UserError when there is none."""
        return self._step(name, +1)

    def history(self, name: str) -> History:
        """Which states are kept."""
        states = tuple(sorted(int(p.name.split(".")[0]) for p in self._states(name).glob("[0-9]*.csv.gz")))
        try:
            position = int((self._states(name) / "position").read_text())
        except (OSError, ValueError):
            position = states[-1] if states else 0
        return History(states, position)

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
            for rest in (self.folder / f"{name}.yaml", self._states(name)):
                if rest.exists():
                    shutil.move(rest, place / rest.name)

    def _write(self, name: str, table: ObjectTable, made_by: dict[str, Any]) -> None:
        path = self.folder / f"{name}.csv"
        table_csv.write(table, path)
        sizes = {
            tomogram: {"shape": list(g.shape), "voxel_size": [float(v) for v in g.voxel_size]}
            for tomogram, g in table.tomograms.items()
        }
        text = yaml.safe_dump({**made_by, "tomograms": sizes}, sort_keys=False, allow_unicode=True)
        write_text(self.folder / f"{name}.yaml", text)
        self._remember(name, path)

    def _remember(self, name: str, path: Path) -> None:
        folder = self._states(name)
        folder.mkdir(parents=True, exist_ok=True)
        history = self.history(name)
        for state in history.states:  # a new edit after undo begins a new future
            if state > history.position:
                (folder / f"{state}.csv.gz").unlink(missing_ok=True)
        number = history.position + 1
        with replacing(folder / f"{number}.csv.gz") as temporary:
            temporary.write_bytes(gzip.compress(path.read_bytes(), compresslevel=1))
        write_text(folder / "position", str(number))
        for state in history.states[: -KEPT_STATES + 1]:
            (folder / f"{state}.csv.gz").unlink(missing_ok=True)

    def _step(self, name: str, direction: int) -> str:
        path = self.path(name)
        with locked(self._lock(name)):
            history = self.history(name)
            target = history.position + direction
            if target not in history.states:
                raise UserError(f"The table {name} has nothing to {'undo' if direction < 0 else 'redo'}.")
            folder = self._states(name)
            with replacing(path) as temporary:
                temporary.write_bytes(gzip.decompress((folder / f"{target}.csv.gz").read_bytes()))
            write_text(folder / "position", str(target))
            return _fingerprint(path)

    def _states(self, name: str) -> Path:
        return self.folder / ".history" / name

    def _lock(self, name: str) -> Path:
        return self.folder / ".history" / f"{name}.lock"


def geometries(provenance: dict[str, Any]) -> dict[str, TomogramGeometry]:
    """Shape and voxel size of each tomogram, from the `.yaml` of a table."""
    found = {}
    for tomogram, size in (provenance.get("tomograms") or {}).items():
        z, y, x = (int(n) for n in size["shape"])
        sz, sy, sx = (float(v) for v in size["voxel_size"])
        found[str(tomogram)] = TomogramGeometry((z, y, x), (sz, sy, sx))
    return found


def _fingerprint(path: Path) -> str:
    with explain_os_errors(path, "read"):
        return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()[:16]
