"""Edits of object tables as described steps: for the form of a page, for YAML files and for the command line.

What an edit computes is in `engine.objects.edits`; here stands what a person can set and what is said about it.
"""

from engine.objects.edit_steps.recipe import EDITS, Chosen, Done, choose, get_edit, read_steps, run_steps
from engine.objects.edit_steps.saying import describe_difference
from engine.objects.edit_steps.step import Edit, EditContext, NothingAtHand, StepParameters, apply_to

__all__ = [
    "EDITS",
    "Chosen",
    "Done",
    "Edit",
    "EditContext",
    "NothingAtHand",
    "StepParameters",
    "apply_to",
    "choose",
    "describe_difference",
    "get_edit",
    "read_steps",
    "run_steps",
]
