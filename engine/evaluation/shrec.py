"""The score of the SHREC tracks on cryo-electron tomograms (2019–2021).

A prediction hits the object whose mask holds its voxel. Localisation: recall = different objects hit / objects,
precision = different objects hit / predictions. Classification looks at the objects alone: the first prediction that
hits an object, in the order of the list, gives its class; false picks in the background do not enter it.
"""

import numpy as np

from engine.evaluation.counts import Counts
from engine.evaluation.neighbours import Neighbours, Outcome, nearest_partners


def judge(neighbours: Neighbours) -> Outcome:
    """Score as SHREC does; `overall` is the localisation, `by_class` the classification.

    Object tables hold no masks: here the mask of an object is a ball of the reach about its centre, and where balls
    overlap the nearest object wins. `occupied_by` gives the exact form where a map of the objects is at hand.
    """
    hit, _ = nearest_partners(neighbours)
    predictions, references = len(hit), len(neighbours.reference_class)
    hits = np.flatnonzero(hit >= 0)
    first = np.full(references, -1, dtype=np.int64)
    first[hit[hits][::-1]] = hits[::-1]  # written backwards, the first of the list stays
    seen = np.flatnonzero(first >= 0)
    said, true = neighbours.predicted_class[first[seen]], neighbours.reference_class[seen]
    right = seen[said == true]
    of_reference = np.full(references, -1, dtype=np.int64)
    of_reference[right] = first[right]
    of_prediction = np.full(predictions, -1, dtype=np.int64)
    of_prediction[first[right]] = right
    tp = np.bincount(true[said == true], minlength=neighbours.classes)
    fp = np.bincount(said[said != true], minlength=neighbours.classes)
    every = np.bincount(neighbours.reference_class, minlength=neighbours.classes)
    counts = [
        Counts(tp=int(t), fp=int(f), fn=int(n - t), correct=int(t)) for t, f, n in zip(tp, fp, every, strict=True)
    ]
    localised = len(seen)
    overall = Counts(tp=localised, fp=predictions - localised, fn=references - localised, correct=localised)
    return Outcome(of_prediction, of_reference, counts, overall)


def occupied_by(centres: np.ndarray, instance_map: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Which reference's mask holds each prediction.

    Parameters
    ----------
    centres
        Predictions in voxels [n, 3] as z, y, x; the nearest voxel is looked up.
    instance_map
        [z, y, x]: the id of the object that each voxel belongs to, 0 = none.
    ids
        Of the references [m].

    Returns
    -------
    ndarray
        [n] index of the reference; −1 = background, outside the map, or an object that is no reference.
    """
    voxels = np.floor(centres + 0.5).astype(np.int64).reshape(-1, 3)
    inside = ((voxels >= 0) & (voxels < instance_map.shape)).all(axis=1)
    value = np.zeros(len(voxels), dtype=np.int64)
    value[inside] = instance_map[tuple(voxels[inside].T)]
    found = np.full(len(voxels), -1, dtype=np.int64)
    if len(ids):
        order = np.argsort(ids, kind="stable")
        place = np.minimum(np.searchsorted(ids, value, sorter=order), len(ids) - 1)
        fits = (value != 0) & (ids[order[place]] == value)
        found[fits] = order[place[fits]]
    return found
