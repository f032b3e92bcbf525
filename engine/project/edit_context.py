"""What an edit of an object table may need besides the table, from a project or from files.

The edits: `engine.objects.edit_steps`. A page gives a project; the command line may give files as well.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from engine.errors import UserError
from engine.objects import ObjectTable
from engine.objects.formats.tomogram_names import match_names
from engine.project.folder import Project
from engine.project.tomograms import list_tomograms
from engine.volumes import Volume, open_volume


class EditSources:
    """Densities, label maps, tables and radii for edits: an `engine.objects.edit_steps.EditContext`.

    Parameters
    ----------
    project
        Where names of tomograms, label maps and tables are looked up.
    tomograms
        Folders or files of tomograms whose densities are meant, besides the project's.
    read_file
        Reads a table from a file; None (a page) takes neither tables nor label maps from paths.
    """

    def __init__(
        self,
        project: Project | None = None,
        tomograms: Sequence[str] = (),
        read_file: Callable[[Path], ObjectTable] | None = None,
    ):
        self._project = project
        self._read_file = read_file
        self._files: dict[str, Path] = {}
        for source in tomograms:
            found, _, problems = list_tomograms([str(Path(source).expanduser().resolve())], {}, {})
            if not found:
                raise UserError(problems[0] if problems else f"{source} holds no tomograms: name another folder.")
            self._files |= {tomogram.name: tomogram.path for tomogram in found}
        self._open: dict[Path, Volume] = {}

    def density(self, tomogram: str, start: tuple[int, int, int], stop: tuple[int, int, int]) -> np.ndarray:
        """Densities [z, y, x] of a box. Raises UserError where there is no such tomogram."""
        z, y, x = (slice(a, b) for a, b in zip(start, stop, strict=True))
        return self._tomogram(tomogram)[z, y, x]

    def shape(self, tomogram: str) -> tuple[int, int, int]:
        """(z, y, x) in voxels. Raises UserError where there is no such tomogram."""
        return self._tomogram(tomogram).shape

    def mask(self, name: str, tomogram: str) -> Volume:
        """A label map: of the project, or a file in whose name {tomogram} stands for the tomogram's.

        Raises
        ------
        UserError
            There is none.
        """
        of, _, rest = name.rpartition("__")
        if self._project is not None and of in ("", tomogram):
            for found in self._project.segmentations(tomogram):
                if found.name == rest:
                    return self._volume(self._project.readable(found.path))
        if self._read_file is not None:
            path = Path(name.replace("{tomogram}", tomogram)).expanduser()
            if path.exists():
                return self._volume(path)
        way_out = "a file, with {tomogram} where its name stands" if self._read_file else "one that each tomogram has"
        raise UserError(f"There is no label map {name!r} of {tomogram}: name {way_out}.")

    def table(self, name: str) -> ObjectTable:
        """A table of the project, or a file. Raises UserError where there is none."""
        if self._project is not None and name in self._project.tables.names():
            return self._project.table(name)
        if self._read_file is not None and Path(name).expanduser().is_file():
            return self._read_file(Path(name).expanduser())
        known = ", ".join(self._project.tables.names()) if self._project is not None else ""
        raise UserError(f"{name!r} is no table" + (f" of the project (tables: {known})." if known else " and no file."))

    def radii(self) -> Mapping[str, float]:
        """Å by class, of the project's feature library."""
        return {known.name: known.radius for known in self._project.classes} if self._project is not None else {}

    def close(self) -> None:
        """Let go of the files."""
        for volume in self._open.values():
            volume.close()
        self._open.clear()

    def __enter__(self) -> "EditSources":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _tomogram(self, name: str) -> Volume:
        meant = match_names([name], self._files)[name]
        if meant in self._files:
            return self._volume(self._files[meant])
        if self._project is None:
            raise UserError(f"The densities of {name} are needed: name a project, or a folder that holds {name}.")
        return self._volume(self._project.readable(self._project.tomogram(name).path))

    def _volume(self, path: Path) -> Volume:
        if path not in self._open:
            self._open[path] = open_volume(path)
        return self._open[path]
