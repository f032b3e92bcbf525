"""Formats of one tomogram per file: which one a file belongs to, and refusing to write several."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from engine.errors import UserError
from engine.objects.formats.notes import note
from engine.objects.formats.tomogram_names import match_names, plain_name
from engine.objects.table import ObjectTable, TomogramGeometry


def belongs_to(
    path: str | Path, stated: str, tomograms: Mapping[str, TomogramGeometry], drop: Iterable[str] = ()
) -> str:
    """The name of the tomogram that a file's objects are in.

    In this order: the one whose name the file states; the only one given; the one with whose name the file's name
    ends; the stated name as it is; and, where no tomograms are given at all, the file's own name.

    Parameters
    ----------
    path
        The list.
    stated
        The name that stands in it; "" where the format has none.
    tomograms
        Those at hand.
    drop
        Ends of file names that are not part of a tomogram's name ("_info").

    Raises
    ------
    UserError
        Several tomograms are at hand and nothing says which.
    """
    stem = plain_name(Path(path).name)
    if stem == Path(path).name:
        stem = Path(path).stem
    for end in drop:
        stem = stem.removesuffix(end)
    if stated:
        found = match_names([stated], tomograms)[stated]
        if found in tomograms:
            return found
    if len(tomograms) == 1:
        only = next(iter(tomograms))
        if stated:
            note(
                f"{path} names tomogram {plain_name(stated)!r}; its objects are put into {only!r}, the only one given."
            )
        return only
    fitting = [name for name in tomograms if stem == name or stem.endswith(f"_{name}") or stem == plain_name(name)]
    if fitting:
        return max(fitting, key=len)
    if stated:
        return plain_name(stated)
    if not tomograms:
        note(f"{path} does not say which tomogram its objects are in: it is called {stem!r}, after the file.")
        return stem
    raise UserError(f"{path} does not say which tomogram its objects are in: choose the tomogram first.")


def only_tomogram(table: ObjectTable, title: str) -> str:
    """The tomogram of all objects; of an empty table the first it knows, or "".

    Raises
    ------
    UserError
        There are several.
    """
    names = list(dict.fromkeys(table.rows["tomogram"])) or list(table.tomograms)[:1]
    if len(names) > 1:
        raise UserError(
            f"{title} holds one tomogram, the table has {len(names)} ({', '.join(names[:5])}"
            f"{' …' if len(names) > 5 else ''}): filter it to one, or write one file per tomogram."
        )
    return names[0] if names else ""
