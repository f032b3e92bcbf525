"""What is wrong in one of PickET's parameter files, in words, each problem with the line where it stands."""

import math
from typing import Any

from pydantic import ValidationError

from engine.errors import quoted
from engine.tasks.yaml_lines import LineFinder, Location, Problem

LONGEST_SHOWN = 60
COMPOSED = ("list_type", "model_type", "dict_type", "model_attributes_type")


def sentences(error: ValidationError, lines: LineFinder) -> list[Problem]:
    """All that pydantic found, in words."""
    found = []
    for problem in error.errors():
        location = problem["loc"]
        where = location[:-1] if problem["type"] == "missing" else location
        line = lines.of(where)
        found.append((line, f"line {line}: {_words(problem)}"))
    return found


def _words(problem: Any) -> str:
    kind, given, location = problem["type"], problem["input"], problem["loc"]
    name = _name(location)
    if kind == "missing":
        inside = f" in {_name(location[:-1])}" if len(location) > 1 else ""
        return f"{location[-1]} is missing{inside}: add it"
    message = problem["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        # A rule between keys, and a word that is not known, are named by the message itself.
        names_itself = isinstance(given, dict | list) or message.startswith("there is no")
        return message if names_itself else f"{_is(name, given)} {message}"
    if kind in COMPOSED:
        wanted = "a list: begin each entry with '- '"
        if kind != "list_type":
            wanted = "keys with values ('key: value')"
        return f"{_is(name, given)} must be {wanted}"
    if kind == "invalid_key":
        return f"the key {given!r} is not text: put it in quotes, or remove it"
    if kind == "too_short":
        return f"{name} is empty: add at least one entry"
    if kind == "string_too_short":
        return f"{name} is empty: give it a value"
    if kind == "string_type":
        return f"{_is(name, given)} must be text: {_as_text(given)}"
    if kind.startswith("int_"):
        return f"{_is(name, given)} is not a whole number{_whole_number_hint(given)}"
    if kind.startswith("float_") or kind == "finite_number":
        return f"{_is(name, given)} is not a number{_number_hint(given)}"
    limits = problem.get("ctx", {})
    if kind == "greater_than_equal":
        return f"{_is(name, given)} must be {limits['ge']} or more"
    if kind == "greater_than":
        return f"{_is(name, given)} must be more than {limits['gt']:g}"
    return f"{_is(name, given)} is not allowed ({message})"


def _name(location: Location) -> str:
    """The key as a person knows it: `mode`, or `entry 2 of inputs`."""
    if not location:
        return "the file"
    if isinstance(location[-1], int):
        return f"entry {location[-1] + 1} of {_name(location[:-1])}"
    return str(location[-1])


def _is(name: str, given: Any) -> str:
    return f"{name} = {_shown(given)}"


def _shown(given: Any) -> str:
    """A value as it would stand in YAML."""
    if given is None:
        return "(nothing)"
    if isinstance(given, bool):
        return "true" if given else "false"
    text = quoted(given)
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + " …"


def _as_text(given: Any) -> str:
    return "give it a value" if given is None else "put it in quotes"


def _whole_number_hint(given: Any) -> str:
    if given is None:
        return ": write a number"
    if isinstance(given, bool):
        return ": YAML reads yes, no, on, off, true and false as switches; write a number"
    number = _parsed(given)
    if number is None or not number.is_integer() or abs(number) > 1e15:
        return ": write it with digits alone"
    why = " (for YAML it is text)" if isinstance(given, str) else ""
    return f"{why}: write {int(number)}"


def _number_hint(given: Any) -> str:
    number = None if isinstance(given, bool) else _parsed(given)
    if number is None:
        return ": write one such as 12 or 12.5"
    return f" (for YAML it is text): write {number:g}"


def _parsed(given: Any) -> float | None:
    try:
        number = float(given)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
