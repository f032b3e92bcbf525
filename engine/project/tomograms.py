"""The tomograms of a project: what its sources hold, under which name, with which voxel size, and what is wrong.

Headers are read once per file and modification time, so that a page may ask as often as it likes.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from engine.errors import UserError
from engine.volumes import VolumeInfo, list_volume_files, read_info, voxel_size_problem

_ENDINGS = (
    ".gz",
    ".bz2",
    ".mrc",
    ".rec",
    ".map",
    ".st",
    ".hdf",
    ".hdf5",
    ".h5",
    ".tif",
    ".tiff",
    ".zarr",
    ".ome",
)

# path → ((modification time, size), header or the sentence that says why there is none)
_headers: dict[Path, tuple[tuple[int, int], VolumeInfo | str]] = {}


@dataclass(frozen=True)
class Tomogram:
    """One density volume of a project, used in place.

    Attributes
    ----------
    name
        Unique in the project.
    info
        What the header says; None when the file cannot be read, then `problem` says why.
    voxel_size_override
        Å, set by hand where the header is wrong.
    """

    name: str
    path: Path
    info: VolumeInfo | None
    problem: str | None = None
    voxel_size_override: float | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels in z, y, x. Raises UserError when the file cannot be read."""
        return self._header().shape

    @property
    def voxel_size(self) -> tuple[float, float, float]:
        """Å in z, y, x: set by hand, else the header's, else 1 (and `warning` says so)."""
        if self.voxel_size_override:
            return (self.voxel_size_override,) * 3
        return self._header().voxel_size or (1.0, 1.0, 1.0)

    @property
    def origin(self) -> tuple[float, float, float]:
        """The header's origin, Å in z, y, x."""
        return self._header().origin

    @property
    def warning(self) -> str | None:
        """What a person should check before using this tomogram: a doubtful voxel size, a tolerated header."""
        if self.info is None:
            return None
        doubts = [] if self.voxel_size_override else [voxel_size_problem(self.info.voxel_size)]
        doubts += [w for w in self.info.warnings if "voxel size" not in w.lower()]
        return " ".join(d for d in doubts if d) or None

    def _header(self) -> VolumeInfo:
        if self.info is None:
            raise UserError(self.problem or f"{self.path} cannot be read.")
        return self.info


def list_tomograms(
    sources: list[str], names: dict[str, str], voxel_sizes: dict[str, float]
) -> tuple[list[Tomogram], dict[str, str], list[str]]:
    """Everything that the sources of a project hold.

    Parameters
    ----------
    sources
        Folders or globs.
    names
        Path → name, fixed earlier because two files shared a name.
    voxel_sizes
        Name → Å, set by hand.

    Returns
    -------
    The tomograms in order of the sources; `names` with what had to be fixed now; one sentence for each source that
    cannot be listed.
    """
    names = dict(names)
    found: list[tuple[Path, Path]] = []
    problems: list[str] = []
    seen: set[Path] = set()
    for source in sources:
        try:
            paths = list_volume_files(source)
        except UserError as error:
            problems.append(str(error))
            continue
        place = source_folder(source)
        for path in paths:
            if path not in seen:
                seen.add(path)
                found.append((path, place))
    tomograms = []
    taken = set(names.values())
    given: dict[str, Path] = {}
    for path, place in found:
        name = names.get(str(path))
        if name is None:
            stem = plain_name(path)
            name = stem
            if name in given or name in taken:
                name = _free_name(path, set(given) | taken)
                names[str(path)] = name
                if stem in given:  # the first holder keeps the plain name from now on, whatever is added before it
                    names[str(given[stem])] = stem
                taken |= {name, stem}
        given[name] = path
        info, problem = _header(path, place)
        tomograms.append(Tomogram(name, path, info, problem, voxel_sizes.get(name)))
    return tomograms, names, problems


def plain_name(path: Path) -> str:
    """The file's name without the endings of volume formats, fit for file names and addresses."""
    name = path.name
    while name.lower().endswith(_ENDINGS):
        name = name[: name.rindex(".")]
    name = re.sub(r"[^A-Za-z0-9._+-]", "_", name)
    return re.sub(r"_{2,}", "_", name).lstrip("._+-")[:100].rstrip("_") or "tomogram"


def source_folder(source: str) -> Path:
    """The folder that a source registers: itself, or the part of a glob before the first wildcard."""
    parts = Path(source).parts
    wild = next((i for i, part in enumerate(parts) if re.search(r"[*?\[]", part)), None)
    path = Path(source) if wild is None else Path(*parts[:wild])
    return path.parent if path.is_file() and not path.is_dir() else path


def _free_name(path: Path, taken: set[str]) -> str:
    name = f"{plain_name(path.parent)}-{plain_name(path)}"
    number = 2
    candidate = name
    while candidate in taken:
        candidate = f"{name}-{number}"
        number += 1
    return candidate


def _header(path: Path, place: Path) -> tuple[VolumeInfo | None, str | None]:
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(os.path.realpath(place)):
        if not real.exists():
            return None, f"{path} is a link to {real}, which does not exist: mend or remove the link."
        return None, f"{path} is a link to {real}, outside this source, so it is not read: add it as a source itself."
    try:
        status = path.stat()
    except OSError as error:
        return None, f"Cannot read {path}: {error.strerror}."
    version = (status.st_mtime_ns, status.st_size)
    known = _headers.get(path)
    if known is None or known[0] != version:
        try:
            known = (version, read_info(path))
        except UserError as error:
            known = (version, str(error))
        _headers[path] = known
    content = known[1]
    return (None, content) if isinstance(content, str) else (content, None)
