"""Which exchange formats there are, what each carries, and how to write tomograms that one cannot hold.

One file per format beside this one; a new format is a new file and one line in `FORMATS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import UserError
from engine.objects.edits import filter_by
from engine.objects.formats import csv_table, cz_ndjson, picket, relion5
from engine.objects.table import ANGLES, ObjectTable, TomogramGeometry


@dataclass(frozen=True)
class Format:
    """One exchange format.

    Attributes
    ----------
    name
        Short name for files and command lines.
    title
        What a person calls it.
    suffix
        Ending of its files, with the dot.
    angles, classes, scores, several_tomograms
        What it carries besides positions.
    conventions
        Units and origin in one sentence, for the export dialog.
    write
        Writes a table to a path, whole or not at all.
    read
        Reads a table from a path, given the geometry of the tomograms it may refer to.
    """

    name: str
    title: str
    suffix: str
    angles: bool
    classes: bool
    scores: bool
    several_tomograms: bool
    conventions: str
    write: Callable[[ObjectTable, Path], None]
    read: Callable[[Path, Mapping[str, TomogramGeometry]], ObjectTable]


FORMATS: dict[str, Format] = {
    "relion5": Format(
        name="relion5",
        title="RELION 5 STAR",
        suffix=".star",
        angles=True,
        classes=True,
        scores=True,
        several_tomograms=True,
        conventions=relion5.CONVENTIONS,
        write=relion5.write,
        read=relion5.read,
    ),
    "csv": Format(
        name="csv",
        title="CSV",
        suffix=".csv",
        angles=True,
        classes=True,
        scores=True,
        several_tomograms=True,
        conventions=csv_table.CONVENTIONS,
        write=csv_table.write,
        read=csv_table.read,
    ),
    "picket": Format(
        name="picket",
        title="PickET YAML",
        suffix=".yaml",
        angles=False,
        classes=False,
        scores=False,
        several_tomograms=False,
        conventions=picket.CONVENTIONS,
        write=picket.write,
        read=picket.read,
    ),
    "cz_ndjson": Format(
        name="cz_ndjson",
        title="CZ data portal ndjson",
        suffix=".ndjson",
        angles=True,
        classes=True,
        scores=False,
        several_tomograms=False,
        conventions=cz_ndjson.CONVENTIONS,
        write=cz_ndjson.write,
        read=cz_ndjson.read,
    ),
}


def get_format(name: str) -> Format:
    """The format of a name.

    Raises
    ------
    UserError
        No such format; the sentence lists those there are.
    """
    if name not in FORMATS:
        raise UserError(f"There is no exchange format {name!r}: choose one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def losses(table: ObjectTable, chosen: Format) -> list[str]:
    """What of a table a format cannot carry, one sentence each, to be shown before it is written."""
    rows = table.rows
    said = []
    if not chosen.several_tomograms and rows["tomogram"].nunique() > 1:
        said.append(f"{chosen.title} holds one tomogram: one file per tomogram is written.")
    if not chosen.angles and rows[list(ANGLES)].notna().to_numpy().any():
        said.append(f"{chosen.title} holds no orientations.")
    if not chosen.classes and rows["class"].nunique() > 1:
        said.append(f"{chosen.title} holds no classes: all objects look alike in it.")
    if not chosen.scores and rows["score"].notna().any():
        said.append(f"{chosen.title} holds no scores.")
    return said


def export(table: ObjectTable, chosen: Format, path: str | Path) -> list[Path]:
    """Write a table; into one file per tomogram where the format holds only one and there are several.

    Parameters
    ----------
    table
        What to write.
    chosen
        The format.
    path
        The file; with several files `_<tomogram>` goes before its ending.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    UserError
        Full disk, missing folder, a name that the format cannot hold.
    """
    files = targets(table, chosen, path)
    for target, names in files.items():
        chosen.write(table if len(files) == 1 else filter_by(table, tomograms=names), target)
    return list(files)


def targets(table: ObjectTable, chosen: Format, path: str | Path) -> dict[Path, list[str]]:
    """The files that `export` writes, each with the tomograms whose objects go into it.

    Raises
    ------
    UserError
        Two tomograms would go to the same file.
    """
    path = Path(path)
    names = list(dict.fromkeys(table.rows["tomogram"]))
    if chosen.several_tomograms or len(names) <= 1:
        return {path: names}
    files: dict[Path, list[str]] = {}
    for name in names:
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
        target = path.with_name(f"{path.stem}_{safe}{path.suffix}")
        if target in files:
            raise UserError(f"Two tomograms would both be written to {target}: rename one of them.")
        files[target] = [name]
    return files
