"""What is wrong in one of PickET's parameter files, in words, each problem with the line where it stands."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from engine.errors import quoted

Location = Sequence[Any]
Problem = tuple[int, str]
"""Line, and the sentence without its full stop."""

LONGEST_SHOWN = 60
COMPOSED = ("list_type", "model_type", "dict_type", "model_attributes_type")


class LineFinder:
    """The lines of a YAML file at which its keys stand. The file must be valid YAML.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._root = yaml.compose(Path(path).read_text(encoding="utf-8", errors="replace"))

    def of(self, location: Location) -> int:
        """The line of a key (or an entry of a list), or of the nearest thing around it; counted from 1."""
        line = self._root.start_mark.line if self._root is not None else 0
        node = self._root
        for part in location:
            if isinstance(node, yaml.MappingNode):
                pairs = [(key, value) for key, value in node.value if key.value == part]
                if not pairs:
                    break
                key, node = pairs[-1]
                line = key.start_mark.line
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line
            else:
                break
        return int(line) + 1

    def repeated_keys(self) -> list[Problem]:
        """Keys that stand twice in one mapping: YAML would silently take the last."""
        problems = []
        for node in self._mappings():
            first: dict[Any, int] = {}
            for key, _ in node.value:
                line = key.start_mark.line + 1
                if isinstance(key, yaml.ScalarNode) and key.value in first:
                    text = f"line {line}: {key.value} stands here and in line {first[key.value]}: remove one"
                    problems.append((line, text))
                elif isinstance(key, yaml.ScalarNode):
                    first[key.value] = line
        return problems

    def _mappings(self) -> Iterator[yaml.MappingNode]:
        waiting, seen = [self._root], set()
        while waiting:
            node = waiting.pop()
            if node is None or id(node) in seen:  # what an alias repeats is looked at once
                continue
            seen.add(id(node))
            if isinstance(node, yaml.MappingNode):
                yield node
                waiting += [value for _, value in node.value]
            elif isinstance(node, yaml.SequenceNode):
                waiting += node.value


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
