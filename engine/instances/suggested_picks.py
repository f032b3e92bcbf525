"""From a label map and its tomogram to picks without a labelled example: settings are found in the data, with reasons.

Each step can be switched off or given a value of one's own; what is chosen is reported, never hidden.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from engine.errors import UserError
from engine.instances.darkness import darkness
from engine.instances.dips import Landscape, landscape, merge_basins
from engine.instances.masks import particle_mask, slices_to_pick
from engine.instances.measures import Instances, centroids, check_sizes, keep_only
from engine.instances.suggestions import suggest_particle_cluster
from engine.words import plural, span

GOLD_FROM = 2.0
"""Gold is looked for above so many times the darkness of a typical piece."""
GOLD_GAP = 1.3
"""A gap between protein and gold is at least a factor so large."""


@dataclass(frozen=True)
class SuggestionParameters:
    """Steps of `suggest_picks`; what is None is found in the data.

    Parameters
    ----------
    particle_cluster
        The label that holds the particles.
    lower_z, upper_z
        First and last slice to pick in, 0-based, both included; None = the first, the last.
    bright
        Whether particles are bright instead of dark.
    sigma
        Blur of the density in which darkness is measured, voxels; 2 is what S1 looks at.
    dip
        Two dark spots are two particles when the density between them fades by more than so many standard deviations
        of the noise. 0 = every dip divides; infinity = only components of the mask.
    widest_neck
        Radius in voxels: nothing is divided where the mask is deeper, so that large particles stay whole. None = the
        radius of a typical piece; infinity = no limit.
    faintest
        Picks whose darkest voxel stands out by less than so many standard deviations are left out; 0 = none is.
    darkest
        Picks darker than so many standard deviations are left out as gold. None = a gap in the pieces' darkness, if
        there is one; infinity = gold stays.
    min_size
        The smallest to keep, voxels. None = a ball of the radius of the blur; 0 = no limit.
    max_size
        The largest to keep, voxels; None = no limit.

    Raises
    ------
    UserError
        A value out of its range.
    """

    particle_cluster: int | None = None
    lower_z: int | None = None
    upper_z: int | None = None
    bright: bool = False
    sigma: float = 2.0
    dip: float = 3.0
    widest_neck: float | None = None
    faintest: float = 3.0
    darkest: float | None = None
    min_size: int | None = None
    max_size: int | None = None

    def __post_init__(self) -> None:
        check_sizes(self.min_size, self.max_size)
        if not self.faintest >= 0:
            raise UserError(f"The faintest pick is to have {self.faintest:g} noise units: it must not be negative.")
        if self.darkest is not None and not self.darkest > self.faintest:
            raise UserError(
                f"Picks are to be {self.faintest:g} … {self.darkest:g} noise units dark: the first must be less."
            )


@dataclass(frozen=True)
class ChosenSetting:
    """One setting that was used, for a person to accept or change.

    Parameters
    ----------
    name
        Of the field of `SuggestionParameters`.
    value
        What was used; None = no limit.
    reason
        One sentence.
    found
        Whether it was found in the data; otherwise it was given.
    """

    name: str
    value: float | None
    reason: str
    found: bool


@dataclass(frozen=True)
class SuggestedPicks:
    """Picks, and how they were come by.

    Parameters
    ----------
    instance_map
        int32 `[z, y, x]`, 0 = none.
    instances
        The measures of the picks, by ascending label.
    peaks
        Darkness of the darkest voxel of each, noise units, float64 `[n]`.
    settings
        What was used, in the order of the steps.
    """

    instance_map: np.ndarray
    instances: Instances
    peaks: np.ndarray
    settings: tuple[ChosenSetting, ...]


def suggest_picks(
    density: np.ndarray,
    labels: np.ndarray,
    parameters: SuggestionParameters | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> SuggestedPicks:
    """Pick particles from a segmentation without any labelled example.

    The steps: which cluster holds the particles (`suggest_particle_cluster`); darkness in units of the noise
    (`darkness`); pieces divided where the density dips and the mask is no wider than a typical piece
    (`divide_at_dips`); faint pieces (noise, thin membranes) and very dark ones (gold) left out; sizes. Works best on
    maps that hold particles whole with little speckle, such as PickET's Gabor features with a Gaussian mixture. Not
    part of PickET.

    Parameters
    ----------
    density
        The tomogram `[z, y, x]`, any real type.
    labels
        Its label map `[z, y, x]` from S1.
    parameters
        Steps and limits; None = all found in the data.
    progress
        Called with (fraction, text).

    Returns
    -------
    SuggestedPicks

    Raises
    ------
    UserError
        Different shapes, no voxel of the cluster, slices outside the map, densities without noise, a value out of its
        range.
    """
    given = parameters or SuggestionParameters()
    report = progress or (lambda fraction, text: None)
    if labels.shape != density.shape:
        one, other = (" × ".join(str(n) for n in shape) for shape in (labels.shape, density.shape))
        raise UserError(f"The label map has {one} voxels, the tomogram {other}: give both of the same place.")
    lower, upper = slices_to_pick(labels.shape[0], given.lower_z, given.upper_z)
    slices = slice(lower, upper + 1)
    labels, inside = labels[slices], density[slices]
    settings: list[ChosenSetting] = []

    report(0.0, "Choosing the particle cluster")
    cluster = _cluster(labels, inside, given, settings)
    mask = particle_mask(labels, cluster)
    report(0.2, "Measuring darkness")
    dark = darkness(inside, given.sigma, given.bright)
    report(0.4, "Dividing touching particles")
    land = landscape(mask, dark)
    neck = _neck(land, dark, given, settings)
    pieces = merge_basins(land, given.dip, neck)
    report(0.8, "Measuring particles")
    found = centroids(pieces)
    peaks = _peaks(pieces, dark)[found.labels]
    kept = peaks >= given.faintest
    said = f"{int(np.count_nonzero(~kept)):,} of {len(kept):,} pieces stand out by less and are left out as noise"
    settings.append(ChosenSetting("faintest", given.faintest, f"{said}.", False))
    limit = _gold(peaks, given, settings)
    if limit is not None:
        kept &= peaks <= limit
    kept &= _right_size(found.sizes, given, settings)
    chosen = found.where(kept)
    instance_map = np.zeros(density.shape, np.int32)
    instance_map[slices] = keep_only(pieces, chosen)
    report(1.0, f"Found {plural(len(chosen), 'particle')}")
    return SuggestedPicks(instance_map, _moved(chosen, lower), peaks[kept], tuple(settings))


@dataclass(frozen=True)
class WorkflowSuggestion:
    """Which of several workflows probably found the particles best.

    Parameters
    ----------
    workflow
        Its name.
    reason
        One sentence with figures.
    worth
        Of each workflow, by name: the sum of the squared compactness of its picks.
    """

    workflow: str
    reason: str
    worth: dict[str, float]


def suggest_workflow(scores: Mapping[str, np.ndarray]) -> WorkflowSuggestion:
    """Suggest one of several workflows by the picks that `suggest_picks` makes of each.

    Each pick counts with the square of its compactness (`Instances.scores`): a ball counts 1, a sheet, a scrap of noise
    or two particles in one little. So neither many ragged picks nor few tidy ones win.

    Parameters
    ----------
    scores
        Workflow → the compactness of each of its picks (`Instances.scores`), of the same tomogram or box.

    Returns
    -------
    WorkflowSuggestion

    Raises
    ------
    UserError
        There is no workflow to choose from.
    """
    if not scores:
        raise UserError("There is no workflow to choose from: segment the tomogram first.")
    worth = {name: float(np.square(of_picks).sum()) for name, of_picks in scores.items()}
    ranked = sorted(worth, key=lambda name: -worth[name])
    best = ranked[0]
    found = scores[best]
    reason = f"{best} finds {plural(len(found), 'piece')} that {'stands' if len(found) == 1 else 'stand'} out"
    if len(found):
        reason += f", with a median compactness of {np.median(found):.2f} (1 = balls)"
    if len(ranked) > 1:
        other = scores[ranked[1]]
        reason += f"; next comes {ranked[1]} with {len(other):,}"
        if len(other):
            reason += f" and {np.median(other):.2f}"
    return WorkflowSuggestion(best, f"{reason}.", worth)


def gold_limit(peaks: np.ndarray) -> float | None:
    """The darkness that separates gold from protein, or None where no gap does.

    Gold beads are several times as dark as any protein. The limit is put into the widest relative gap between
    neighbouring values above twice the median, and only if it is a factor of 1.3 or more.

    Parameters
    ----------
    peaks
        Darkness of the darkest voxel of each piece, noise units, faint pieces left out.

    Returns
    -------
    float or None
        Noise units, the geometric middle of the gap.
    """
    if not len(peaks):
        return None
    start = GOLD_FROM * float(np.median(peaks))
    values = np.sort(np.append(peaks[peaks > start], start))
    ratios = values[1:] / values[:-1]
    if not len(ratios) or ratios.max() < GOLD_GAP:
        return None
    widest = int(np.argmax(ratios))
    return float(np.sqrt(values[widest] * values[widest + 1]))


def _cluster(
    labels: np.ndarray, density: np.ndarray, given: SuggestionParameters, settings: list[ChosenSetting]
) -> int:
    if given.particle_cluster is not None:
        settings.append(ChosenSetting("particle_cluster", given.particle_cluster, "Given.", False))
        return given.particle_cluster
    found = suggest_particle_cluster(labels, density if not given.bright else -density.astype(np.float32))
    settings.append(ChosenSetting("particle_cluster", found.cluster, found.reason, True))
    return found.cluster


def _neck(land: Landscape, dark: np.ndarray, given: SuggestionParameters, settings: list[ChosenSetting]) -> float:
    said = f"Density that fades by {given.dip:g} standard deviations of the noise between two spots divides them"
    settings.append(ChosenSetting("dip", given.dip, f"{said}; noise alone rarely makes a deeper dip.", False))
    if given.widest_neck is not None:
        settings.append(ChosenSetting("widest_neck", given.widest_neck, "Given.", False))
        return given.widest_neck
    pieces = merge_basins(land, given.dip)
    depths = np.zeros(int(pieces.max(initial=0)) + 1)
    first = np.zeros(len(land.tops), np.int64)
    first[land.basins.ravel()] = pieces.ravel()
    np.maximum.at(depths, first, land.depths)
    depths = depths[1:][_peaks(pieces, dark)[1:] >= given.faintest]
    if not len(depths):
        settings.append(ChosenSetting("widest_neck", None, "No piece stands out from the noise.", True))
        return np.inf
    neck = float(np.median(depths))
    reason = (
        f"{'The piece' if len(depths) == 1 else f'The {len(depths):,} pieces'} that "
        f"{'stands out from the noise holds a ball' if len(depths) == 1 else 'stand out from the noise hold balls'} of "
        f"{span(depths.min(), depths.max(), '.1f')} voxels radius, typically {neck:.1f}: where the mask is deeper it "
        "is inside one particle."
    )
    settings.append(ChosenSetting("widest_neck", neck, reason, True))
    return neck


def _gold(peaks: np.ndarray, given: SuggestionParameters, settings: list[ChosenSetting]) -> float | None:
    if given.darkest is not None:
        settings.append(ChosenSetting("darkest", given.darkest, "Given.", False))
        return given.darkest
    seen = peaks[peaks >= given.faintest]
    limit = gold_limit(seen)
    if limit is None:
        reason = "No piece is so much darker than the others that it must be gold."
    else:
        gold = seen[seen > limit]
        reason = (
            f"{plural(len(gold), 'piece')} of {span(gold.min(), gold.max(), '.1f')} noise units, far darker than the "
            f"others ({seen[seen <= limit].max():.1f} at most, typically {np.median(seen):.1f}), "
            f"{'is' if len(gold) == 1 else 'are'} left out as gold."
        )
    settings.append(ChosenSetting("darkest", limit, reason, True))
    return limit


def _right_size(sizes: np.ndarray, given: SuggestionParameters, settings: list[ChosenSetting]) -> np.ndarray:
    smallest, reason = given.min_size, "Given."
    if smallest is None:
        smallest = round(4 / 3 * np.pi * given.sigma**3)
        reason = f"A ball of {smallest} voxels is as large as the blur of {given.sigma:g} voxels: less is no particle."
    settings.append(ChosenSetting("min_size", smallest, reason, given.min_size is None))
    right = sizes >= smallest
    if given.max_size is not None:
        settings.append(ChosenSetting("max_size", given.max_size, "Given.", False))
        right &= sizes <= given.max_size
    return right


def _peaks(pieces: np.ndarray, dark: np.ndarray) -> np.ndarray:
    """Greatest darkness in each piece, float64 `[n + 1]`, the first for 0."""
    inside = pieces > 0
    found = np.full(int(pieces.max(initial=0)) + 1, -np.inf)
    np.maximum.at(found, pieces[inside], dark[inside])
    return found


def _moved(instances: Instances, slices: int) -> Instances:
    """The same instances so many slices further up."""
    return Instances(
        labels=instances.labels,
        centroids=instances.centroids + np.array([slices, 0, 0]),
        sizes=instances.sizes,
        extents=instances.extents + np.array([[slices], [0], [0]]),
        scores=instances.scores,
    )
