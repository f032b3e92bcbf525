"""What a person would have to guess about a segmentation, suggested with the reason: particle cluster, least distance.

Limits on sizes are suggested in `engine.instances.sizes`.
"""

from dataclasses import dataclass

import numpy as np

from engine.errors import UserError
from engine.instances.masks import connected_components
from engine.instances.measures import centroids
from engine.instances.sizes import component_sizes, suggest_sizes
from engine.instances.watersheds import h_maxima_watershed
from engine.words import plural, span


@dataclass(frozen=True)
class ClusterFigures:
    """What is known of one cluster of a label map.

    Parameters
    ----------
    cluster
        Its label.
    voxels
        How many.
    share
        Of all voxels with a label of 0 or more.
    components
        Pieces: groups of its voxels that touch by their faces.
    largest_share
        Of its voxels, in its largest piece: near 1 for what surrounds particles.
    median_compactness
        Median score of its pieces (`Instances.scores`), 1 = balls.
    mean_density
        Of the tomogram in its voxels.
    """

    cluster: int
    voxels: int
    share: float
    components: int
    largest_share: float
    median_compactness: float
    mean_density: float


@dataclass(frozen=True)
class ClusterSuggestion:
    """Which cluster probably holds the particles.

    Parameters
    ----------
    cluster
        Its label.
    reason
        One sentence with figures.
    clusters
        Figures of each cluster, by ascending label.
    """

    cluster: int
    reason: str
    clusters: tuple[ClusterFigures, ...]


@dataclass(frozen=True)
class DistanceSuggestion:
    """A least distance between the peaks of a watershed.

    Parameters
    ----------
    min_distance
        Voxels, for `watershed`.
    radius
        Of a typical particle, voxels; a fair bandwidth for `mean_shift` too.
    reason
        One sentence with figures.
    """

    min_distance: int
    radius: float
    reason: str


def suggest_particle_cluster(labels: np.ndarray, density: np.ndarray) -> ClusterSuggestion:
    """Suggest which cluster holds the particles.

    Three signs, one vote each: it has fewer voxels, a smaller part of them hangs together in one piece (what is around
    the particles does), and it is darker (protein is, unless the contrast was inverted). With as many votes the one
    with fewer voxels is suggested.

    Parameters
    ----------
    labels
        Label map `[z, y, x]`; labels below 0 (the border) do not count.
    density
        The tomogram, or the same box of it, `[z, y, x]`.

    Returns
    -------
    ClusterSuggestion

    Raises
    ------
    UserError
        Different shapes, or fewer than two clusters that have voxels.
    """
    if labels.shape != density.shape:
        one, other = (" × ".join(str(n) for n in shape) for shape in (labels.shape, density.shape))
        raise UserError(f"The label map has {one} voxels, the tomogram {other}: give both of the same place.")
    present = [int(label) for label in np.unique(labels) if label >= 0]
    if len(present) < 2:
        have = f"only the cluster {present[0]}" if present else "no cluster"
        raise UserError(f"The label map has {have}: there is nothing to choose from, segment the tomogram again.")
    known = int(np.count_nonzero(labels >= 0))
    clusters = tuple(_figures(labels, density, label, known) for label in present)
    smallest = min(clusters, key=lambda c: (c.voxels, c.cluster))
    apart = min(clusters, key=lambda c: (c.largest_share, c.voxels, c.cluster))
    darkest = min(clusters, key=lambda c: (c.mean_density, c.voxels, c.cluster))
    votes = [sign.cluster for sign in (smallest, apart, darkest)]
    best = min(clusters, key=lambda c: (-votes.count(c.cluster), c.voxels, c.cluster))
    others = [c for c in clusters if c is not best]
    rival = min(others, key=lambda c: (-votes.count(c.cluster), c.voxels, c.cluster))
    said = [
        (best is smallest, f"it has {_percent(best.share)} of the voxels"),
        (best is apart and _differ(best, rival), _apart(best, rival)),
        (best is darkest, f"it is darker (mean density {best.mean_density:.4g} against {rival.mean_density:.4g})"),
    ]
    for_it = [text for holds, text in said if holds] or [_apart(best, rival)]
    signs = ((smallest, "fewer voxels"), (apart, "smaller pieces"), (darkest, "a darker density"))
    against = [text for sign, text in signs if sign is not best]
    reason = f"Cluster {best.cluster} is probably the particles: {_listed(for_it)}"
    if against:
        reason += f"; but another cluster has {_listed(against)}, so look at the result"
    return ClusterSuggestion(best.cluster, f"{reason}.", clusters)


def suggest_min_distance(mask: np.ndarray, h: float = 1.0) -> DistanceSuggestion:
    """Suggest the least distance for `watershed`: the radius of a typical particle.

    The mask is divided at its necks whatever the size of its parts (`h_maxima_watershed`), speckle and huge
    pieces are left out (`suggest_sizes`), and the radius is that of a ball of the mean volume of the rest. A
    smaller distance shatters particles, a larger one joins neighbours.

    Parameters
    ----------
    mask
        bool `[z, y, x]`; a box of a few particles' size across will do.
    h
        Least height of a peak, voxels.

    Returns
    -------
    DistanceSuggestion

    Raises
    ------
    UserError
        The mask is empty or so thin that no distance is possible, or h is not above 0.
    """
    most = (min(mask.shape) - 1) // 2
    if most < 1:
        shape = " × ".join(str(n) for n in mask.shape)
        raise UserError(f"A volume of {shape} voxels is too thin for a watershed: choose at least 3 along each axis.")
    sizes = np.sort(component_sizes(h_maxima_watershed(mask, h)))
    limits = suggest_sizes(sizes)
    kept = sizes[(sizes >= (limits.minimum or 0)) & (sizes <= (limits.maximum or np.inf))]
    mean = float(kept.mean())
    radius = float(np.cbrt(0.75 * mean / np.pi))
    wanted = max(1, round(radius))
    reason = (
        f"Divided at its necks the mask has {plural(len(kept), 'piece')} of {span(kept[0], kept[-1])} voxels (speckle "
        f"and huge ones left out), on average {mean:,.0f}, the volume of a ball of radius {radius:.1f} voxels"
    )
    if wanted > most:
        reason += f", but this volume is only wide enough for {most}"
    return DistanceSuggestion(min(wanted, most), radius, f"{reason}.")


def _figures(labels: np.ndarray, density: np.ndarray, label: int, known: int) -> ClusterFigures:
    inside = labels == label
    pieces = centroids(connected_components(inside))
    voxels = int(pieces.sizes.sum())
    return ClusterFigures(
        cluster=label,
        voxels=voxels,
        share=float(voxels / known),
        components=len(pieces),
        largest_share=float(pieces.sizes.max() / voxels),
        median_compactness=float(np.median(pieces.scores)),
        mean_density=float(np.mean(density[inside], dtype=np.float64)),
    )


def _differ(best: ClusterFigures, rival: ClusterFigures) -> bool:
    return best.components != rival.components or _percent(best.largest_share) != _percent(rival.largest_share)


def _apart(best: ClusterFigures, rival: ClusterFigures) -> str:
    """What the pieces of the two say; shares that read the same are not set against each other."""
    pieces, those = plural(best.components, "piece"), plural(rival.components, "piece")
    ours, theirs = _percent(best.largest_share), _percent(rival.largest_share)
    if ours == theirs:
        return f"it falls into {pieces} (cluster {rival.cluster} into {those})"
    hang = "piece hangs" if best.components == 1 else "pieces hang"
    return (
        f"its {best.components:,} {hang} together less (the largest holds {ours} of it, against {theirs} in cluster "
        f"{rival.cluster})"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
