"""Predicting a whole volume, or a box of it, with any network: scores of every class, part by part, in little memory.

Where nothing in a network depends on what else lies in a tile, the parts are those of one pass over the whole volume.
Elsewhere, or with a halo that is too small, neighbouring tiles are blended. DeepFinder's own tiling is `compat_tiles`;
what becomes of the scores, `label_maps`.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from engine.errors import UserError
from engine.inference.flips import Averaging, turned, turned_region, turns_of
from engine.inference.normalisation import Normalisation
from engine.inference.passes import Pass, pass_for
from engine.inference.regions import Region, Shape, common, moved, read_mirrored, shape_of, within
from engine.inference.score_ring import ScoreRing
from engine.inference.tiles import Tile, TilePlan, padding, plan_tiles, step_of, usable_bytes

Progress = Callable[[float, str], None]
Precision = Literal["auto", "single", "half"]

OVERLAP = 16
"""Voxels across which the results of neighbouring tiles are blended."""

NO_NUMBERS = (
    "The network gives values that are not numbers: its weights are damaged or its training diverged; choose another "
    "model or an earlier one."
)


@dataclass(frozen=True)
class PredictionOptions:
    """How to predict.

    Attributes
    ----------
    edge
        Longest edge of a tile in voxels; None = from free memory.
    halo
        Voxels thrown away on each side of a tile; None = what the network sees.
    blending
        How neighbouring tiles are joined where the network gives different results: by weights that rise linearly or
        like the integral of a Gaussian, or not at all.
    averaging
        Over turns of the volume by 180°.
    precision
        "single"; "half" (float16 where the device is quick in it); "auto" = half on a GPU, single elsewhere.
    memory
        Bytes that may be taken on the device; None = a part of what is free.
    least_edge
        Shorter axes are padded to it by reflection.
    """

    edge: int | None = None
    halo: int | None = None
    blending: Literal["linear", "gaussian", "none"] = "linear"
    averaging: Averaging = "none"
    precision: Precision = "auto"
    memory: float | None = None
    least_edge: int = 1


@dataclass(frozen=True, eq=False)
class Part:
    """Scores of a part of the volume.

    Attributes
    ----------
    region
        In voxels of the volume.
    scores
        [classes, z, y, x], 0 … 1, their sum is 1; on any device.
    """

    region: Region
    scores: torch.Tensor


def silent(fraction: float, text: str) -> None:
    """Say nothing."""


def predict(
    array: Any,
    network: nn.Module,
    normalisation: Normalisation,
    options: PredictionOptions = PredictionOptions(),
    *,
    box: Region | None = None,
    progress: Progress = silent,
) -> Iterator[Part]:
    """Scores of a volume.

    Memory beside the network's work on one tile: without averaging and blending, the scores of one part; with
    averaging, those of one tile; with blending, those of one row of tiles along z. All of it is planned to stay within
    `options.memory`.

    Parameters
    ----------
    array
        [z, y, x], read where it is sliced.
    network
        On the device to compute on, set to evaluate; with `multiple_of`, `halo` and `classes`.
    normalisation
        As `normalisation_of` gives it.
    options
        See there.
    box
        Only this region of the volume is predicted; what lies around it is read as far as the network sees.
    progress
        Called with (fraction, text).

    Yields
    ------
    Part
        Together they cover the volume, or the box, once. Starts and ends are even, but for faces of the volume or box.

    Raises
    ------
    UserError
        Not enough memory, a tile edge that leaves nothing, a network that gives no numbers.
    """
    device = str(next(network.parameters()).device)
    memory = options.memory if options.memory is not None else usable_bytes(device)
    one_pass = pass_for(network, device, memory, math.prod(int(n) for n in array.shape))
    plan = plan_prediction(tuple(int(n) for n in array.shape), network, one_pass, options, memory, box)
    runner = _Runner(network, one_pass, options, device)
    wanted = box or tuple(slice(0, int(n)) for n in array.shape)
    done = 0.0
    total = math.prod(plan.shape) * plan.work * len(turns_of(options.averaging))

    def read(tile: Tile) -> torch.Tensor:
        return torch.from_numpy(read_mirrored(array, moved(tile.read, plan.origin), normalisation))

    def advance(region: Region) -> None:
        nonlocal done
        done += math.prod(shape_of(region))
        progress(min(done / total, 1.0), "predicting")

    parts = _blended(plan, runner, read, advance) if plan.overlap else _joined(plan, runner, read, advance)
    for part in parts:
        region = common(moved(part.region, plan.origin), wanted)
        if region is not None:
            local = within(region, moved(part.region, plan.origin))
            yield Part(region, part.scores[:, *local])


def plan_prediction(
    shape: Sequence[int],
    network: nn.Module,
    one_pass: Pass,
    options: PredictionOptions,
    memory: float,
    box: Region | None = None,
) -> TilePlan:
    """The tiles that `predict` would take; parameters and errors as there."""
    halo = int(network.halo) if options.halo is None else options.halo  # type: ignore[arg-type]
    classes, multiple_of = int(network.classes), int(network.multiple_of)  # type: ignore[arg-type]
    agree = one_pass.exact and halo >= int(network.halo)  # type: ignore[arg-type]
    overlap = 0 if agree or options.blending == "none" else OVERLAP
    averaged = options.averaging != "none"
    starts: Sequence[int] = (0, 0, 0)
    least_edge = options.least_edge
    if box is not None:
        step = step_of(multiple_of)
        margin = -(-halo // step) * step
        begin, length = [], []
        for s, n in zip(box, shape, strict=True):
            front, full = padding(n, step, least_edge)
            first = max((s.start + front) // step * step - margin, 0)
            begin.append(first - front)
            length.append(min(s.stop + front + margin, full) - first)
        starts, shape, least_edge = begin, length, 1

    def bytes_for(edges: Shape, valid: Shape, padded: Shape) -> float:
        blended = overlap and edges != padded
        held = 4 * classes * math.prod(valid) if averaged or blended else 0
        if blended:
            held += 4 * classes * valid[0] * padded[1] * padded[2]
        return one_pass.bytes_for(edges) + held

    return plan_tiles(
        shape,
        halo,
        multiple_of,
        bytes_for,
        memory,
        edge=options.edge,
        most_edge=one_pass.most_edge,
        least_edge=least_edge,
        overlap=overlap,
        blending=options.blending,
        origin=starts,
    )


class _Runner:
    """Tiles through the network, in half precision where that is wanted and gives numbers."""

    def __init__(self, network: nn.Module, one_pass: Pass, options: PredictionOptions, device: str) -> None:
        self.network, self.one_pass, self.device = network, one_pass, torch.device(device)
        self.turns = turns_of(options.averaging)
        self.half = options.precision == "half" or (options.precision == "auto" and self.device.type == "cuda")

    def scores(self, values: torch.Tensor) -> Iterator[tuple[Region, torch.Tensor]]:
        """Regions of a tile and their scores; some come twice when half precision turns out not to do."""
        try:
            yield from self._scores(values)
        except _NotFiniteError:
            self._fall_back()
            yield from self._scores(values)

    def averaged(self, values: torch.Tensor, valid: Region, advance: Callable[[Region], None]) -> torch.Tensor:
        """The scores of the region `valid` of a tile, averaged over the turns."""
        try:
            return self._averaged(values, valid, advance)
        except _NotFiniteError:
            self._fall_back()
            return self._averaged(values, valid, advance)

    def _averaged(self, values: torch.Tensor, valid: Region, advance: Callable[[Region], None]) -> torch.Tensor:
        shape = (values.shape[0], values.shape[1], values.shape[2])
        total: torch.Tensor | None = None
        for axes in self.turns:
            for region, scores in self._scores(turned(values, axes)):
                advance(region)
                place = turned_region(region, axes, shape)
                shared = common(place, valid)
                if shared is None:
                    continue
                if total is None:
                    total = torch.zeros((len(scores), *shape_of(valid)), device=scores.device)
                total[:, *within(shared, valid)] += turned(scores, axes)[:, *within(shared, place)]
        assert total is not None  # `valid` is a part of the tile
        return total.div_(len(self.turns)) if len(self.turns) > 1 else total

    def _fall_back(self) -> None:
        if not self.half:
            raise UserError(NO_NUMBERS) from None
        self.half = False

    def _scores(self, values: torch.Tensor) -> Iterator[tuple[Region, torch.Tensor]]:
        parts = self.one_pass.parts(values)
        while True:
            # Contexts are left before each yield: what the caller does must not run in them.
            half = torch.autocast(self.device.type, self._half_type()) if self.half else nullcontext()
            with torch.inference_mode(), half:
                found = next(parts, None)
                if found is None:
                    return
                region, logits = found
                logits = logits.float()
                if not torch.isfinite(logits).all():
                    raise _NotFiniteError
                scores = torch.softmax(logits, dim=0)
            yield region, scores

    def _half_type(self) -> torch.dtype:
        return torch.float16 if self.device.type == "cuda" else torch.bfloat16


class _NotFiniteError(Exception):
    """The network gave values that are not finite."""


def _joined(
    plan: TilePlan, runner: _Runner, read: Callable[[Tile], torch.Tensor], advance: Callable[[Region], None]
) -> Iterator[Part]:
    """Tile after tile; each counts alone where it is valid."""
    for row in plan.rows():
        for tile in row:
            values = read(tile)
            if len(runner.turns) > 1:
                yield Part(tile.valid, runner.averaged(values, within(tile.valid, tile.read), advance))
                continue
            start = [s.start for s in tile.read]
            for region, scores in runner.scores(values):
                advance(region)
                place = moved(region, start)
                shared = common(place, tile.valid)
                if shared is not None:
                    yield Part(shared, scores[:, *within(shared, place)])


def _blended(
    plan: TilePlan, runner: _Runner, read: Callable[[Tile], torch.Tensor], advance: Callable[[Region], None]
) -> Iterator[Part]:
    """Row after row of tiles; a slice is finished when no further row reaches it."""
    rows = list(plan.rows())
    ring: ScoreRing | None = None
    for number, row in enumerate(rows):
        for tile in row:
            scores = runner.averaged(read(tile), within(tile.valid, tile.read), advance).cpu().numpy()
            if ring is None:
                plane = (plan.shape[1], plan.shape[2])
                ring = ScoreRing(len(scores), plan.axes[0].valid_edge, plane, np.float32)
            z, y, x = tile.weights
            scores *= z[:, None, None]
            scores *= y[:, None]
            scores *= x
            ring.add(tile.valid, scores)
        below = rows[number + 1][0].valid[0].start if number + 1 < len(rows) else plan.shape[0]
        assert ring is not None  # a row has tiles
        for first, sums in ring.finished(below):
            region = (slice(first, first + sums.shape[1]), slice(0, plan.shape[1]), slice(0, plan.shape[2]))
            yield Part(region, torch.from_numpy(sums))
