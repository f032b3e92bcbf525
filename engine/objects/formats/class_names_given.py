"""Names that a person gives for class numbers when reading a list that has numbers only."""

import re
from collections.abc import Iterable

from pydantic import Field, field_validator

from engine.objects.formats.class_numbers import class_names
from engine.objects.formats.options import Options

_ENTRY = re.compile(r"\s*(\d{1,9})\s*[=:]\s*(\S.*?)\s*")


class NamesOfClasses(Options):
    """Reading a format with class numbers."""

    class_names: str = Field(
        default="",
        title="Class names",
        description="Names for the numbers in the list, such as 1=ribosome, 2=proteasome; others are called class N.",
    )

    @field_validator("class_names")
    @classmethod
    def _readable(cls, text: str) -> str:
        entries(text)
        return text


def entries(text: str) -> dict[int, str]:
    """The names by number of "1=ribosome, 2=proteasome". Raises ValueError on anything else."""
    found = {}
    for part in filter(str.strip, text.split(",")):
        match = _ENTRY.fullmatch(part)
        if not match:
            raise ValueError(f"{part.strip()!r} is not like 1=ribosome")
        found[int(match[1])] = match[2]
    return found


def named(numbers: Iterable[float], options: NamesOfClasses) -> list[str]:
    """The name of each class number: as given, else "class N"."""
    given = {f"class {number}": name for number, name in entries(options.class_names).items()}
    return [given.get(name, name) for name in class_names(numbers)]
