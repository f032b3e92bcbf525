"""All edits by name, and running several of them: from a YAML list, a page, or the command line."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from engine.errors import UserError, quoted
from engine.objects.edit_steps import orientation_steps, place_steps, selection_steps
from engine.objects.edit_steps.step import Edit, EditContext, StepParameters
from engine.objects.table import ObjectTable
from engine.parameters import validation_sentence

EDITS: dict[str, Edit] = {
    edit.name: edit for edit in (*selection_steps.EDITS, *place_steps.EDITS, *orientation_steps.EDITS)
}


@dataclass(frozen=True)
class Chosen:
    """One step to do: an edit with its parameters."""

    edit: Edit
    parameters: StepParameters


@dataclass(frozen=True)
class Done:
    """One step that was done.

    Attributes
    ----------
    step
        What was to be done.
    table
        What came of it.
    sentence
        What it did, from `Edit.says`.
    """

    step: Chosen
    table: ObjectTable
    sentence: str


def get_edit(name: str) -> Edit:
    """The edit of a name; `_` and `-` are the same.

    Raises
    ------
    UserError
        There is none; the sentence names the nearest one, or all.
    """
    plain = name.strip().replace("_", "-").lower()
    if plain not in EDITS:
        near = difflib.get_close_matches(plain, EDITS, n=1)
        way_out = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(EDITS)}."
        raise UserError(f"There is no edit {name!r}: {way_out}")
    return EDITS[plain]


def choose(name: str, raw: Any = None, where: str = "") -> Chosen:
    """An edit with its parameters checked.

    Parameters
    ----------
    name
        Of the edit.
    raw
        Its parameters by name; None for the defaults.
    where
        Goes before the message: "Step 2 (scale)".

    Raises
    ------
    UserError
        No such edit, or a parameter that is missing, unknown or not allowed, with its name and value.
    """
    edit = get_edit(name)
    where = where or edit.name
    if raw is not None and not isinstance(raw, dict):
        raise UserError(f"{where}: {quoted(raw)} are no parameters: write them as name: value.")
    try:
        return Chosen(edit, edit.parameters.model_validate(raw or {}))
    except ValidationError as error:
        raise UserError(validation_sentence(edit.parameters, error, where)) from error


def read_steps(raw: Any) -> list[Chosen]:
    """Steps from what a YAML file holds: a list of `{name: {parameter: value}}`, or of names alone.

    Raises
    ------
    UserError
        No such list, or a wrong step, with its number.
    """
    if not isinstance(raw, list) or not raw:
        raise UserError("The steps must be a list such as '- scale: {factor: 2}', one line for each step.")
    steps = []
    for number, entry in enumerate(raw, start=1):
        if isinstance(entry, str):
            entry = {entry: None}
        if not isinstance(entry, dict) or len(entry) != 1:
            raise UserError(
                f"Step {number} is {quoted(entry)}: write one edit with its parameters, as scale: {{factor: 2}}."
            )
        name, parameters = next(iter(entry.items()))
        steps.append(choose(str(name), parameters, f"Step {number} ({name})"))
    return steps


def run_steps(table: ObjectTable, steps: Sequence[Chosen], context: EditContext) -> Iterator[Done]:
    """Do the steps one after the other; the last table given is the result.

    Raises
    ------
    UserError
        As the edits.
    """
    for step in steps:
        edited = step.edit.apply(table, step.parameters, context)
        yield Done(step, edited, step.edit.says(table, edited))
        table = edited
