"""Objects that may be: everything a method found, with class, size and score, and the limits that choose among them.

Finding takes long, choosing a moment: so every candidate is kept with what is known of it, and `passing` can be asked
again whenever a limit changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from engine.errors import UserError


@dataclass(frozen=True, eq=False)
class Candidates:
    """What was found in one volume, one entry each.

    Parameters
    ----------
    labels
        Label of the class of each, int64 `[n]`.
    centres
        z, y, x in voxels (0-based, voxel centres at whole numbers), float64 `[n, 3]`.
    sizes
        Voxels, int64 `[n]`.
    scores
        0 … 1, float64 `[n]`; NaN = not known.
    """

    labels: np.ndarray
    centres: np.ndarray
    sizes: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, kept: np.ndarray) -> "Candidates":
        """Those of them for which `kept` holds (bool `[n]`), or whose numbers it lists, in that order."""
        return Candidates(self.labels[kept], self.centres[kept], self.sizes[kept], self.scores[kept])


@dataclass(frozen=True)
class ClassSetting:
    """What is known of a class and asked of its objects.

    Parameters
    ----------
    label
        Its number in the label map, 1 or more.
    radius
        Voxels, above 0.
    bandwidth
        Radius of the ball of mean shift, voxels; None = the radius.
    min_score
        0 … 1; None = no limit. Objects without a score are not judged by it.
    min_size, max_size
        Voxels, both included; None = no limit.

    Raises
    ------
    UserError
        A value out of its range.
    """

    label: int
    radius: float
    bandwidth: float | None = None
    min_score: float | None = None
    min_size: float | None = None
    max_size: float | None = None

    def __post_init__(self) -> None:
        which = f"of the class with label {self.label}"
        if self.label < 1:
            raise UserError(f"A class has the label {self.label}: it must be 1 or more, 0 is the background.")
        for what, value in (("radius", self.radius), ("bandwidth", self.bandwidth)):
            if value is not None and not 0 < value < np.inf:
                raise UserError(f"The {what} {which} is {value:g} voxels: it must be above 0.")
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise UserError(f"The smallest score {which} is {self.min_score:g}: it must lie between 0 and 1.")
        for what, value in (("smallest", self.min_size), ("largest", self.max_size)):
            if value is not None and not value >= 0:
                raise UserError(f"The {what} size {which} is {value:g} voxels: it must not be negative.")
        if self.min_size is not None and self.max_size is not None and self.min_size > self.max_size:
            raise UserError(
                f"The sizes {which} are {self.min_size:g} … {self.max_size:g} voxels: "
                "the smallest must not exceed the largest."
            )

    @property
    def ball(self) -> float:
        """The radius with which mean shift gathers voxels."""
        return self.radius if self.bandwidth is None else self.bandwidth

    @property
    def volume(self) -> float:
        """Voxels of a ball of the class's radius."""
        return 4 / 3 * np.pi * self.radius**3


def nothing() -> Candidates:
    """No candidates."""
    return Candidates(np.empty(0, np.int64), np.empty((0, 3)), np.empty(0, np.int64), np.empty(0))


def together(parts: Sequence[Candidates]) -> Candidates:
    """All candidates of several lists, in their order."""
    if not parts:
        return nothing()
    return Candidates(
        np.concatenate([p.labels for p in parts]),
        np.concatenate([p.centres for p in parts]),
        np.concatenate([p.sizes for p in parts]),
        np.concatenate([p.scores for p in parts]),
    )


def passing(
    candidates: Candidates,
    classes: Sequence[ClassSetting],
    shape: Sequence[int] | None = None,
    exclude_border: float = 0.0,
    merge: float = 0.0,
) -> np.ndarray:
    """Which candidates stay: by the limits of their class, then by the faces, then by each other.

    Parameters
    ----------
    candidates
        Any.
    classes
        The limits; candidates of a class that is not among them are left out.
    shape
        Of the volume, (z, y, x); needed for a border.
    exclude_border
        Voxels. A candidate stays when its centre is at least so far from the centres of the first and the last voxel
        along every axis.
    merge
        Of two that are closer than so many times the mean of their radii only the higher score stays (then the larger
        size, the lower label, the lower z, y, x); 0 keeps all. What is left out for another reason removes nothing.

    Returns
    -------
    ndarray
        bool `[n]`.

    Raises
    ------
    UserError
        Two settings for one class, a negative border or merging distance, or a border that leaves nothing.
    """
    by_label = settings_by_label(classes)
    kept = np.zeros(len(candidates), bool)
    for label, setting in by_label.items():
        those = candidates.labels == label
        if setting.min_score is not None:
            those &= ~(candidates.scores < setting.min_score)
        if setting.min_size is not None:
            those &= candidates.sizes >= setting.min_size
        if setting.max_size is not None:
            those &= candidates.sizes <= setting.max_size
        kept |= those
    if exclude_border:
        kept &= inside_border(candidates.centres, shape, exclude_border)
    if not 0 <= merge < np.inf:
        raise UserError(f"Objects are merged closer than {merge:g} radii: this must be 0 (not at all) or more.")
    if merge:
        chosen = np.flatnonzero(kept)
        radii = {label: setting.radius for label, setting in by_label.items()}
        kept[chosen] = _apart(candidates.where(chosen), radii, merge)
    return kept


def count_by_class(candidates: Candidates, kept: np.ndarray | None = None) -> dict[int, int]:
    """Label → how many candidates, or how many of those for which `kept` (bool `[n]`) holds; every label occurs."""
    counts = dict.fromkeys(np.unique(candidates.labels).tolist(), 0)
    labels = candidates.labels if kept is None else candidates.labels[kept]
    found, number = np.unique(labels, return_counts=True)
    return counts | dict(zip(found.tolist(), number.tolist(), strict=True))


def settings_by_label(classes: Sequence[ClassSetting]) -> dict[int, ClassSetting]:
    """The settings by label, ascending; raises UserError when a label has two."""
    found: dict[int, ClassSetting] = {}
    for setting in sorted(classes, key=lambda c: c.label):
        if setting.label in found:
            raise UserError(f"Two classes have the label {setting.label}: give each its own.")
        found[setting.label] = setting
    return found


def inside_border(centres: np.ndarray, shape: Sequence[int] | None, border: float) -> np.ndarray:
    """Which centres `[n, 3]` (z, y, x) are at least `border` voxels from the outermost voxels of a volume.

    Raises
    ------
    UserError
        A negative border, or one that leaves nothing of the volume.
    """
    if not 0 <= border < np.inf:
        raise UserError(f"The border to leave out is {border:g} voxels wide: it must not be negative.")
    if shape is None:
        raise ValueError("The shape of the volume is needed to leave out its border")
    if 2 * border > min(shape) - 1:
        sizes = " × ".join(str(n) for n in shape)
        raise UserError(
            f"A border of {border:g} voxels leaves nothing of a volume of {sizes} voxels (z, y, x): "
            "choose a narrower one."
        )
    last = np.array(shape) - 1
    return np.all((centres >= border) & (centres <= last - border), axis=1)


def _apart(candidates: Candidates, radii: Mapping[int, float], merge: float) -> np.ndarray:
    """Which of them no better one is too close to; bool `[n]`."""
    kept = np.ones(len(candidates), bool)
    if len(candidates) < 2:
        return kept
    scores = np.nan_to_num(candidates.scores, nan=-1.0)
    places = candidates.centres
    order = np.lexsort((*places.T[::-1], candidates.labels, -candidates.sizes, -scores))
    places = places[order]
    reach = merge * np.array([radii[label] for label in candidates.labels[order].tolist()])
    pairs = cKDTree(places).query_pairs(float(reach.max()), output_type="ndarray")
    one, other = pairs.T
    near = np.linalg.norm(places[one] - places[other], axis=1) < (reach[one] + reach[other]) / 2
    pairs = pairs[near]
    # The better of each pair comes first: when a pair's turn comes, all that could remove it has been seen.
    for better, worse in pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].tolist():
        if kept[order[better]]:
            kept[order[worse]] = False
    return kept
