"""DeepFinder's binned label map: score maps are averaged over blocks of 2³ voxels, then the highest one wins.

A block that reaches beyond the volume counts zeros there, so a binned axis has half the voxels, rounded up. Works on
any part of a volume that starts at an even voxel and ends at one or at a face.
"""

import numpy as np
import torch
from torch.nn import functional

BINNING = 2


def bin_scores(scores: torch.Tensor) -> torch.Tensor:
    """Mean over blocks of 2³ voxels, zeros beyond the far faces.

    Parameters
    ----------
    scores
        [classes, z, y, x], floating.

    Returns
    -------
    Tensor
        [classes, ⌈z/2⌉, ⌈y/2⌉, ⌈x/2⌉], at least float32.
    """
    scores = scores if scores.dtype == torch.float64 else scores.float()
    z, y, x = (int(n) % BINNING for n in scores.shape[1:])
    even = functional.pad(scores, (0, x, 0, y, 0, z))
    return functional.avg_pool3d(even[None], BINNING)[0]


def bin_labels(labels: np.ndarray) -> np.ndarray:
    """A binned label map of a label map alone: in each block the label of most voxels, of equal ones the lowest.

    The same as `bin_scores` of maps that are 1 where the label is.

    Parameters
    ----------
    labels
        Whole numbers [z, y, x].
    """
    z, y, x = labels.shape
    binned = np.zeros([-(-n // BINNING) for n in labels.shape], labels.dtype)
    most = np.zeros(binned.shape, np.uint8)
    # Blocks are counted in slabs of z, so that no more than one map of counts lives.
    for value in np.unique(labels):
        counts = np.zeros(binned.shape, np.uint8)
        for dz in range(BINNING):
            for dy in range(BINNING):
                for dx in range(BINNING):
                    part = labels[dz:z:BINNING, dy:y:BINNING, dx:x:BINNING] == value
                    counts[: part.shape[0], : part.shape[1], : part.shape[2]] += part
        more = counts > most
        binned[more] = value
        most[more] = counts[more]
    return binned
