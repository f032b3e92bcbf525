"""The lines of a YAML file at which its keys stand, and keys that stand twice."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

Location = Sequence[Any]
Problem = tuple[int, str]
"""Line, and the sentence without its full stop."""


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


def together(path: Path, problems: Sequence[Problem]) -> str:
    """All that is wrong in a file, line by line, as one sentence."""
    return f"{path}: {'; '.join(text for _, text in sorted(problems, key=lambda problem: problem[0]))}."
