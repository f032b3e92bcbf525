"""`tomodeck.yaml`: the name of a project, its tomogram sources, voxel sizes set by hand, and its classes.

The file is meant to be read and edited by people too. Keys that this version does not know are kept.
"""

import re
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.annotation.classes import PALETTE, ObjectClass
from engine.atomic import write_text
from engine.errors import UserError, explain_os_errors, quoted
from engine.remembered import Remembered

__all__ = ["FILE_NAME", "PALETTE", "ObjectClass", "Settings", "check_name", "read_settings", "write_settings"]

FILE_NAME = "tomodeck.yaml"


class Settings(BaseModel):
    """The contents of `tomodeck.yaml`."""

    model_config = ConfigDict(extra="allow")

    format: Literal[1] = 1
    name: str
    sources: list[str] = []
    voxel_sizes: dict[str, float] = Field(default={}, description="tomogram name → Å, where the header is wrong")
    names: dict[str, str] = Field(default={}, description="path → tomogram name, where two files share a name")
    classes: list[ObjectClass] = []


def read_settings(root: Path) -> Settings:
    """Read the settings of the project in folder `root`.

    Raises
    ------
    UserError
        No such file, not YAML, or a value out of its range (named).
    """
    path = root / FILE_NAME
    with explain_os_errors(path, "read"):
        return _settings.of(path)


def _read(path: Path) -> Settings:
    text = path.read_text(encoding="utf-8")
    try:
        raw: Any = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f", line {place.line + 1}" if place else ""
        raise UserError(f"{path}{line} is not valid YAML: mend that line or restore the file.") from error
    if not isinstance(raw, dict):
        raise UserError(f"{path} holds no settings (expected 'name:' and 'sources:'): restore or delete the file.")
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"{path}: {where} = {quoted(first['input'])} is not allowed ({first['msg']}); mend that line."
        ) from error


_settings = Remembered(_read)


def write_settings(root: Path, settings: Settings) -> None:
    """Replace the settings of the project in folder `root`."""
    text = yaml.safe_dump(settings.model_dump(), sort_keys=False, allow_unicode=True)
    write_text(root / FILE_NAME, text)


def check_name(name: str, what: str) -> str:
    """`name` if it can stand in a file name, in an address and in a STAR file; else a UserError.

    The double underscore separates tomogram and segmentation in file names, so `what` names may not hold it.
    """
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.+-]{0,118}[A-Za-z0-9.+-])?", name) or "__" in name:
        raise UserError(
            f"The {what} name {name!r} does not work as a file name: use letters, digits, '.', '-' and single '_', "
            "starting with a letter or digit, at most 120 in all and no '_' at the end."
        )
    return name
