"""What the options of a format are made of: a closed model, and a field that many formats have."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """How a format is read or written; a name that it does not know is refused."""

    model_config = ConfigDict(extra="forbid")


class NoOptions(Options):
    """A format without anything to choose."""


def pixel_size_option(title: str, description: str) -> Any:
    """A field for a pixel size in Å, which may stay empty."""
    return Field(
        default=None,
        json_schema_extra={"unit": "Å", "empty": "automatic"},
        gt=0,
        title=title,
        description=description,
    )
