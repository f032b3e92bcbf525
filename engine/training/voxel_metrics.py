"""Precision, recall and F1 per class, voxel by voxel, from a table of counts."""

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True, eq=False)
class VoxelScores:
    """One entry per class, background first; NaN where a class cannot be judged.

    Parameters
    ----------
    precision
        NaN where nothing was predicted of a class.
    recall
        NaN where nothing is there of it.
    f1
        2 TP / (2 TP + FP + FN); NaN where nothing is there and nothing was predicted.
    accuracy
        The share of voxels that are right.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    accuracy: float

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes without background that are there or were predicted; NaN without any."""
        known = self.f1[1:][np.isfinite(self.f1[1:])]
        return float(known.mean()) if len(known) else float("nan")


def confusion(predicted: torch.Tensor, truth: torch.Tensor, classes: int) -> torch.Tensor:
    """Voxels of each truth (row) and prediction (column), int64 [classes, classes]; a truth of -1 does not count."""
    pairs = (truth.flatten().long() + 1) * classes + predicted.flatten().long()
    return torch.bincount(pairs, minlength=(classes + 1) * classes).reshape(classes + 1, classes)[1:]


def voxel_scores(counts: np.ndarray | torch.Tensor) -> VoxelScores:
    """Scores from counts as `confusion` gives them; those of several batches are added first."""
    table = np.asarray(counts, dtype=np.float64)
    hits, predicted, there = np.diagonal(table), table.sum(0), table.sum(1)
    return VoxelScores(
        precision=_share(hits, predicted),
        recall=_share(hits, there),
        f1=_share(2 * hits, predicted + there),
        accuracy=float(hits.sum() / table.sum()) if table.sum() else float("nan"),
    )


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
