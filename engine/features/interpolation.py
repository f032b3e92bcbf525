"""Scores of all neighbourhoods from those of every second one along each axis.

Densities are blurred before they are compared, so a score hardly changes from one neighbourhood to the next: where
forming it costs much, an eighth of them is formed and the others are interpolated, with weights and an error that are
measured on blocks of the same volume. Neighbourhoods beyond the border see the volume mirrored, as the blur does.
"""

from dataclasses import dataclass

import numpy as np
import torch

from engine.features.forms import FAST, SpectralForm
from engine.features.neighbourhoods import Neighbourhoods, in_slabs

REACH = 3
"""Neighbours on either side that a value between is formed from."""

WORTH_IT = 2_000_000
"""Neighbourhoods of a volume from which on measuring the error pays."""

BLOCKS = 12
BLOCK = (24, 32, 48)
"""Blocks that weights and error are measured on, and their size in neighbourhoods (z, y, x)."""


@dataclass(frozen=True)
class Interpolation:
    """Scores of a form, interpolated.

    Parameters
    ----------
    form
        What is formed of every second neighbourhood.
    weights
        For z, y and x, `[REACH]`: of the two values 1, 3, 5 … neighbourhoods away from one between them.
    errors
        How far off the scores of the measured blocks were, float32 `[n]`.
    scores
        What they are without interpolation, `[n]`.
    """

    form: SpectralForm
    weights: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    errors: torch.Tensor
    scores: torch.Tensor


class Field:
    """The interpolated scores of one volume.

    Every second plane is held, which is half a float32 copy of the volume.

    Parameters
    ----------
    boxes
        The neighbourhoods.
    interpolation
        See there.
    """

    def __init__(self, boxes: Neighbourhoods, interpolation: Interpolation) -> None:
        self._weights = interpolation.weights
        count = _coarse(boxes.shape[0])
        self._planes = torch.empty((count, *boxes.shape[1:]), dtype=FAST, device=boxes.volume.device)
        form = interpolation.form
        rows = max(1, form.voxels // (form.planes * _coarse(boxes.shape[2])))

        def fill(start: int, stop: int) -> None:
            parts = [
                _every_second(boxes, form, (start, stop), (row, min(row + rows, _coarse(boxes.shape[1]))))
                for row in range(0, _coarse(boxes.shape[1]), rows)
            ]
            by_x = between(torch.cat(parts, 1), self._weights[2], 2, boxes.shape[2])
            self._planes[start:stop] = between(by_x, self._weights[1], 1, boxes.shape[1])

        for _ in in_slabs(count, form.planes, boxes.threads, fill):
            pass

    def scores(self, start: int, stop: int) -> torch.Tensor:
        """Of planes [start, stop), `start` even: `[z, y, x]`."""
        first, last = start // 2, _coarse(stop)
        return between(self._planes[first:last], self._weights[0], 0, stop - start)


def between(values: torch.Tensor, weights: torch.Tensor, axis: int, length: int) -> torch.Tensor:
    """Put interpolated values between those given.

    Parameters
    ----------
    values
        With `length` // 2 + 2 · REACH − 1 values along the axis, of which the first REACH − 1 lie before the result.
    weights
        See `Interpolation`.
    axis, length
        Along which axis, and how long it shall be.
    """
    odd = length // 2
    result = values.new_empty((*values.shape[:axis], length, *values.shape[axis + 1 :]))
    spread = (slice(None),) * axis
    result[(*spread, slice(0, None, 2))] = values.narrow(axis, REACH - 1, length - odd)
    total = None
    for distance, weight in enumerate(weights.tolist()):
        pair = values.narrow(axis, REACH - 1 - distance, odd) + values.narrow(axis, REACH + distance, odd)
        total = pair.mul_(weight) if total is None else total.add_(pair, alpha=weight)
    assert total is not None
    result[(*spread, slice(1, None, 2))] = total
    return result


def interpolate(boxes: Neighbourhoods, form: SpectralForm, seed: int = 0) -> Interpolation | None:
    """How a form is interpolated on one volume, and with what error; None where that cannot pay.

    Parameters
    ----------
    boxes, form
        What of which.
    seed
        Of the places of the measured blocks.
    """
    if boxes.count < WORTH_IT or any(n < m for n, m in zip(boxes.shape, BLOCK, strict=True)):
        return None
    random = np.random.default_rng(seed)
    beyond = 2 * REACH - 2
    blocks = []
    for _ in range(BLOCKS):
        # Blocks may lie across the border just as the field does.
        corner = [int(random.integers(-beyond, n + beyond - m)) for n, m in zip(boxes.shape, BLOCK, strict=True)]
        block = _mirrored(boxes, [(c, c + m + boxes.size - 1) for c, m in zip(corner, BLOCK, strict=True)])
        blocks.append(form.scores(form.described(block)).clone())
    weights = (_fitted(blocks, 0), _fitted(blocks, 1), _fitted(blocks, 2))
    errors, scores = [], []
    for block in blocks:
        inside, found = block, block[::2, ::2, ::2]
        for axis in (2, 1, 0):
            length = BLOCK[axis] - 4 * REACH + 2
            found = between(found, weights[axis], axis, length)
            inside = inside.narrow(axis, 2 * REACH - 2, length)
        errors.append((found - inside).abs_().reshape(-1))
        scores.append(inside.reshape(-1))
    return Interpolation(form, weights, torch.cat(errors), torch.cat(scores))


def _coarse(length: int) -> int:
    """Values along an axis from which `length` are interpolated."""
    return length // 2 + 2 * REACH - 1


def _every_second(
    boxes: Neighbourhoods, form: SpectralForm, planes: tuple[int, int], rows: tuple[int, int]
) -> torch.Tensor:
    """Scores of every second neighbourhood; planes and rows are counted from REACH − 1 before the first."""
    seen = []
    for start, stop in (planes, rows, (0, _coarse(boxes.shape[2]))):
        first = 2 * (start - REACH + 1)
        seen.append((first, first + 2 * (stop - start - 1) + boxes.size))
    return form.scores(form.described(_mirrored(boxes, seen), 2)).clone()


def _mirrored(boxes: Neighbourhoods, seen: list[tuple[int, int]]) -> torch.Tensor:
    z, y, x = (boxes.mirrored(axis, start, stop) for axis, (start, stop) in enumerate(seen))
    return boxes.volume[z[:, None, None], y[:, None], x] - boxes.centre


def _fitted(blocks: list[torch.Tensor], axis: int) -> torch.Tensor:
    """The weights with the smallest squared error along an axis; a constant is kept as it is."""
    mean = torch.stack([block.mean() for block in blocks]).mean()
    products = torch.zeros((REACH, REACH + 1), dtype=torch.float64, device=mean.device)
    for block in blocks:
        values = (block - mean).to(torch.float64).movedim(axis, 0)
        even, odd = values[::2], values[1::2]
        n = len(odd) - 2 * REACH + 1
        wanted = odd[REACH - 1 : REACH - 1 + n].reshape(-1)
        pairs = [even[REACH - 1 - t : REACH - 1 - t + n] + even[REACH + t : REACH + t + n] for t in range(REACH)]
        design = torch.stack([pair.reshape(-1) for pair in pairs])
        products += design @ torch.cat([design, wanted[None]]).T
    weights = torch.linalg.lstsq(products[:, :REACH], products[:, REACH:], driver=None).solution[:, 0]
    return weights / (2 * weights.sum())
