"""The feature library: the classes of a project as a list, and its edits, each giving a new list.

What the edits mean for object tables, and where the list is kept, is the project's (`engine.project.class_library`).
Ais' own library file is in `ais_library`.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from engine.annotation.classes import MOST_LABEL, PALETTE, ObjectClass
from engine.errors import UserError

MOST_LETTERS = 80
LARGEST_RADIUS = 100_000.0
"""Å; 10 µm is more than any tomogram shows."""


def find_class(classes: Sequence[ObjectClass], name: str) -> ObjectClass:
    """The class called `name`.

    Raises
    ------
    UserError
        There is none.
    """
    for known in classes:
        if known.name == name:
            return known
    names = ", ".join(c.name for c in classes) or "none yet"
    raise UserError(f"There is no class {name!r} (classes: {names}).")


def next_label(classes: Sequence[ObjectClass]) -> int:
    """The number for a class more: one above the largest, so that the number of a deleted class does not come back.

    Raises
    ------
    UserError
        All numbers of a 16-bit label map are taken.
    """
    used = {c.label for c in classes}
    largest = max(used, default=0)
    if largest < MOST_LABEL:
        return largest + 1
    for label in range(1, MOST_LABEL + 1):
        if label not in used:
            return label
    raise UserError(f"All {MOST_LABEL} label numbers are taken: delete a class first.")


def next_colour(classes: Sequence[ObjectClass]) -> str:
    """The colour of the palette that the fewest classes have; the first of these."""
    used = [c.colour.upper() for c in classes]
    return min(PALETTE, key=lambda colour: used.count(colour))


def add_class(
    classes: Sequence[ObjectClass],
    name: str,
    radius: float,
    *,
    colour: str | None = None,
    label: int | None = None,
    notes: str = "",
) -> list[ObjectClass]:
    """With one class more.

    Parameters
    ----------
    classes
        The library before.
    name
        Not yet taken.
    radius
        Å.
    colour
        "#rrggbb"; None takes `next_colour`.
    label
        1 to 65535, not yet taken; None takes `next_label`.
    notes
        Anything a person wants to say of it.

    Raises
    ------
    UserError
        A name or number that is taken, no such colour or radius.
    """
    made = _made(
        {
            "name": name,
            "label": next_label(classes) if label is None else label,
            "colour": colour or next_colour(classes),
            "radius": radius,
            "notes": notes,
        }
    )
    return check_classes([*classes, made])


def change_class(
    classes: Sequence[ObjectClass],
    name: str,
    *,
    label: int | None = None,
    colour: str | None = None,
    radius: float | None = None,
    notes: str | None = None,
) -> list[ObjectClass]:
    """With other values for the class called `name`; None leaves a value. For its name see `rename_class`.

    Raises
    ------
    UserError
        There is no such class, the number is taken, no such colour or radius.
    """
    find_class(classes, name)
    given = {"label": label, "colour": colour, "radius": radius, "notes": notes}
    values = {key: value for key, value in given.items() if value is not None}
    return check_classes([_made({**c.model_dump(), **values}) if c.name == name else c for c in classes])


def rename_class(classes: Sequence[ObjectClass], old: str, new: str) -> list[ObjectClass]:
    """With another name for a class.

    Objects name their class, so those of `old` must be renamed too, or keep a name that the library no longer has:
    `engine.project.class_library.rename_class` asks and does it.

    Raises
    ------
    UserError
        There is no class `old`, or the name `new` is taken (merge the two instead) or cannot be a name.
    """
    find_class(classes, old)
    if new.strip() != old and any(c.name == new.strip() for c in classes):
        raise UserError(f"There is a class {new.strip()!r} already: merge {old} into it, or choose another name.")
    return check_classes([_made({**c.model_dump(), "name": new}) if c.name == old else c for c in classes])


def delete_class(
    classes: Sequence[ObjectClass], name: str, uses: Mapping[str, int], *, forced: bool = False
) -> list[ObjectClass]:
    """Without the class called `name`.

    Parameters
    ----------
    classes, name
        The library and which class.
    uses
        Table → number of its objects of this class.
    forced
        Delete it although objects have it; these keep the name, and are drawn in the palette's colours.

    Raises
    ------
    UserError
        There is no such class, or objects have it and `forced` is not given.
    """
    find_class(classes, name)
    used = {table: count for table, count in uses.items() if count}
    if used and not forced:
        where = ", ".join(f"{count:,} in {table}" for table, count in sorted(used.items()))
        raise UserError(
            f"The class {name} is used by {sum(used.values()):,} objects ({where}): rename or merge it, "
            "or delete it anyway and they keep its name."
        )
    return [c for c in classes if c.name != name]


def merge_classes(classes: Sequence[ObjectClass], names: Sequence[str], into: str) -> list[ObjectClass]:
    """Without the classes `names`, whose objects become `into`, which stays as it is and takes up their notes.

    Raises
    ------
    UserError
        There is no such class.
    """
    kept = find_class(classes, into)
    gone = [find_class(classes, name) for name in dict.fromkeys(names) if name != into]
    notes = "\n".join(dict.fromkeys(n for n in (kept.notes, *(c.notes for c in gone)) if n))
    left = {c.name for c in gone}
    return [_made({**c.model_dump(), "notes": notes}) if c.name == into else c for c in classes if c.name not in left]


def check_classes(classes: Sequence[ObjectClass]) -> list[ObjectClass]:
    """`classes` as a list, if no two share a name or a number.

    Raises
    ------
    UserError
        Two share one; the sentence names both.
    """
    names: set[str] = set()
    labels: dict[int, str] = {}
    for c in classes:
        if c.name in names:
            raise UserError(f"There is a class {c.name!r} already: choose another name.")
        if c.label in labels:
            raise UserError(
                f"The number {c.label} belongs to {labels[c.label]} already, so {c.name} cannot have it: "
                f"{next_label(classes)} is free."
            )
        names.add(c.name)
        labels[c.label] = c.name
    return list(classes)


def _made(values: dict[str, Any]) -> ObjectClass:
    """A class of checked values: one sentence for each way to be wrong, where pydantic would speak of patterns."""
    name = str(values["name"]).strip()
    if not name or len(name) > MOST_LETTERS or not name.isprintable():
        raise UserError(f"{name[:MOST_LETTERS]!r} cannot be the name of a class: give it 1 to {MOST_LETTERS} letters.")
    label, colour, radius = values["label"], str(values["colour"]), values["radius"]
    if isinstance(label, bool) or not isinstance(label, int) or not 1 <= label <= MOST_LABEL:
        raise UserError(f"The number {label!r} of class {name} is not possible: give a whole number 1 to {MOST_LABEL}.")
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", colour):
        raise UserError(f"The colour {colour!r} of class {name} is not possible: write it as #rrggbb, such as #E69F00.")
    try:
        angstrom = float(radius)
    except (TypeError, ValueError):
        raise UserError(f"The radius {radius!r} of class {name} is not a number: give it in Å.") from None
    if not (math.isfinite(angstrom) and 0 < angstrom <= LARGEST_RADIUS):
        raise UserError(
            f"The radius {angstrom:g} Å of class {name} is not possible: give one above 0 and up to "
            f"{LARGEST_RADIUS:,.0f} Å."
        )
    return ObjectClass(**{**values, "name": name, "colour": colour, "radius": angstrom, "notes": str(values["notes"])})
