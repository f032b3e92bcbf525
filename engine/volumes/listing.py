"""Which files of a folder or glob are volumes, by the endings of their names. Headers: see `reading`."""

import glob
import os
import re
from pathlib import Path

from engine.errors import UserError, explain_os_errors
from engine.volumes.ome_zarr import is_zarr_folder

MRC_SUFFIXES = (".mrc", ".rec", ".map", ".st")
OTHER_SUFFIXES = (".hdf", ".h5", ".hdf5", ".tif", ".tiff")
COMPRESSIONS = (".gz", ".bz2")
# Raw tilt series end in .st and lie beside tomograms: taken when named by a glob, not from a folder.
FOLDER_SUFFIXES = tuple(suffix for suffix in MRC_SUFFIXES if suffix != ".st")


def list_volume_files(source: str | Path) -> list[Path]:
    """The volumes that a folder or glob names, in natural order (2 before 10).

    Parameters
    ----------
    source
        A folder (its files; where it has none directly, those one level below), a glob (`**` goes through all
        folders below), or one file.

    Returns
    -------
    list of Path
        Names with a known ending: .mrc .rec .map (also .gz, .bz2) .hdf .h5 .hdf5 .tif .tiff, .zarr folders,
        and .st for a glob. Hidden names are left out. A folder without any gives an empty list.

    Raises
    ------
    UserError
        Missing or unreadable folder; a glob that matches nothing.
    """
    text = os.path.expanduser(str(source)).strip()
    if not text:
        raise UserError("No folder given: enter a folder or a pattern such as /data/*.mrc.")
    place = Path(text)
    if place.is_dir() and not _is_volume_folder(place):
        found = _in_folder(place)
        if not found:
            found = [path for folder in _folders(place) for path in _in_folder(folder)]
    elif place.exists():
        found = [place]
    elif glob.has_magic(text):
        found = [Path(name) for name in glob.iglob(text, recursive=True) if _is_volume_name(Path(name), MRC_SUFFIXES)]
        if not found:
            raise UserError(f"The pattern {text} matches no volume: check the folder and the ending.")
    else:
        raise UserError(f"There is no folder {text}: check the path.")
    return sorted(found, key=_natural)


def _in_folder(folder: Path) -> list[Path]:
    with explain_os_errors(folder, "read"), os.scandir(folder) as entries:
        return [
            Path(entry.path)
            for entry in entries
            if not entry.name.startswith(".") and _is_volume_name(Path(entry.path), FOLDER_SUFFIXES)
        ]


def _folders(folder: Path) -> list[Path]:
    with explain_os_errors(folder, "read"), os.scandir(folder) as entries:
        return [
            Path(entry.path)
            for entry in entries
            if not entry.name.startswith(".") and entry.is_dir() and os.access(entry.path, os.R_OK | os.X_OK)
        ]


def _is_volume_name(path: Path, mrc_suffixes: tuple[str, ...]) -> bool:
    name = path.name.lower()
    for compression in COMPRESSIONS:
        if name.endswith(compression):
            return name.removesuffix(compression).endswith(mrc_suffixes) and path.is_file()
    if name.endswith(mrc_suffixes + OTHER_SUFFIXES):
        return not path.is_dir()  # a broken link is listed too, so that its row can say so
    return _is_volume_folder(path)


def _is_volume_folder(path: Path) -> bool:
    return path.name.lower().endswith(".zarr") and path.is_dir() and is_zarr_folder(path)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """A key that sorts ts_2 before ts_10."""
    parts = re.split(r"(\d+)", str(path).lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
