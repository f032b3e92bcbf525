"""The files of a segmentation, filled part by part: label map, score maps, binned label map; all whole or none."""

import shutil
import uuid
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import explain_os_errors
from engine.volumes import create_mrc

if TYPE_CHECKING:
    from engine.tasks.segmenting import Segmented

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class SegmentTargets:
    """What is written where.

    Attributes
    ----------
    labels
        The label map.
    scores
        A folder for `<label>.mrc`, one for each class; None = none are written.
    binned
        The binned label map; None = none is written.
    described
        Whether `.yaml` files beside the label maps say what made them. Old ones go before new maps take their places.
    """

    labels: Path
    scores: Path | None = None
    binned: Path | None = None
    described: bool = True


def score_folder(labels: Path) -> Path:
    """Where the score maps of a label map belong."""
    return labels.with_name(f"{labels.stem}_scores")


def binned_path(labels: Path) -> Path:
    """Where the binned label map of a label map belongs."""
    return labels.with_name(f"{labels.stem}_binned{labels.suffix}")


def write_segmentation(
    targets: SegmentTargets,
    parts: "Iterable[Segmented]",
    labels: Sequence[int],
    shape: tuple[int, int, int],
    voxel_size: Sequence[float] | None,
    origin: Sequence[float] = (0.0, 0.0, 0.0),
    *,
    bin_parts: bool = True,
) -> dict[int, int]:
    """Write a segmentation as it is made.

    Memory: the part at hand. The files lie under temporary names until all is written.

    Parameters
    ----------
    targets
        Replaced if they exist.
    parts
        Cover the volume once.
    labels
        The label of each channel; that of channel 0 is the background.
    shape, voxel_size, origin
        Of the tomogram (z, y, x).
    bin_parts
        The parts start at even voxels, so that the scores are binned; otherwise the label map is binned when whole.

    Returns
    -------
    dict
        Label → voxels.

    Raises
    ------
    UserError
        Full disk, no permission; and what making the parts raises.
    """
    from engine.inference.label_binning import bin_labels, bin_scores
    from engine.inference.label_maps import as_bytes, best_channel

    of_channel: np.ndarray = np.array(labels, label_dtype(labels))
    counts = np.zeros(len(labels), np.int64)
    making = None if targets.scores is None else _temporary(targets.scores)
    try:
        with ExitStack() as files:
            target = files.enter_context(create_mrc(targets.labels, shape, of_channel.dtype, voxel_size, origin))
            scores = []
            if making is not None:
                with explain_os_errors(making, "create"):
                    making.mkdir(parents=True)
                scores = [
                    files.enter_context(create_mrc(making / f"{label}.mrc", shape, np.uint8, voxel_size, origin))
                    for label in labels[1:]
                ]
            binned = None
            if targets.binned is not None:
                half = tuple(-(-n // 2) for n in shape)
                size = None if voxel_size is None else [2 * s for s in voxel_size]
                binned = files.enter_context(create_mrc(targets.binned, half, of_channel.dtype, size, origin))
            for part in parts:
                target[part.region] = of_channel[part.channels]
                counts += np.bincount(part.channels.ravel(), minlength=len(labels))
                for number, file in enumerate(scores, start=1):
                    file[part.region] = as_bytes(part.scores[number]).cpu().numpy()
                if binned is not None and bin_parts:
                    place = tuple(slice(s.start // 2, -(-s.stop // 2)) for s in part.region)
                    binned[place] = of_channel[best_channel(bin_scores(part.scores)).cpu().numpy()]
            if binned is not None and not bin_parts:
                for start in range(0, shape[0], 32):
                    binned[start // 2 : start // 2 + 16] = bin_labels(np.asarray(target[start : start + 32]))
            for path in (targets.labels, targets.binned):
                if path is not None and targets.described:
                    path.with_suffix(".yaml").unlink(missing_ok=True)
        if making is not None and targets.scores is not None:
            with explain_os_errors(targets.scores, "write"):
                shutil.rmtree(targets.scores, ignore_errors=True)
                making.rename(targets.scores)
    finally:
        if making is not None:
            shutil.rmtree(making, ignore_errors=True)
    return {int(label): int(count) for label, count in zip(labels, counts, strict=True)}


def label_dtype(labels: Sequence[int]) -> type:
    """The smallest type of MRC that holds the labels; int8 up to 127, as DeepFinder's."""
    largest = max(labels)
    return np.int8 if largest <= 127 else np.int16 if largest <= 32767 else np.uint16


def _temporary(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.part")
