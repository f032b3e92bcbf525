"""Rounds of training: which model was trained on verdicts about the picks of which other, and what it changed.

The facts stand in the description of a model under `made_by`: `round` (1 where nothing says it), `parent`, and how many
picks were `accepted`, `rejected` and `undecided`. Nothing here knows where models are kept.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.training.progress_notes import best_epoch

FACTS = ("round", "parent", "picks", "accepted", "rejected", "undecided")


@dataclass(frozen=True)
class Round:
    """One model of a family.

    Parameters
    ----------
    model, parent
        Its name, and the model whose picks were judged for it; None = it is the first.
    number
        1 for the first.
    voxel_f1, object_f1
        Means over classes on validation, of the epoch whose weights are kept; NaN where not judged.
    accepted, rejected, undecided
        Picks; None for the first.
    epochs, best_epoch
        Done so far, and the one whose weights are kept; None before the first has ended.
    validation
        Names of the tomograms that judge it. Only scores with the same ones can be compared.
    """

    model: str
    parent: str | None
    number: int
    voxel_f1: float
    object_f1: float
    accepted: int | None
    rejected: int | None
    undecided: int | None
    epochs: int
    best_epoch: int | None
    validation: tuple[str, ...]


def round_of(model: str, made_by: Mapping[str, Any], rows: Sequence[Mapping[str, float]]) -> Round:
    """What is known of a model.

    Parameters
    ----------
    model
        Its name.
    made_by
        Of its description.
    rows
        Of its history (`engine.training.history`).
    """
    best = best_epoch(rows)
    row = next((r for r in rows if int(r["epoch"]) == best), {})
    return Round(
        model,
        made_by.get("parent"),
        int(made_by.get("round") or 1),
        row.get("val_macro_f1", math.nan),
        row.get("object_macro_f1", math.nan),
        made_by.get("accepted"),
        made_by.get("rejected"),
        made_by.get("undecided"),
        len(rows),
        best,
        tuple(made_by.get("validation") or ()),
    )


def family(parents: Mapping[str, str | None], name: str) -> list[str]:
    """The models that belong together with `name`: those it comes from, and all that come from the first of these.

    Parameters
    ----------
    parents
        Model → the one it comes from; None, or a name that is not there any more, for a first one.
    name
        One of them.

    Returns
    -------
    list of str
        Each after the one it comes from, otherwise in the order of `parents`.
    """
    first, seen = name, {name}
    while (above := parents.get(first)) in parents and above is not None and above not in seen:
        first = above
        seen.add(first)
    found = [first]
    for model in found:  # grows while it is gone through
        found += [child for child, parent in parents.items() if parent == model and child not in found]
    return found
