"""Sizes of tomograms that a person gives beside a list: a folder, a tomograms.star, or in words."""

import re
from collections.abc import Sequence
from pathlib import Path

from engine.errors import UserError
from engine.objects import TomogramGeometry
from engine.objects.formats import relion5
from engine.project.tomograms import list_tomograms

WORDS = re.compile(r"(?P<name>[^=]+)=(?P<shape>\d+[,x]\d+[,x]\d+)@(?P<voxel>[0-9.]+)(Å|A)?")


def geometries_from(sources: Sequence[str]) -> dict[str, TomogramGeometry]:
    """Geometry by tomogram name.

    Parameters
    ----------
    sources
        Each one a `tomograms.star` of RELION 5 (its unbinned size and pixel size), a folder or file of tomograms, or
        NAME=X,Y,Z@VOXEL_SIZE (voxels and Å). Later ones count where a name comes twice.

    Raises
    ------
    UserError
        None of these; a folder without tomograms.
    """
    found: dict[str, TomogramGeometry] = {}
    for source in sources:
        words = WORDS.fullmatch(source.strip())
        path = Path(source).expanduser()
        if words:
            x, y, z = (int(n) for n in re.split("[,x]", words["shape"]))
            size = _voxel_size(words["voxel"], source)
            if min(x, y, z) < 1:
                raise UserError(f"{source!r} has a side of 0 voxels: write the tomogram's size as X,Y,Z.")
            found[words["name"].strip()] = TomogramGeometry((z, y, x), (size, size, size))
        elif path.suffix.lower() == ".star" and path.is_file():
            found |= relion5.read_tomograms(path)
        elif path.exists():
            found |= _of_files(path)
        else:
            raise UserError(
                f"{source!r} is no file, no folder and no size: give a tomograms.star, a folder of tomograms, or "
                "NAME=X,Y,Z@VOXEL_SIZE such as TS_01=1000,1000,400@10."
            )
    return found


def _voxel_size(text: str, source: str) -> float:
    try:
        size = float(text)
    except ValueError:
        size = 0.0
    if size <= 0:
        raise UserError(f"{source!r}: {text} is no voxel size in Å: write it as TS_01=1000,1000,400@10.")
    return size


def _of_files(path: Path) -> dict[str, TomogramGeometry]:
    tomograms, _, problems = list_tomograms([str(path.resolve())], {}, {})
    if not tomograms:
        why = f" ({problems[0]})" if problems else ""
        raise UserError(f"{path} holds no tomogram that can be read{why}: give another folder.")
    return {t.name: TomogramGeometry(t.shape, t.voxel_size) for t in tomograms}
