"""The cluster of every neighbourhood of a volume: decided in 32 bits, and in 64 where that is too close to call.

How far the cheap form of a decision (`engine.features.forms`) strays is measured on a sample of the volume's own
neighbourhoods. Where its answer lies nearer to zero than that, the neighbourhood is written out and the rule is
applied to it as it stands, so that the labels are those of the plain definition.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from engine.features.decisions import Decision
from engine.features.forms import FAST, Form, SpectralForm, forms
from engine.features.modes import Features
from engine.features.neighbourhoods import Neighbourhoods

SAMPLE = (4_000, 20_000)
"""Fewest and most neighbourhoods on which the error of the cheap form is measured; between them a hundredth of all."""

BEYOND = 1e-4
"""Share of them whose error may exceed the margin; one that does matters only where it exceeds the answer too."""

SAFETY = 1.5
AT_ONCE = 4096
"""Neighbourhoods that are written out together."""

AGAIN = (60_000.0, 200_000.0)
"""Cost of forming one score anew, in multiplications of the cheap forms, for linear features and for spectra (measured:
about 2 and 6 µs)."""


@dataclass(frozen=True)
class Rule:
    """A decision with the cheap form of it that suits one volume.

    Parameters
    ----------
    decision
        The rule itself.
    form
        Its cheap form.
    margin
        Scores nearer to zero than this are formed anew.
    """

    decision: Decision
    form: Form
    margin: float


@dataclass(frozen=True)
class Labelling:
    """Applies rules that share what their forms are computed from to the neighbourhoods of one volume.

    Parameters
    ----------
    boxes, features
        The neighbourhoods, and what they are described by.
    rules
        One or several.
    """

    boxes: Neighbourhoods
    features: Features
    rules: tuple[Rule, ...]

    @property
    def planes(self) -> int:
        """Planes that are worked on together."""
        return self.rules[0].form.planes

    def labels(self, start: int, stop: int) -> list[torch.Tensor]:
        """Cluster of each neighbourhood of planes [start, stop) by each rule: bool `[z, y, x]`, True = the second."""
        boxes, reach, form = self.boxes, self.boxes.size - 1, self.rules[0].form
        shape = (stop - start, *boxes.shape[1:])
        results = [torch.empty(shape, dtype=torch.bool, device=boxes.volume.device) for _ in self.rules]
        rows = max(1, form.voxels // (form.planes * boxes.shape[2]))
        close: list[list[torch.Tensor]] = [[] for _ in self.rules]
        for plane in range(start, stop, form.planes):
            end = min(plane + form.planes, stop)
            for row in range(0, boxes.shape[1], rows):
                last = min(row + rows, boxes.shape[1])
                described = form.described(boxes.volume[plane : end + reach, row : last + reach] - boxes.centre)
                for rule, result, found in zip(self.rules, results, close, strict=True):
                    scores = rule.form.scores(described)
                    torch.gt(scores, 0, out=result[plane - start : end - start, row:last])
                    z, y, x = torch.nonzero(scores.abs_() <= rule.margin, as_tuple=True)
                    found.append(((z + plane) * boxes.shape[1] + y + row) * boxes.shape[2] + x)
        for rule, result, found in zip(self.rules, results, close, strict=True):
            # Together at the end: written out a few at a time they would cost several times as much.
            numbers, flat = torch.cat(found), result.view(-1)
            for part in numbers.split(AT_ONCE):
                scores = rule.decision.scores(self.features.columns(boxes.take(part).T.contiguous()))
                flat[part - start * boxes.shape[1] * boxes.shape[2]] = scores > 0
        return results


def labellings(boxes: Neighbourhoods, features: Features, decisions: Sequence[Decision]) -> list[Labelling]:
    """The cheapest ways to apply decisions to one volume that give their labels.

    Parameters
    ----------
    boxes, features
        See `Labelling`.
    decisions
        They come back in this order, shared out among one or several labellings.
    """
    rules = rules_for(boxes, features, decisions)
    if all(isinstance(rule.form, SpectralForm) and rule.form.waves is None for rule in rules):
        return [Labelling(boxes, features, tuple(rules))]  # the transform is what costs, so it is shared
    return [Labelling(boxes, features, (rule,)) for rule in rules]


def rules_for(boxes: Neighbourhoods, features: Features, decisions: Sequence[Decision], seed: int = 0) -> list[Rule]:
    """The cheapest form of each decision that gives its labels; `seed` is of the sample that errors are measured on."""
    random = np.random.default_rng(seed)
    fewest, most = SAMPLE
    count = min(max(boxes.count // 100, fewest), most, boxes.count)
    chosen = torch.from_numpy(np.sort(random.integers(0, boxes.count, count)))
    windows = boxes.take(chosen.to(boxes.volume.device)).T.contiguous()
    columns, fast = features.columns(windows), windows.to(FAST)
    return [_cheapest(decision, features, columns, fast) for decision in decisions]


def _cheapest(decision: Decision, features: Features, columns: torch.Tensor, fast: torch.Tensor) -> Rule:
    exact = decision.scores(columns)
    best: tuple[float, Rule] | None = None
    for form in forms(decision, features, columns):
        if best is not None and form.cost > best[0]:
            break
        error = (form.of_windows(fast) - exact).abs()
        margin = SAFETY * float(error.sort().values[-max(1, round(BEYOND * len(error)))])
        again = float((exact.abs() <= margin).double().mean())
        cost = form.cost + again * AGAIN[isinstance(form, SpectralForm)]
        if best is None or cost < best[0]:
            best = cost, Rule(decision, form, margin)
    assert best is not None
    return best[1]
