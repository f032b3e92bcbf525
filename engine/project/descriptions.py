"""The `.yaml` beside a result of a project: what made it, from what, when."""

from pathlib import Path
from typing import Any

import yaml

from engine.remembered import Remembered


def read_provenance(path: Path) -> dict[str, Any]:
    """What made the result `path`; empty when the `.yaml` beside it is missing or broken."""
    try:
        return dict(_descriptions.of(path.with_suffix(".yaml")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}


def _read(path: Path) -> dict[str, Any]:
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return content if isinstance(content, dict) else {}


_descriptions = Remembered(_read, most=100_000)
