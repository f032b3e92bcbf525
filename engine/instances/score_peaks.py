"""Objects as peaks of score maps: one place per object, however its voxels touch those of others.

Per class the score map is blurred to the size of the class; maxima that no other class exceeds are taken, of those
closer than the class's radius the highest, and each is moved to the centre of mass of the scores around it. The volume
is read in slabs, so that no more than a few of them are in memory; torch does the sums on CPU and GPU alike.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree

from engine.errors import UserError
from engine.instances.candidates import Candidates, nothing, together
from engine.instances.score_maps import ScoreMaps
from engine.instances.smoothing import local_maxima, reach_of, smooth
from engine.volumes import slabs

FLOOR = 0.1
SLAB_BYTES = 96 * 1024 * 1024
MOVES, STILL = 10, 0.01
"""The centre of mass is taken again from where it was found, so often or until it moves by fewer voxels."""
_AT_ONCE = 1 << 20
"""Voxels of balls looked at together."""


@dataclass(frozen=True)
class _Peaks:
    """Maxima of one class: response there `[n]`, voxel, centre `[n, 3]` (z, y, x), sum of the scores around it."""

    response: np.ndarray
    voxels: np.ndarray
    centres: np.ndarray
    sums: np.ndarray

    def where(self, kept: np.ndarray) -> "_Peaks":
        return _Peaks(self.response[kept], self.voxels[kept], self.centres[kept], self.sums[kept])


def score_peaks(
    scores: ScoreMaps,
    radii: Mapping[int, float],
    floor: float = FLOOR,
    device: str = "cpu",
    slab_bytes: int = SLAB_BYTES,
    progress: Callable[[float, str], None] | None = None,
) -> Candidates:
    """Find the peaks of each class.

    Parameters
    ----------
    scores
        Score maps; those of labels that have no radius are left out.
    radii
        Label → radius of the class, voxels.
    floor
        Peaks that score less are left out, above 0.
    device
        Of torch: "cpu", "cuda".
    slab_bytes
        Size of a slab in memory as float32, without the slices on both sides that it needs; some five such arrays are
        held at once. The result does not hang on it.
    progress
        Called with (fraction, text).

    Returns
    -------
    Candidates
        By ascending label, the highest score of each class first.
        *Score*: the score map averaged with Gaussian weights of σ = radius / 2, divided by what a ball of score 1 and
        of the class's radius gives at its centre, at most 1. *Centre*: centre of mass of the scores in a ball of the
        radius, sought from the peak (at most half a radius away). *Size*: the sum of the scores in that ball, which is
        the number of voxels where scores are 0 and 1. Of two of one class closer than the radius only the higher is
        there; a peak where another class has a higher score is not. A region of the highest score that is several
        radii wide counts as one.

    Raises
    ------
    UserError
        A radius or floor that is not above 0, a radius larger than the volume, or values that are no scores.
    """
    labels = [label for label in scores.labels if label in radii]
    _check(scores, radii, labels, floor)
    if not labels:
        return nothing()
    found: dict[int, list[_Peaks]] = {label: [] for label in labels}
    pieces = list(slabs(scores.shape, 4, slab_bytes))
    with torch.inference_mode():
        for number, slab in enumerate(pieces):
            rivals = _Rivals((slab.stop - slab.start, *scores.shape[1:]), device)
            here = {}
            for step, label in enumerate(labels):
                if progress is not None:
                    done = (number + step / len(labels)) / len(pieces)
                    progress(done, f"looking for peaks of class {label}, slice {slab.start}")
                here[label] = _peaks_in_slab(scores, label, float(radii[label]), floor, slab, device, rivals)
            for label, peaks in here.items():
                found[label].append(peaks.where(rivals.won(peaks.voxels - [slab.start, 0, 0], label)))
    return together([_candidates(label, _joined(found[label]), float(radii[label])) for label in labels])


class _Rivals:
    """Which class has the highest response in each voxel of a slab."""

    def __init__(self, shape: tuple[int, ...], device: str) -> None:
        self.best = torch.zeros(shape, dtype=torch.float32, device=device)
        self.label = torch.zeros(shape, dtype=torch.int32, device=device)

    def join(self, response: torch.Tensor, label: int) -> None:
        """Let a class compete; of equals the one that came first stays."""
        higher = response > self.best
        self.label.masked_fill_(higher, label)
        torch.maximum(self.best, response, out=self.best)

    def won(self, voxels: np.ndarray, label: int) -> np.ndarray:
        """At which voxels `[n, 3]` of the slab the class has the highest response."""
        z, y, x = torch.from_numpy(voxels).to(self.label.device).unbind(1)
        return (self.label[z, y, x] == label).cpu().numpy()


def perfect_response(radius: float) -> float:
    """What a ball of score 1 becomes at its centre when blurred with σ = radius / 2."""
    reach = int(radius) + 1
    axis = torch.arange(-reach, reach + 1, dtype=torch.float32)
    square = axis.square()
    ball = (square[:, None, None] + square[None, :, None] + square <= radius**2).to(torch.float32)
    return float(smooth(ball, radius / 2)[reach, reach, reach])


def _peaks_in_slab(
    scores: ScoreMaps, label: int, radius: float, floor: float, slab: slice, device: str, rivals: _Rivals
) -> _Peaks:
    """The maxima of one class in a slab, before any is left out for another."""
    sigma = radius / 2
    # The largest cube inside the ball of the radius: peaks farther apart than it are told apart by distance later.
    cube = max(1, int(radius / math.sqrt(3)))
    blur, reach = reach_of(sigma), math.ceil(1.5 * radius) + 1
    margin = max(blur + cube, reach)
    start, stop = max(0, slab.start - margin), min(scores.shape[0], slab.stop + margin)
    raw = torch.from_numpy(scores.read(label, start, stop)).to(device)
    whole = perfect_response(radius)
    none = np.empty((0, 3))
    if float(raw.max()) < floor * whole:  # no mean exceeds the maximum
        return _Peaks(np.empty(0, np.float32), none.astype(np.int64), none, np.empty(0))
    low, high = max(start, slab.start - cube), min(stop, slab.stop + cube)
    response = smooth(raw, sigma)[low - start : high - start] / whole
    inner = slice(slab.start - low, slab.stop - low)
    rivals.join(response[inner], label)
    places = local_maxima(response, cube, floor, inner)
    z, y, x = places.unbind(1)
    heights = response[z, y, x].cpu().numpy()
    places[:, 0] += low - start
    shifts, sums = _shifts(raw, places, radius)
    voxels = places.cpu().numpy() + np.array([start, 0, 0])
    return _Peaks(heights, voxels, voxels + shifts, sums)


def _shifts(raw: torch.Tensor, peaks: torch.Tensor, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """From each peak `[n, 3]` to the centre of mass near it, float64 `[n, 3]`; and the sum of its ball, `[n]`."""
    reach = math.ceil(radius) + 1
    axis = torch.arange(-reach, reach + 1, device=raw.device)
    offsets = torch.cartesian_prod(axis, axis, axis)
    offsets = offsets[offsets.square().sum(1) <= (radius + 1) ** 2]  # half a voxel along each axis is 0.87 in all
    found, sums = [np.empty((0, 3))], [np.empty(0)]
    for part in peaks.split(max(1, _AT_ONCE // len(offsets))):
        shift = torch.zeros(part.shape, dtype=torch.float64, device=raw.device)
        going = torch.ones(len(part), dtype=torch.bool, device=raw.device)
        for _ in range(MOVES):
            moved = _mass(raw, part, shift, offsets, radius)[0]
            far = torch.linalg.vector_norm(moved, dim=1, keepdim=True)
            moved = moved * (0.5 * radius / far.clamp(min=1e-12)).clamp(max=1)
            # Each rests by itself, so that its end does not hang on which others are looked at with it.
            going &= (moved - shift).abs().amax(1) >= STILL
            shift = torch.where(going[:, None], moved, shift)
            if not bool(going.any()):
                break
        found.append(shift.cpu().numpy())
        sums.append(_mass(raw, part, shift, offsets, radius)[1].cpu().numpy())
    return np.concatenate(found), np.concatenate(sums)


def _mass(
    raw: torch.Tensor, peaks: torch.Tensor, shift: torch.Tensor, offsets: torch.Tensor, radius: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """From each peak to the centre of mass in the ball shifted so far, and the mass; beyond the faces lies nothing."""
    whole = shift.round()
    beside = offsets[None] - (shift - whole)[:, None]
    voxels = (peaks + whole.to(torch.int64))[:, None] + offsets[None]
    last = torch.tensor(raw.shape, device=raw.device) - 1
    within = (beside.square().sum(2) <= radius**2) & ((voxels >= 0) & (voxels <= last)).all(2)
    z, y, x = torch.minimum(voxels.clamp(min=0), last).unbind(2)
    mass = raw[z, y, x].to(torch.float64) * within
    total = mass.sum(1)
    mean = (offsets[None] * mass[..., None]).sum(1) / total.clamp(min=1e-12)[:, None]
    # Rounded, because the last bits hang on the order in which a sum is taken, and voxels on the ball's face on them.
    return torch.round(whole + mean, decimals=6), total


def _joined(parts: list[_Peaks]) -> _Peaks:
    return _Peaks(
        np.concatenate([p.response for p in parts]),
        np.concatenate([p.voxels for p in parts]),
        np.concatenate([p.centres for p in parts]),
        np.concatenate([p.sums for p in parts]),
    )


def _candidates(label: int, peaks: _Peaks, radius: float) -> Candidates:
    """The peaks of one class of the whole volume, the highest first, without those too close to a higher one."""
    peaks = peaks.where(np.lexsort((*peaks.voxels.T[::-1], -peaks.response)))
    peaks = peaks.where(_highest(peaks.voxels.astype(np.float64), radius))
    peaks = peaks.where(_highest(peaks.centres, radius))  # two maxima of one thing have one centre of mass
    return Candidates(
        np.full(len(peaks.response), label, np.int64),
        peaks.centres,
        np.rint(peaks.sums).astype(np.int64),
        np.minimum(peaks.response, 1).astype(np.float64),
    )


def _highest(places: np.ndarray, radius: float) -> np.ndarray:
    """Which places `[n, 3]`, given the highest first, have no higher one that stays within the radius; bool `[n]`."""
    kept = np.ones(len(places), bool)
    if len(places) < 2:
        return kept
    tree = cKDTree(places)
    for number in range(len(places)):
        if kept[number]:
            kept[tree.query_ball_point(places[number], radius)] = False
            kept[number] = True
    return kept


def _check(scores: ScoreMaps, radii: Mapping[int, float], labels: list[int], floor: float) -> None:
    if not 0 < floor < 1:
        raise UserError(f"The lowest score of a peak is {floor:g}: it must lie between 0 and 1.")
    for label in labels:
        if not 0 < radii[label] < np.inf:
            raise UserError(
                f"The radius of the class with label {label} is {radii[label]:g} voxels: it must be above 0."
            )
    largest = max((radii[label] for label in labels), default=0)
    if largest > max(scores.shape):
        sizes = " × ".join(str(n) for n in scores.shape)
        raise UserError(
            f"A radius of {largest:g} voxels is larger than the volume of {sizes} voxels: check its unit (Å)."
        )
