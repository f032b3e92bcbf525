"""What a step is: an edit of an object table with described parameters, and what it may need besides the table."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from pydantic import ConfigDict

from engine.errors import UserError
from engine.objects.edit_steps.saying import describe_difference
from engine.objects.edits import delete, keep
from engine.objects.table import ObjectTable
from engine.parameters import Parameters


class StepParameters(Parameters):
    """Base of the parameters of every step."""

    # A class or a tomogram may be called 12: YAML and the command line read that as a number.
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


class EditContext(Protocol):
    """What an edit may need besides the table; a project, files on a command line and tests each supply it."""

    def density(self, tomogram: str, start: tuple[int, int, int], stop: tuple[int, int, int]) -> np.ndarray:
        """Densities [z, y, x] of a box of a tomogram: first voxel, and the voxel after the last (z, y, x)."""

    def shape(self, tomogram: str) -> tuple[int, int, int]:
        """(z, y, x) in voxels of the densities of a tomogram."""

    def mask(self, name: str, tomogram: str) -> Any:
        """The label map `name` of a tomogram: anything that has a shape and a dtype and slices as [z, y, x]."""

    def table(self, name: str) -> ObjectTable:
        """Another table, to merge with."""

    def radii(self) -> Mapping[str, float]:
        """Class → radius in Å, as far as they are known."""


class NothingAtHand:
    """A context for edits that need nothing but the table; every other one is refused with a sentence."""

    def density(self, tomogram: str, start: tuple[int, int, int], stop: tuple[int, int, int]) -> np.ndarray:
        raise UserError(f"The densities of {tomogram} are needed: name a project, or the folder of its tomograms.")

    def shape(self, tomogram: str) -> tuple[int, int, int]:
        raise UserError(f"The densities of {tomogram} are needed: name a project, or the folder of its tomograms.")

    def mask(self, name: str, tomogram: str) -> Any:
        raise UserError(f"The label map {name!r} of {tomogram} is needed: name a project, or a file.")

    def table(self, name: str) -> ObjectTable:
        raise UserError(f"The table {name!r} is needed: name a project, or a file.")

    def radii(self) -> Mapping[str, float]:
        return {}


@dataclass(frozen=True)
class Edit:
    """One edit that a person can choose.

    Attributes
    ----------
    name
        Of YAML files and command lines.
    title, summary
        What the page shows; the summary is one line.
    parameters
        What can be set: fields made with `engine.parameters.parameter`.
    apply
        (table, parameters, context) → table.
    whole_table
        It works on a table as a whole (other tomograms, other tables) and cannot be limited to some of its objects.
    says
        (before, after) → what was done, such as "removes 214 of 1,020 objects".
    """

    name: str
    title: str
    summary: str
    parameters: type[StepParameters]
    apply: Callable[[ObjectTable, Any, EditContext], ObjectTable]
    whole_table: bool = False
    says: Callable[[ObjectTable, ObjectTable], str] = describe_difference


def apply_to(
    edit: Edit, table: ObjectTable, parameters: StepParameters, context: EditContext, ids: Collection[int] | None = None
) -> ObjectTable:
    """Apply an edit to all objects or to some, the others staying as and where they are.

    Parameters
    ----------
    edit, table, parameters, context
        What to do, to what, how, with what.
    ids
        The objects to edit; None is all of them.

    Raises
    ------
    UserError
        As the edit; or `ids` were given and it works on whole tables only.
    """
    if ids is None:
        return edit.apply(table, parameters, context)
    if edit.whole_table:
        raise UserError(f"'{edit.title}' works on a whole table: clear the selection first.")
    edited = edit.apply(keep(table, ids), parameters, context)
    rows = pd.concat([delete(table, ids).rows, edited.rows], ignore_index=True)
    place = pd.Series(np.arange(len(table)), index=table.rows["id"])
    order = np.argsort(place.reindex(rows["id"]).to_numpy(), kind="stable")
    return table.with_rows(rows.take(order))
