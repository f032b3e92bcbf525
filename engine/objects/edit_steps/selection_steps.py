"""Steps about which objects there are: classes, tomograms, scores, sizes, duplicates, other tables."""

from typing import Literal

from pydantic import field_validator

from engine.objects.edit_steps.step import Edit, EditContext, StepParameters
from engine.objects.edits import (
    concatenate,
    keep_classes,
    keep_tomograms,
    merge,
    remove_classes,
    remove_close,
    remove_duplicates,
    rename_classes,
    threshold,
)
from engine.objects.review import ACCEPTED, REJECTED, UNDECIDED_WORD, of_verdicts
from engine.objects.table import ObjectTable
from engine.parameters import parameter


class ClassesParameters(StepParameters):
    """Of `keep-classes` and `remove-classes`."""

    classes: list[str] = parameter(title="Classes", source="classes", min_length=1, help="Names of classes.")


class TomogramsParameters(StepParameters):
    """Of `keep-tomograms`."""

    tomograms: list[str] = parameter(title="Tomograms", source="tomograms", min_length=1, help="Names of tomograms.")


class VerdictsParameters(StepParameters):
    """Of `keep-verdicts` and `remove-verdicts`."""

    verdicts: list[str] = parameter(
        title="Verdicts", source="verdicts", min_length=1, help="accepted, rejected, undecided."
    )

    @field_validator("verdicts")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        for word in value:
            if word not in (ACCEPTED, REJECTED, UNDECIDED_WORD):
                raise ValueError(f"{word} is no verdict, choose accepted, rejected or undecided")
        return value


class RenameParameters(StepParameters):
    """Of `rename-classes`."""

    names: dict[str, str] = parameter(
        title="New names", min_length=1, help="Old name: new name. Classes that get the same name become one."
    )


class ThresholdParameters(StepParameters):
    """Of `threshold`."""

    column: str = parameter("score", title="Column", help="score, size, or another column of numbers.")
    lowest: float | None = parameter(None, title="Lowest", help="Included; empty = no limit.")
    highest: float | None = parameter(None, title="Highest", beside=True, help="Included; empty = no limit.")
    lowest_by_class: dict[str, float] = parameter(
        {}, title="Lowest per class", advanced=True, help="Class: its own limit in place of the general one."
    )
    highest_by_class: dict[str, float] = parameter(
        {}, title="Highest per class", advanced=True, help="Class: its own limit in place of the general one."
    )


class CloseParameters(StepParameters):
    """Of `remove-close`."""

    distance: float = parameter(title="Distance", ge=0, help="Of two objects closer than this the better score stays.")
    unit: Literal["voxel", "angstrom"] = parameter("angstrom", title="Unit", beside=True, help="Of the distance.")
    within_class: bool = parameter(True, title="Within a class only", help="Objects of different classes never touch.")


class DuplicatesParameters(StepParameters):
    """Of `remove-duplicates`."""

    radii: dict[str, float] = parameter(
        {}, title="Radius per class", unit="Å", help="Class: radius; others take the feature library's."
    )
    default_radius: float | None = parameter(
        None, title="Radius of other classes", unit="Å", gt=0, help="Of classes that have no radius of their own."
    )
    within_class: bool = parameter(
        True, title="Within a class only", help="Otherwise the smaller radius counts between two classes."
    )

    @field_validator("radii")
    @classmethod
    def _positive(cls, value: dict[str, float]) -> dict[str, float]:
        for name, radius in value.items():
            if not radius > 0:
                raise ValueError(f"the radius of {name} must be above 0")
        return value


class MergeParameters(DuplicatesParameters):
    """Of `merge`."""

    tables: list[str] = parameter(title="With", source="tables", min_length=1, help="Tables whose objects are added.")
    remove_duplicates: bool = parameter(
        True, title="Each object once", help="Of objects closer than their class radius the better score stays."
    )


def _remove_duplicates(table: ObjectTable, p: DuplicatesParameters, context: EditContext) -> ObjectTable:
    return remove_duplicates(table, {**context.radii(), **p.radii}, p.default_radius, p.within_class)


def _merge(table: ObjectTable, p: MergeParameters, context: EditContext) -> ObjectTable:
    tables = [table, *(context.table(name) for name in p.tables)]
    if not p.remove_duplicates:
        return concatenate(tables)
    return merge(tables, {**context.radii(), **p.radii}, p.default_radius, p.within_class)


EDITS = (
    Edit(
        "keep-classes",
        "Extract classes",
        "Keep the objects of some classes only.",
        ClassesParameters,
        lambda table, p, context: keep_classes(table, p.classes),
    ),
    Edit(
        "remove-classes",
        "Remove classes",
        "Remove the objects of some classes.",
        ClassesParameters,
        lambda table, p, context: remove_classes(table, p.classes),
    ),
    Edit(
        "rename-classes",
        "Rename classes",
        "Give classes other names; two with the same name become one.",
        RenameParameters,
        lambda table, p, context: rename_classes(table, p.names),
    ),
    Edit(
        "keep-tomograms",
        "Extract tomograms",
        "Keep the objects in some tomograms only.",
        TomogramsParameters,
        lambda table, p, context: keep_tomograms(table, p.tomograms),
    ),
    Edit(
        "keep-verdicts",
        "Extract by verdict",
        "Keep the accepted, undecided or rejected objects only.",
        VerdictsParameters,
        lambda table, p, context: of_verdicts(table, p.verdicts),
    ),
    Edit(
        "remove-verdicts",
        "Remove by verdict",
        "Remove the rejected, undecided or accepted objects.",
        VerdictsParameters,
        lambda table, p, context: of_verdicts(table, p.verdicts, keep=False),
    ),
    Edit(
        "threshold",
        "Thresholds",
        "Keep the objects whose score or size lies within limits, which may differ per class.",
        ThresholdParameters,
        lambda table, p, context: threshold(
            table, p.column, p.lowest, p.highest, p.lowest_by_class, p.highest_by_class
        ),
    ),
    Edit(
        "remove-close",
        "Remove close ones",
        "Of objects closer than a distance keep the one with the better score.",
        CloseParameters,
        lambda table, p, context: remove_close(table, p.distance, p.unit, p.within_class),
    ),
    Edit(
        "remove-duplicates",
        "Remove duplicates",
        "Of objects closer than the radius of their class keep the one with the better score.",
        DuplicatesParameters,
        _remove_duplicates,
    ),
    Edit(
        "merge",
        "Merge",
        "Add the objects of other tables; what is there twice stays once, with the better score.",
        MergeParameters,
        _merge,
        whole_table=True,
    ),
)
