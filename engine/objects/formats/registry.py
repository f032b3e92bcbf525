"""Which exchange formats there are; telling one by a file's content; reading and writing any of them.

One file per format beside this one; a new format is a new file and one line in `FORMATS`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ValidationError

from engine.atomic import write_text
from engine.errors import UserError, quoted
from engine.objects.formats import (
    ais,
    copick,
    cz_ndjson,
    deepfinder_txt,
    deepfinder_xlsx,
    deepfinder_xml,
    dynamo,
    eman2,
    generic_table,
    imod,
    picket,
    relion3,
    relion4,
    relion5,
    stopgap,
    warp,
)
from engine.objects.formats.class_numbers import NumbersOfClasses
from engine.objects.formats.format import Format, head_of
from engine.objects.table import ANGLES, COLUMNS, COORDINATES, ObjectTable, TomogramGeometry

FORMATS: dict[str, Format] = {
    chosen.name: chosen
    for chosen in (
        relion5.FORMAT,
        relion4.FORMAT,
        relion3.FORMAT,
        warp.FORMAT,
        stopgap.FORMAT,
        dynamo.FORMAT,
        copick.FORMAT,
        cz_ndjson.FORMAT,
        deepfinder_xml.FORMAT,
        deepfinder_xlsx.FORMAT,
        deepfinder_txt.FORMAT,
        picket.FORMAT,
        eman2.FORMAT,
        imod.FORMAT,
        ais.FORMAT,
        generic_table.CSV,
        generic_table.XLSX,
    )
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


def detect(path: str | Path) -> Format:
    """The format of a file, by its content; its ending decides between those it looks like equally.

    What looks like none is given to the only format with its ending, whose reader says what is wrong with it.

    Raises
    ------
    UserError
        It looks like none, or cannot be read.
    """
    head = head_of(path)
    found = [(chosen.recognised(head), head.suffix in chosen.suffixes, chosen) for chosen in FORMATS.values()]
    strength, _, best = max(found, key=lambda entry: entry[:2])
    if not strength:
        of_suffix = [chosen for chosen in FORMATS.values() if head.suffix in chosen.suffixes]
        if len(of_suffix) == 1:
            return of_suffix[0]
        raise UserError(
            f"{path} looks like none of the lists that can be read: say its format ({', '.join(FORMATS)}), or give its "
            "columns a header line and read it as csv."
        )
    return best


def format_for_writing(path: str | Path) -> Format:
    """The format that a file's ending stands for.

    Raises
    ------
    UserError
        No format or several have that ending.
    """
    suffix = Path(path).suffix.lower()
    of_suffix = [chosen for chosen in FORMATS.values() if suffix in chosen.suffixes]
    if len(of_suffix) == 1:
        return of_suffix[0]
    names = ", ".join(chosen.name for chosen in of_suffix or FORMATS.values())
    raise UserError(f"The ending of {path} does not say its format: choose one of {names} (--to FORMAT).")


def options_of(model: type[BaseModel], values: Mapping[str, Any], what: str) -> BaseModel:
    """Options checked.

    Parameters
    ----------
    model
        `Format.reading` or `Format.writing`.
    values
        By name, as text or as they are.
    what
        What they belong to, for the message.

    Raises
    ------
    UserError
        An unknown option or a value that is not allowed, named.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            there = ", ".join(model.model_fields) or "none"
            raise UserError(f"{what} has no option {name!r}: its options are {there}.") from error
        raise UserError(f"{what}: {name} = {quoted(first['input'])} is not allowed ({first['msg']}).") from error


def read_objects(
    path: str | Path,
    tomograms: Mapping[str, TomogramGeometry] | None = None,
    chosen: Format | None = None,
    options: Mapping[str, Any] | None = None,
) -> ObjectTable:
    """Read a list of objects.

    Parameters
    ----------
    path
        The file.
    tomograms
        Geometry by name, of those that are at hand.
    chosen
        Its format; None = told by its content.
    options
        Of reading.

    Raises
    ------
    UserError
        What is wrong with the file or the options.
    """
    chosen = chosen or detect(path)
    checked = options_of(chosen.reading, options or {}, f"Reading {chosen.name}")
    return chosen.read(Path(path), tomograms or {}, checked)


def losses(table: ObjectTable, chosen: Format) -> list[str]:
    """What of a table a format cannot carry, one sentence each, to be shown before it is written."""
    rows, holds = table.rows, chosen.carries
    said = []
    several = [rows["tomogram"].nunique() > 1 and "several tomograms" not in holds and "tomogram"]
    several.append(rows["class"].nunique() > 1 and "classes" not in holds and _by_class(chosen) and "class")
    if any(several):
        said.append(f"{chosen.title} holds one {' and one '.join(s for s in several if s)}: one file each is written.")
    if "orientations" not in holds and rows[list(ANGLES)].notna().to_numpy().any():
        said.append(f"{chosen.title} holds no orientations.")
    if "classes" not in holds and rows["class"].nunique() > 1 and not _by_class(chosen):
        said.append(f"{chosen.title} holds no classes: all objects look alike in it.")
    for column, name in (("score", "scores"), ("size", "sizes")):
        if name not in holds and rows[column].notna().any():
            said.append(f"{chosen.title} holds no {name}.")
    if "fractions" not in holds and (rows[list(COORDINATES)] % 1 != 0).to_numpy().any():
        said.append(f"{chosen.title} holds whole voxels: fractions are lost.")
    further = [str(name) for name in rows.columns if name not in COLUMNS and not chosen.keeps(str(name))]
    if "further columns" not in holds and further:
        shown = ", ".join(further[:4]) + (" …" if len(further) > 4 else "")
        said.append(f"{chosen.title} has no place for the column{'s' if len(further) > 1 else ''} {shown}.")
    return said


def writing_options(
    table: ObjectTable,
    chosen: Format,
    options: Mapping[str, Any] | BaseModel | None = None,
    class_labels: Mapping[str, int] | None = None,
) -> BaseModel:
    """The options of writing a whole table, checked, with what is decided once for all of its parts: class numbers.

    Parameters
    ----------
    table
        All that is written, even where only some rows of it are.
    chosen
        The format.
    options
        By name; checked ones are taken as they are.
    class_labels
        Number by name of the project's feature library; None = there is no project.

    Raises
    ------
    UserError
        An option that is not allowed.
    """
    if isinstance(options, BaseModel):
        return options
    checked = options_of(chosen.writing, options or {}, f"Writing {chosen.name}")
    if isinstance(checked, NumbersOfClasses):
        return checked.decided(table.rows["class"].unique(), class_labels)
    return checked


def export(
    table: ObjectTable,
    chosen: Format,
    path: str | Path,
    options: Mapping[str, Any] | BaseModel | None = None,
    class_labels: Mapping[str, int] | None = None,
) -> list[Path]:
    """Write a table; into several files where the format holds only one tomogram or class and there are more.

    Parameters
    ----------
    table
        What to write.
    chosen
        The format.
    path
        The file; with several files `_<tomogram>` or `_<class>` goes before its ending.
    options
        Of writing.
    class_labels
        Number by name of the project's feature library, for formats that have numbers for classes.

    Returns
    -------
    list of Path
        The files written, those that the next program needs beside them last.

    Raises
    ------
    UserError
        Full disk, missing folder, a name that the format cannot hold, an option that is not allowed.
    """
    checked = writing_options(table, chosen, options, class_labels)
    files = targets(table, chosen, path)
    for target, rows in files.items():
        chosen.write(table if len(files) == 1 else table.with_rows(table.rows.loc[rows]), target, checked)
    beside = further_files(table, chosen, path, checked)
    for target, text in beside.items():
        write_text(target, text)
    return [*files, *beside]


def further_files(
    table: ObjectTable,
    chosen: Format,
    path: str | Path,
    options: Mapping[str, Any] | BaseModel | None = None,
    class_labels: Mapping[str, int] | None = None,
) -> dict[Path, str]:
    """What is written beside the list because the next program needs it: text by file."""
    if chosen.beside is None:
        return {}
    checked = writing_options(table, chosen, options, class_labels)
    found = chosen.beside(table, Path(path), checked)
    return {Path(path).with_name(name): text for name, text in found.items() if text}


def targets(table: ObjectTable, chosen: Format, path: str | Path) -> dict[Path, pd.Index]:
    """The files that `export` writes a table to, each with the rows that go into it.

    Raises
    ------
    UserError
        Two parts would go to the same file.
    """
    path, rows = Path(path), table.rows
    columns = []
    if "several tomograms" not in chosen.carries and rows["tomogram"].nunique() > 1:
        columns.append("tomogram")
    if _by_class(chosen) and rows["class"].nunique() > 1:
        columns.append("class")
    if not columns:
        return {path: rows.index}
    files: dict[Path, pd.Index] = {}
    for names, members in rows.groupby(columns, sort=False).groups.items():
        target = path.with_name(f"{path.stem}_{_safe(names)}{path.suffix}")
        if target in files:
            raise UserError(f"Two {' and '.join(columns)} names would both be written to {target}: rename one of them.")
        files[target] = members
    return files


def _by_class(chosen: Format) -> bool:
    """Whether a format's files are of one class each and say which."""
    return "one class" in chosen.carries


def _safe(names: Any) -> str:
    parts = [names] if isinstance(names, str) else [str(name) for name in names]
    return "_".join("".join(c if c.isalnum() or c in "-_." else "_" for c in part) for part in parts)
