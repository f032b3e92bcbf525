"""What a person can set, described once: a model whose fields carry title, help, unit and limits.

From one such model come a form, a YAML file, the command line, and messages that name the field. Lives on the ground
floor: edits of tables and tasks both describe themselves with it.
"""

from collections.abc import Mapping
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
    prefix = f"{where}: " if where else ""
    more = f" ({len(problems) - 1} more wrong)" if len(problems) > 1 else ""
    words = problem_words(model, problems[0])
    if not problems[0]["loc"]:  # a rule between fields: the sentence begins with its own words
        words = words[0].upper() + words[1:]
    return f"{prefix}{words}{more}."


def problem_words(model: type[BaseModel], problem: Mapping[str, Any]) -> str:
    """One of the problems that pydantic found in a `model`, without a full stop."""
    kind, given = problem["type"], problem["input"]
    location = ".".join(str(part) for part in problem["loc"])
    if kind == "missing":
        return f"{location} is missing: add it"
    if kind in ("string_too_short", "too_short") and not given:
        return f"{location} is empty: choose {'one' if given == '' else 'at least one'}"
    if kind == "extra_forbidden":
        return f"{location} is not a parameter here (known: {', '.join(model.model_fields) or 'none'})"
    message = problem["msg"].removeprefix("Value error, ")
    if kind.startswith("model_"):
        message = "expected parameters, each as 'name: value' in a line of its own"
    elif kind in ("dict_type", "list_type", "tuple_type"):
        message = f"it must be {'pairs of a name and a value' if kind == 'dict_type' else 'a list'}"
    elif kind.startswith("int_"):
        message = "it must be a whole number"
    elif kind.startswith("float_") or kind == "finite_number":
        message = "it must be a number"
    elif kind.startswith("bool_"):
        message = "it must be true or false"
    elif kind == "string_type":
        message = "it must be text"
    elif kind == "literal_error":
        message = f"choose {problem['ctx']['expected'].replace(' or ', ', ')}"
    elif kind in _LIMITS:
        limit, words = _LIMITS[kind]
        message = f"it must be {words.format(problem['ctx'][limit])}"
    if not location:  # a rule between fields: its message names them
        return message
    return f"{location} = {quoted(given)} is not allowed: {message[0].lower()}{message[1:]}"


_LIMITS = {
    "greater_than_equal": ("ge", "{} or more"),
    "greater_than": ("gt", "more than {}"),
    "less_than_equal": ("le", "{} or less"),
    "less_than": ("lt", "less than {}"),
}
