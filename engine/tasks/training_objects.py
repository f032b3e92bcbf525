"""Objects found in whole validation tomograms with a network that is being trained, for its score.

Only the part of a tomogram that holds listed objects is predicted: where nobody annotated, a find is neither right nor
wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from math import ceil

import numpy as np
from torch import nn

from engine.inference.label_maps import as_bytes
from engine.inference.normalisation import normalisation_of
from engine.inference.prediction import predict
from engine.inference.regions import Region, shape_of, within
from engine.instances import Candidates, ClassSetting, Truth
from engine.instances.finding import find_objects
from engine.instances.score_maps import ScoreMaps
from engine.tasks.training_data import Pair
from engine.volumes import open_volume

MARGIN = 2.0
"""Radii of the largest class around the listed objects."""


def object_finder(
    pairs: Sequence[Pair],
    truths: Sequence[Truth],
    normalisation: str,
    patch: int,
    radii: Mapping[int, float],
    device: str,
) -> Callable[[nn.Module, int], Candidates]:
    """What `engine.training.object_scores` needs to find objects.

    Parameters
    ----------
    pairs, truths
        The validation tomograms and their listed objects.
    normalisation, patch
        As the network is trained.
    radii
        Channel → radius in voxels, for the classes to find.
    device
        Of torch.
    """
    parts = [_part(pair, truth, max(radii.values()) * MARGIN) for pair, truth in zip(pairs, truths, strict=True)]
    settings = [ClassSetting(channel, max(radius, 1.0)) for channel, radius in sorted(radii.items())]

    def find(network: nn.Module, number: int) -> Candidates:
        pair, part = pairs[number], parts[number]
        if part is None:
            return Candidates(np.empty(0, np.int64), np.empty((0, 3)), np.empty(0, np.int64), np.empty(0))
        maps = {setting.label: np.zeros(shape_of(part), np.uint8) for setting in settings}
        with open_volume(pair.tomogram) as volume:
            normal = normalisation_of(volume.array, normalisation, patch, pair.name)
            for piece in predict(volume.array, network, normal, box=part):
                place = within(piece.region, part)
                for channel, kept in maps.items():
                    kept[place] = as_bytes(piece.scores[channel]).cpu().numpy()
        found = find_objects(None, ScoreMaps(maps), "peaks", settings, device=device).candidates
        start = np.array([s.start for s in part], dtype=np.float64)
        return Candidates(found.labels, found.centres + start, found.sizes, found.scores)

    return find


def _part(pair: Pair, truth: Truth, margin: float) -> Region | None:
    """The box about the listed objects; None where none are listed."""
    if not len(truth.labels):
        return None
    low = np.floor(truth.centres.min(axis=0)).astype(int) - ceil(margin)
    high = np.ceil(truth.centres.max(axis=0)).astype(int) + ceil(margin) + 1
    return tuple(slice(max(int(a), 0), min(int(b), n)) for a, b, n in zip(low, high, pair.shape, strict=True))
