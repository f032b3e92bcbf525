"""What a person can set, described once: a model whose fields carry title, help, unit and limits.

From one such model come a form, a YAML file, the command line, and messages that name the field. Lives on the ground
floor: edits of tables and tasks both describe themselves with it.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as _PydanticField

from engine.errors import quoted


class Parameters(BaseModel):
    """Base of all parameters: unknown keys are refused, so that a typing error is not silently ignored."""

    model_config = ConfigDict(extra="forbid")


def parameter(
    default: Any = ...,
    *,
    title: str,
    help: str,
    unit: str = "",
    advanced: bool = False,
    source: str = "",
    beside: bool = False,
    only_if: tuple[str, Any] | None = None,
    empty: str = "",
    **limits: Any,
) -> Any:
    """A field of a model of parameters.

    Parameters
    ----------
    default
        Without one the field is required.
    title, help, unit
        What the form shows. One short line of help.
    advanced
        Folded away in the form.
    source
        What the form offers to choose from, such as "tomograms", "segmentations", "tables" or "classes".
    beside
        Stands beside the field before it in the form: the two ends of a range.
    only_if
        Another field and the value it must have for this one to matter; otherwise the form leaves it out.
    empty
        What an empty field means, a word or two.
    limits
        As pydantic's Field takes them: ge, gt, le, lt, min_length …
    """
    extra: dict[str, Any] = {"unit": unit, "advanced": advanced, "source": source, "beside": beside, "only_if": only_if}
    if empty:
        extra["empty"] = empty
    return _PydanticField(default, title=title, description=help, json_schema_extra=extra, **limits)


def validation_sentence(model: type[BaseModel], error: ValidationError, where: str = "") -> str:
    """The first problem that pydantic found, as one sentence for a person."""
    problems = error.errors()
    first = problems[0]
    location = ".".join(str(part) for part in first["loc"])
    prefix = f"{where}: " if where else ""
    more = f" ({len(problems) - 1} more wrong)" if len(problems) > 1 else ""
    if first["type"] == "missing":
        return f"{prefix}{location} is missing: add it{more}."
    if first["type"] in ("string_too_short", "too_short") and not first["input"]:
        return f"{prefix}{location} is empty: choose {'one' if first['input'] == '' else 'at least one'}{more}."
    if first["type"] == "extra_forbidden":
        known = ", ".join(model.model_fields)
        return f"{prefix}{location} is not a parameter here (known: {known or 'none'}){more}."
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] in ("dict_type", "list_type", "tuple_type"):
        message = f"it must be {'pairs of a name and a value' if first['type'] == 'dict_type' else 'a list'}"
    if not location:  # a rule between fields: its message names them
        return f"{prefix}{message[0].upper()}{message[1:]}{more}."
    message = message[0].lower() + message[1:]
    return f"{prefix}{location} = {quoted(first['input'])} is not allowed: {message}{more}."
