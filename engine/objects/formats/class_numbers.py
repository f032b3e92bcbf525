"""Classes in formats that only have numbers for them: one numbering for a whole table, decided before it is written.

The project's feature library, where there is one, is handed in as numbers by name: nothing here knows projects.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field, PrivateAttr, field_validator

from engine.errors import shortened
from engine.objects.formats.notes import note
from engine.objects.formats.options import Options

_NUMBERED = re.compile(r"(?:class |object )?(\d{1,9})")
_ENTRY = re.compile(r"\s*(\S.*?)\s*=\s*(\d{1,9})\s*")
LARGEST = 999_999_999
SHOWN = 20


class NumbersOfClasses(Options):
    """Writing a format with class numbers."""

    class_numbers: dict[str, int] = Field(
        default={},
        title="Class numbers",
        description="Numbers for names, such as ribosome=1, proteasome=2; other classes get those of the feature "
        "library, or the next free ones.",
        json_schema_extra={"advanced": True},
    )
    _library: Mapping[str, int] | None = PrivateAttr(default=None)

    @field_validator("class_numbers", mode="before")
    @classmethod
    def _readable(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        found = {}
        for part in filter(str.strip, given.split(",")):
            match = _ENTRY.fullmatch(part)
            if not match:
                raise ValueError(f"{part.strip()!r} is not like ribosome=1")
            found[match[1]] = int(match[2])
        return found

    @field_validator("class_numbers")
    @classmethod
    def _in_range(cls, given: dict[str, int]) -> dict[str, int]:
        for name, number in given.items():
            if not 0 <= number <= LARGEST:
                raise ValueError(f"the number of {name} must be 0 … {LARGEST}, not {number}")
        return given

    def decided(self, classes: Iterable[str], library: Mapping[str, int] | None = None) -> "NumbersOfClasses":
        """These options with a number for every class of a table, whatever part of it is written afterwards.

        Parameters
        ----------
        classes
            All names in the table.
        library
            Numbers by name of the project's feature library; None = there is no project.
        """
        numbering = class_numbering(classes, self.class_numbers, library)
        decided = self.model_copy(update={"class_numbers": numbering})
        decided._library = library
        return decided


def class_numbering(
    names: Iterable[str], chosen: Mapping[str, int] | None = None, library: Mapping[str, int] | None = None
) -> dict[str, int]:
    """The number of each class.

    In this order: what was chosen; the library's number; N for a class called "N", "class N" or "object N"; then, in
    the order of their names, the numbers after the largest one in use. No number stands for two
    classes unless it was chosen so, and a number that the library gives to a class is never given to another one.

    Parameters
    ----------
    names
        Of the classes, in any order.
    chosen
        Numbers by name that a person gave.
    library
        Numbers by name of the project's feature library.
    """
    ordered = sorted(set(names))
    given, known = dict(chosen or {}), dict(library or {})
    taken = set(given.values())
    known = {name: number for name, number in known.items() if name not in given and number not in taken}
    taken |= set(known.values())
    found = {name: number for name, number in {**known, **given}.items() if name in set(ordered)}
    for name in ordered:
        match = _NUMBERED.fullmatch(name)
        if name not in found and match and int(match[1]) not in taken:
            found[name] = int(match[1])
            taken.add(int(match[1]))
    following = max(taken, default=0)
    for name in ordered:
        if name not in found:
            following += 1
            found[name] = following
    return {name: found[name] for name in ordered}


def class_numbers(classes: "pd.Series[str]", title: str, options: NumbersOfClasses | None = None) -> np.ndarray:
    """[n] whole numbers; a note says which number stands for which class.

    Parameters
    ----------
    classes
        Of the objects that are written.
    title
        Of the format, for the note.
    options
        Numbers that are chosen, or `NumbersOfClasses.decided` for a whole table.
    """
    options = options or NumbersOfClasses()
    numbering = {**options.class_numbers, **class_numbering(classes.unique(), options.class_numbers)}
    sentence = numbering_sentence(title, numbering, options._library)
    if sentence:
        note(sentence)
    return classes.map(numbering).to_numpy(dtype=np.int64)


def numbering_sentence(title: str, numbering: Mapping[str, int], library: Mapping[str, int] | None = None) -> str:
    """Which number stands for which class, and where that is from; "" where the names say so themselves.

    Parameters
    ----------
    title
        Of the format.
    numbering
        As `class_numbering` gives it.
    library
        As it was given there; None = there is no project.
    """
    if all(name in (str(number), f"class {number}", f"object {number}") for name, number in numbering.items()):
        return ""
    pairs = sorted(numbering.items(), key=lambda entry: entry[1])
    told = ", ".join(f"{number} = {shortened(name)}" for name, number in pairs[:SHOWN])
    more = f", and {len(pairs) - SHOWN:,} more" if len(pairs) > SHOWN else ""
    if library is None:
        in_order = [numbering[name] for name in sorted(numbering)] == list(range(1, len(numbering) + 1))
        why = " (in the order of their names)" if in_order and len(numbering) > 1 else ""
    elif all(library.get(name) == number for name, number in numbering.items()):
        why = ", as in the feature library"
    else:
        new = [name for name, _ in pairs if name not in library]
        shown = ", ".join(map(shortened, new[:4])) + (" …" if len(new) > 4 else "")
        why = f" ({shown} not in the feature library)" if new else ""
    return f"{title} has numbers for classes: {told}{more}{why}."


def class_names(numbers: Iterable[float]) -> list[str]:
    """Give "class N" for each number; a fraction, which no class has, is kept as it is written."""
    values = pd.Series(numbers)
    unique = {value: f"class {value:g}" if value != int(value) else f"class {int(value)}" for value in values.unique()}
    return [unique[value] for value in values]
