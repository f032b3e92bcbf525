"""The cluster of every neighbourhood of a volume: decided in 32 bits, and in 64 where that is too close to call.

How far the cheap form of a decision (`engine.features.forms`) strays is measured on a sample of the volume's own
neighbourhoods. Where its answer lies nearer to zero than that, the neighbourhood is written out and the rule is
applied to it as it stands, so that the labels are those of the plain definition.
"""

from dataclasses import dataclass

import numpy as np
import torch

from engine.features.decisions import Decision
from engine.features.forms import FAST, Form, forms
from engine.features.modes import Features
from engine.features.neighbourhoods import Neighbourhoods

SAMPLE = (4_000, 20_000)
"""Fewest and most neighbourhoods on which the error of the cheap form is measured; between them a hundredth of all."""

BEYOND = 1e-4
"""Share of them whose error may exceed the margin; one that does matters only where it exceeds the answer too."""

SAFETY = 1.5
AGAIN = 60_000.0
"""Cost of forming one score anew, in multiplications of the cheap forms (measured: about 1.5 µs)."""


@dataclass(frozen=True)
class Labeller:
    """Applies a decision to the neighbourhoods of one volume.

    Parameters
    ----------
    boxes, features, decision
        The neighbourhoods, what they are described by, and the rule.
    form
        Its cheap form.
    margin
        Scores nearer to zero than this are formed anew.
    """

    boxes: Neighbourhoods
    features: Features
    decision: Decision
    form: Form
    margin: float

    def labels(self, start: int, stop: int) -> torch.Tensor:
        """Cluster of each neighbourhood of planes [start, stop): bool `[stop - start, y, x]`, True = the second."""
        boxes, reach = self.boxes, self.boxes.size - 1
        result = torch.empty((stop - start, *boxes.shape[1:]), dtype=torch.bool, device=boxes.volume.device)
        rows = max(1, self.form.voxels // (self.form.planes * boxes.shape[2]))
        flat, before = result.view(-1), start * boxes.shape[1] * boxes.shape[2]
        for plane in range(start, stop, self.form.planes):
            end = min(plane + self.form.planes, stop)
            for row in range(0, boxes.shape[1], rows):
                last = min(row + rows, boxes.shape[1])
                block = boxes.volume[plane : end + reach, row : last + reach] - boxes.centre
                scores = self.form.of_block(block)
                torch.gt(scores, 0, out=result[plane - start : end - start, row:last])
                z, y, x = torch.nonzero(scores.abs_() <= self.margin, as_tuple=True)
                for part in (((z + plane) * boxes.shape[1] + y + row) * boxes.shape[2] + x).split(4096):
                    if len(part):
                        flat[part - before] = self.decision.scores(self.features.columns(boxes.take(part).T)) > 0
        return result


def labeller(boxes: Neighbourhoods, features: Features, decision: Decision, seed: int = 0) -> Labeller:
    """The cheapest way to apply a decision to one volume that gives its labels.

    Parameters
    ----------
    boxes, features, decision
        See `Labeller`.
    seed
        Of the sample on which errors are measured.
    """
    random = np.random.default_rng(seed)
    fewest, most = SAMPLE
    count = min(max(boxes.count // 100, fewest), most, boxes.count)
    chosen = torch.from_numpy(np.sort(random.integers(0, boxes.count, count)))
    windows = boxes.take(chosen.to(boxes.volume.device)).T.contiguous()
    columns = features.columns(windows)
    exact, fast = decision.scores(columns), windows.to(FAST)
    best: tuple[float, Labeller] | None = None
    for form in forms(decision, features, columns):
        if best is not None and form.cost > best[0]:
            break
        error = (form.of_windows(fast) - exact).abs()
        margin = SAFETY * float(error.sort().values[-max(1, round(BEYOND * len(error)))])
        again = float((exact.abs() <= margin).double().mean())
        cost = form.cost + again * AGAIN
        if best is None or cost < best[0]:
            best = cost, Labeller(boxes, features, decision, form, margin)
    assert best is not None
    return best[1]
