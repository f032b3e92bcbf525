"""What verdicts on picks make of them: examples, places that are no objects, and places of which nothing is known.

Pure functions on tables. Files, targets and trainings made of the result are the business of the task "next-round".
Verdicts themselves are in `engine.objects.review`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from engine.errors import UserError
from engine.objects import ObjectTable, concatenate, remove_duplicates
from engine.objects.review import ACCEPTED, REJECTED, UNDECIDED, VERDICT, verdicts

SAME = 0.5
"""An earlier example is taken for a rejected one, or for one of another class, within this part of the radius. Between
it and the whole radius a pick may as well have been rejected because it lies beside the object."""


@dataclass(frozen=True)
class Counts:
    """What became of the picks.

    Parameters
    ----------
    accepted, rejected, undecided
        Picks that are learnt as objects (with those that were examples before), as places without, and left open.
    joined
        Accepted picks that are near an example of their class, and that are therefore that example.
    withdrawn
        Earlier examples that were rejected.
    replaced
        Earlier examples where a pick of another class was accepted.
    beside
        Rejected picks near an example of their class: found twice or beside it, hence no places without objects.
    validation
        Judged picks in tomograms that judge the network.
    other_classes
        Judged picks of classes that the network does not have.
    """

    accepted: int = 0
    rejected: int = 0
    undecided: int = 0
    joined: int = 0
    withdrawn: int = 0
    replaced: int = 0
    beside: int = 0
    validation: int = 0
    other_classes: int = 0

    def lines(self) -> list[str]:
        """For a person, what did not happen left out."""
        said = [f"{self.accepted:,} accepted and {self.rejected:,} rejected picks are learnt from"]
        for count, words in (
            (self.joined, "of the accepted were examples already"),
            (self.withdrawn, "earlier examples were rejected and are left out"),
            (self.replaced, "earlier examples became another class"),
            (self.beside, "rejected picks lie beside an example of their class and are not used"),
            (self.undecided, "picks nobody judged: the network is not taught there"),
            (self.validation, "judged picks in validation tomograms are not used"),
            (self.other_classes, "judged picks are of classes that the network does not have and are not used"),
        ):
            if count:
                said.append(f"{count:,} {words}")
        return said


@dataclass(frozen=True, eq=False)
class NextExamples:
    """What the next network is trained with.

    Parameters
    ----------
    examples
        All objects to learn from, and those of the validation tomograms as they were.
    others
        Rejected picks and, without a verdict, those nobody judged.
    tomograms
        Those with a verdict; the targets of all others stay as they are.
    counts
        What became of the picks.
    """

    examples: ObjectTable
    others: ObjectTable
    tomograms: tuple[str, ...]
    counts: Counts


def next_examples(
    earlier: ObjectTable,
    picks: ObjectTable,
    radii: Mapping[str, float],
    validation: Collection[str] = (),
    rejected_before: ObjectTable | None = None,
) -> NextExamples:
    """Join earlier examples with the verdicts on picks; where they contradict each other the verdict counts.

    Objects of one class are the same when they are closer than its radius. Of those, an accepted pick is joined with
    the earlier example, whose place and orientation stay. An earlier example goes when it was itself rejected, when a
    pick within half its radius was rejected and none near it accepted, or when a pick of another class within half the
    smaller radius was accepted. Rejected picks near an example of their class say nothing about a place without object.
    Picks without a verdict are left open unless they are near anything judged.

    Parameters
    ----------
    earlier
        What the network before was trained with and judged by.
    picks
        With a column `verdict`.
    radii
        Class → Å, for the classes of the network.
    validation
        Tomograms that judge the network; their rows stay as they are, and verdicts there do not count.
    rejected_before
        Of earlier rounds.

    Raises
    ------
    UserError
        No verdict; none in a tomogram to learn from; none on a class of the network; a class that loses its last
        example; a tomogram of unknown voxel size.
    """
    words = verdicts(picks)
    judging, of_network = _among(picks, "tomogram", validation), _among(picks, "class", radii)
    decided, usable = words != UNDECIDED, (words != UNDECIDED) & ~judging & of_network
    learnt = ~_among(earlier, "tomogram", validation) & _among(earlier, "class", radii)
    taken_back = learnt & (verdicts(earlier) == REJECTED)
    if not usable.any() and not taken_back.any():
        raise UserError(_nothing_judged(picks, decided, judging, radii))
    judged = {*picks.rows["tomogram"][usable], *earlier.rows["tomogram"][taken_back]}

    accepted = _part(picks, usable & (words == ACCEPTED))
    rejected = concatenate([_part(picks, usable & (words == REJECTED)), _part(earlier, taken_back)])
    candidates = learnt & ~taken_back & _among(earlier, "tomogram", judged)
    places = _part(earlier, candidates)
    confirmed = _near(places, accepted, radii)
    gone = _near(places, rejected, radii, SAME) & ~confirmed
    replaced = _near_other_class(places, accepted, radii) & ~confirmed & ~gone
    dropped = taken_back.copy()
    dropped[np.flatnonzero(candidates)[gone | replaced]] = True
    kept = _part(earlier, ~dropped)

    new = remove_duplicates(_part(accepted, ~_near(accepted, kept, radii)), radii)
    examples = concatenate([kept, new])
    learnt_from = _part(examples, ~_among(examples, "tomogram", validation))
    for name in dict.fromkeys(earlier.rows["class"][learnt]):
        if not (learnt_from.rows["class"] == name).any():
            raise UserError(
                f"No example of {name} is left to learn from, because all of them were rejected: accept some, or "
                "annotate them."
            )
    beside = _near(rejected, learnt_from, radii)
    rejected = remove_duplicates(_part(rejected, ~beside), radii)
    negatives = [rejected]
    if rejected_before is not None:
        old = ~_among(rejected_before, "tomogram", validation) & _among(rejected_before, "class", radii)
        before = _part(rejected_before, old & (verdicts(rejected_before) == REJECTED))
        negatives.append(_part(before, ~_near(before, learnt_from, radii) & ~_near(before, rejected, radii)))
    known = concatenate([learnt_from, *negatives])
    undecided = _part(picks, ~decided & ~judging & of_network & _among(picks, "tomogram", judged))
    undecided = _part(undecided, ~_near(undecided, known, radii))
    return NextExamples(
        examples,
        concatenate([_said(table, REJECTED) for table in negatives] + [_said(undecided, UNDECIDED)]),
        tuple(sorted(judged)),
        Counts(
            accepted=len(accepted),
            rejected=len(rejected),
            undecided=len(undecided),
            joined=len(accepted) - len(new),
            withdrawn=int(taken_back.sum() + gone.sum()),
            replaced=int(replaced.sum()),
            beside=int(beside.sum()),
            validation=int((decided & judging).sum()),
            other_classes=int((decided & ~judging & ~of_network).sum()),
        ),
    )


def _nothing_judged(picks: ObjectTable, decided: np.ndarray, judging: np.ndarray, radii: Mapping[str, float]) -> str:
    if not len(picks):
        return "The table of picks holds no object: choose another one."
    if not decided.any():
        return (
            f"None of the {len(picks):,} objects is judged: accept (A) or reject (R) some in the gallery of the page "
            "Objects."
        )
    if not (decided & ~judging).any():
        names = ", ".join(sorted(set(picks.rows["tomogram"][decided])))
        return (
            f"All {int(decided.sum()):,} judged objects lie in {names}, which judges the network and is never learnt "
            "from: judge picks of other tomograms."
        )
    names = ", ".join(sorted(set(picks.rows["class"][decided & ~judging])))
    return (
        f"The judged objects are of {names}, and the network has the classes {', '.join(radii)}: judge picks of these, "
        "or train a new network with the others."
    )


def _among(table: ObjectTable, column: str, names: Collection[str]) -> np.ndarray:
    return table.rows[column].isin(list(names)).to_numpy(dtype=bool)


def _part(table: ObjectTable, which: np.ndarray) -> ObjectTable:
    return table.with_rows(table.rows[which])


def _said(table: ObjectTable, verdict: str) -> ObjectTable:
    return table.with_rows(table.rows.assign(**{VERDICT: verdict}))


def _near(these: ObjectTable, those: ObjectTable, radii: Mapping[str, float], part: float = 1.0) -> np.ndarray:
    """Which objects have one of `those` of their class closer than `part` of its radius: [n] bool."""
    return _closer(these, those, [(name, name, part * radius) for name, radius in radii.items()])


def _near_other_class(these: ObjectTable, those: ObjectTable, radii: Mapping[str, float]) -> np.ndarray:
    """Which have one of `those` of another class closer than `SAME` of the smaller of both radii: [n] bool."""
    return _closer(these, those, [(a, b, SAME * min(radii[a], radii[b])) for a, b in permutations(radii, 2)])


def _closer(these: ObjectTable, those: ObjectTable, pairs: Sequence[tuple[str, str, float]]) -> np.ndarray:
    found = np.zeros(len(these), dtype=bool)
    if not len(these) or not len(those):
        return found
    own, others = these.coordinates_angstrom(), those.coordinates_angstrom()
    mine, theirs = _members(these.rows), _members(those.rows)
    for tomogram in dict.fromkeys(these.rows["tomogram"]):
        for one, other, distance in pairs:
            here, there = mine.get((tomogram, one)), theirs.get((tomogram, other))
            if here is not None and there is not None:
                apart, _ = cKDTree(others[there]).query(own[here], distance_upper_bound=distance)
                found[here] |= np.isfinite(apart)
    return found


def _members(rows: pd.DataFrame) -> dict[tuple[str, str], np.ndarray]:
    """(tomogram, class) → places of its rows."""
    groups: dict[Any, Any] = rows.groupby(["tomogram", "class"], sort=False).indices
    return {(str(tomogram), str(name)): np.asarray(at) for (tomogram, name), at in groups.items()}
