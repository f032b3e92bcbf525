"""One way in to all methods that make objects of label maps and score maps: `find_objects`."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from engine.errors import UserError
from engine.instances.candidates import Candidates, ClassSetting, nothing, passing, settings_by_label
from engine.instances.class_components import SPLIT, class_components
from engine.instances.deepfinder_clusters import class_clusters, deepfinder_clusters
from engine.instances.score_maps import LabelScores, ScoreMaps, check_same_shape, present_labels
from engine.words import plural

METHODS = ("peaks", "components", "mean shift")


@dataclass(frozen=True, eq=False)
class Found:
    """What `find_objects` gives.

    Parameters
    ----------
    candidates
        Everything that was found, whatever its score, size and place.
    kept
        Which of them pass the limits that were given, bool `[n]`; `passing` says which pass others.
    """

    candidates: Candidates
    kept: np.ndarray

    @property
    def objects(self) -> Candidates:
        """Those that pass."""
        return self.candidates.where(self.kept)


def find_objects(
    labels: np.ndarray | None,
    scores: ScoreMaps | None,
    method: str,
    classes: Sequence[ClassSetting],
    *,
    exclude_border: float = 0.0,
    merge: float = 0.0,
    split: float = SPLIT,
    compat_radius: float | None = None,
    left_out: Collection[int] = (),
    device: str = "cpu",
    progress: Callable[[float, str], None] | None = None,
) -> Found:
    """Find the objects of a label map or of score maps.

    Parameters
    ----------
    labels
        Label map `[z, y, x]`, or None; only "peaks" does without.
    scores
        Score maps of the same shape, or None. "peaks" then takes the label map for score maps that are sure of
        everything; the others leave scores unknown.
    method
        One of `METHODS`. *peaks*: see `score_peaks`; *components*: see `class_components`; *mean shift*: see
        `class_clusters`.
    classes
        A setting for each class to find.
    exclude_border, merge
        See `passing`.
    split
        Of components, see there.
    compat_radius
        With mean shift: DeepFinder's own cluster step with this radius (`deepfinder_clusters`), voxels; classes are
        mixed and each cluster takes its most frequent label.
    left_out
        Labels that may occur and are not wanted.
    device
        Of torch, for peaks.
    progress
        Called with (fraction, text).

    Returns
    -------
    Found

    Raises
    ------
    UserError
        Unknown method, neither labels nor scores, a label that is neither among the classes nor left out, shapes that
        differ, or a value out of its range.
    """
    if method not in METHODS:
        raise UserError(f"There is no way {method!r} to find objects: choose from {', '.join(METHODS)}.")
    if compat_radius is not None and method != "mean shift":
        raise UserError(f"DeepFinder's way of finding objects is mean shift, not {method}: choose that method.")
    by_label = settings_by_label(classes)
    if labels is not None and scores is not None:
        check_same_shape(scores.shape, labels.shape, "The score maps", "the label map")
    if labels is None and (scores is None or method != "peaks"):
        raise UserError(f"Objects are found by {method} in a label map: give one.")
    present = present_labels(labels) if labels is not None else {}
    mapped = scores.labels if scores is not None else tuple(present)
    _check_known(dict.fromkeys(mapped, 0) | present, by_label, left_out)
    unmapped = [label for label in present if label in by_label and label not in mapped]
    if unmapped:
        raise UserError(
            f"There is no score map of the class with label {unmapped[0]}: segment again with score maps, or use the "
            "label map alone."
        )
    radii = {label: setting.radius for label, setting in by_label.items()}
    if method == "peaks":
        from engine.instances.score_peaks import score_peaks  # here, because torch takes a second that few need

        wanted = tuple(label for label in by_label if label in present)
        maps = LabelScores(labels, wanted) if scores is None and labels is not None and wanted else scores
        candidates = score_peaks(maps, radii, device=device, progress=progress) if maps is not None else nothing()
    elif method == "components":
        assert labels is not None
        candidates = class_components(labels, radii, scores, split, progress)
    else:
        assert labels is not None
        if compat_radius is not None:
            candidates = deepfinder_clusters(labels, compat_radius, scores)
            candidates = candidates.where(np.isin(candidates.labels, list(by_label)))
        else:
            bandwidths = {label: setting.ball for label, setting in by_label.items()}
            candidates = class_clusters(labels, bandwidths, scores, progress)
    shape = labels.shape if labels is not None else scores.shape if scores is not None else None
    kept = passing(candidates, list(by_label.values()), shape, exclude_border, merge)
    if progress is not None:
        progress(1.0, plural(int(kept.sum()), "object"))
    return Found(candidates, kept)


def _check_known(present: dict[int, int], by_label: dict[int, ClassSetting], left_out: Collection[int]) -> None:
    unknown = [label for label in present if label not in by_label and label not in left_out]
    if unknown:
        label = unknown[0]
        voxels = f" ({present[label]:,} voxels)" if present[label] else ""
        known = ", ".join(str(n) for n in by_label) or "none"
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise UserError(
            f"There is no class for the label {label}{voxels}{more} (classes have the labels: {known}): add a class "
            "with that label, or leave it out."
        )
