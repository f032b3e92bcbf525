"""The cluster of every neighbourhood of a volume: decided in 32 bits, and in 64 where that is too close to call.

How far a cheap form of a decision (`engine.features.forms`, `engine.features.interpolation`) strays is measured on a
sample of the volume's own neighbourhoods. Where its answer lies nearer to zero than that, the neighbourhood is written
out: all terms are formed in 32 bits, and where that is too close as well the rule is applied as it stands, so that the
labels are those of the plain definition.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import cached_property

import numpy as np
import torch

from engine.features.decisions import Decision, LinearDecision
from engine.features.forms import FAST, Form, SpectralForm, forms
from engine.features.interpolation import Field, Interpolation, interpolate
from engine.features.modes import Features, LinearFeatures
from engine.features.neighbourhoods import SLAB_VOXELS, Neighbourhoods, Result, in_slabs
from engine.features.workspace import Workspace

SAMPLE = (4_000, 20_000)
"""Fewest and most neighbourhoods on which the error of the cheap form is measured; between them a 250th of all."""

BEYOND = 1e-4
"""Share of them whose error may exceed the margin; one that does matters only where it exceeds the answer too."""

NEAREST = 0.4
"""Share of them, those with the smallest scores, on which the error of leaving terms out is measured: scores far from
zero err more, by far less than they would have to."""

SAFETY = 1.5
AT_ONCE = 2048
"""Neighbourhoods that are written out together."""

AGAIN = 30_000.0
"""Cost of forming one score anew in 32 bits, in multiplications of the cheap forms (measured: about 1 µs)."""


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
    whole
        The form with all its terms.
    rounding
        Scores of that form nearer to zero than this are formed anew in 64 bits.
    """

    decision: Decision
    form: Form
    margin: float
    whole: Form
    rounding: float


@dataclass(frozen=True)
class Labelling:
    """Applies rules that share what their forms are computed from to the neighbourhoods of one volume.

    Parameters
    ----------
    boxes, features
        The neighbourhoods, and what they are described by.
    rules
        One or several.
    field
        The interpolated scores of the only rule; None = each is formed.
    """

    boxes: Neighbourhoods
    features: Features
    rules: tuple[Rule, ...]
    field: Field | None = None
    _space: Workspace = dataclass_field(default_factory=Workspace)

    def each_slab(self, work: Callable[[int, int], Result]) -> Iterator[Result]:
        """Results of `work(start, stop)` for slabs of planes, in order; of a size that keeps all threads busy alike."""
        boxes, planes = self.boxes, self.rules[0].form.planes
        fewest = max(1, SLAB_VOXELS // (boxes.shape[1] * boxes.shape[2]))
        rounds = -(-boxes.shape[0] // (max(planes, fewest) * boxes.threads))
        planes = -(-boxes.shape[0] // (rounds * boxes.threads))
        yield from in_slabs(boxes.shape[0], planes + planes % 2 if self.field else planes, boxes.threads, work)

    def label(self, start: int, stop: int, results: Sequence[torch.Tensor]) -> None:
        """Write the cluster of each neighbourhood of planes [start, stop) by each rule: 0 or 1.

        Parameters
        ----------
        start, stop
            Where scores are interpolated `start` is even.
        results
            int8 `[stop - start, y, x]` each, on the volume's device.
        """
        height, width = self.boxes.shape[1:]
        close: list[list[torch.Tensor]] = [[] for _ in self.rules]
        for number, plane, row, scores in self._scores(start, stop):
            n, last = len(scores), row + scores.shape[1]
            # As numbers first: comparing floats into flags takes four times as long as both steps (measured).
            seconds = torch.gt(scores, 0, out=self._space.array("seconds", tuple(scores.shape), scores))
            results[number][plane - start : plane - start + n, row:last].copy_(seconds)
            near = self._within(scores, self.rules[number].margin)
            of_plane = scores.shape[1] * width
            close[number].append((near // of_plane + plane) * (height * width) + near % of_plane + row * width)
        for rule, result, found in zip(self.rules, results, close, strict=True):
            # Together at the end: written out a few at a time they would cost several times as much.
            for part in torch.cat(found).split(AT_ONCE):
                rest = part % (height * width)
                place = part // (height * width) - start, rest // width, rest % width
                result.index_put_(place, self._decided(rule, part).to(torch.int8))

    def _scores(self, start: int, stop: int) -> Iterator[tuple[int, int, int, torch.Tensor]]:
        """(rule, plane, row, cheap scores `[z, y, x]` from there on), block by block."""
        if self.field is not None:
            step = max(2, self.rules[0].form.planes)
            for plane in range(start, stop, step):
                yield 0, plane, 0, self.field.scores(plane, min(plane + step, stop))
            return
        boxes, reach, form = self.boxes, self.boxes.size - 1, self.rules[0].form
        parts = -(-boxes.shape[1] * boxes.shape[2] * form.planes // form.voxels)
        rows = -(-boxes.shape[1] // min(parts, boxes.shape[1]))
        for plane in range(start, stop, form.planes):
            end = min(plane + form.planes, stop)
            for row in range(0, boxes.shape[1], rows):
                last = min(row + rows, boxes.shape[1])
                seen = boxes.volume[plane : end + reach, row : last + reach]
                values = self._space.array("values", tuple(seen.shape), seen)
                described = form.described(torch.sub(seen, boxes.centre, out=values))
                for number, rule in enumerate(self.rules):
                    yield number, plane, row, rule.form.scores(described)

    def _within(self, scores: torch.Tensor, margin: float) -> torch.Tensor:
        """Flat numbers of the scores that lie no further from zero than `margin`; the scores are overwritten."""
        count = scores.numel()
        flags = self._space.array("flags", (-(-count // 8) * 8,), self._flag)
        flags[count:] = 0
        flags[:count].copy_(scores.abs_().le_(margin).view(-1))
        # Few are, so eight flags are looked at as one number first: finding single ones takes longer than the scores.
        eights = torch.nonzero(flags.view(torch.int64)).view(-1)
        which, within = torch.nonzero(flags.view(-1, 8)[eights], as_tuple=True)
        return eights[which] * 8 + within

    @cached_property
    def _flag(self) -> torch.Tensor:
        return torch.empty(0, dtype=torch.int8, device=self.boxes.volume.device)

    def _decided(self, rule: Rule, numbers: torch.Tensor) -> torch.Tensor:
        """Clusters of the neighbourhoods with these numbers, written out."""
        if rule.form is rule.whole and self.field is None:
            return self._exact(rule, numbers)
        scores = rule.whole.of_windows(self.boxes.columns(numbers, FAST))
        seconds = scores > 0
        close = torch.nonzero(scores.abs_() <= rule.rounding).view(-1)
        if len(close):
            seconds[close] = self._exact(rule, numbers[close])
        return seconds

    def _exact(self, rule: Rule, numbers: torch.Tensor) -> torch.Tensor:
        return rule.decision.scores(self.features.columns(self.boxes.columns(numbers))) > 0


def labellings(boxes: Neighbourhoods, features: Features, decisions: Sequence[Decision]) -> Iterator[Labelling]:
    """The cheapest ways to apply decisions to one volume that give their labels.

    Parameters
    ----------
    boxes, features
        See `Labelling`.
    decisions
        They come back in this order, shared out among one or several labellings.
    """
    together: list[Rule] = []
    for rule in rules_for(boxes, features, decisions):
        found = _interpolated(boxes, rule)
        if isinstance(rule.form, SpectralForm) and found is None:
            together.append(rule)  # the transform is what costs, so it is shared
            continue
        if together:
            yield Labelling(boxes, features, tuple(together))
            together = []
        if found is None:
            yield Labelling(boxes, features, (rule,))
        else:
            interpolation, rule = found
            yield Labelling(boxes, features, (rule,), Field(boxes, interpolation))
    if together:
        yield Labelling(boxes, features, tuple(together))


def rules_for(boxes: Neighbourhoods, features: Features, decisions: Sequence[Decision], seed: int = 0) -> list[Rule]:
    """The cheapest form of each decision that gives its labels; `seed` is of the sample that errors are measured on."""
    random = np.random.default_rng(seed)
    fewest, most = SAMPLE
    count = min(max(boxes.count // 250, fewest), most, boxes.count)
    if isinstance(features, LinearFeatures) and all(isinstance(decision, LinearDecision) for decision in decisions):
        count = min(fewest, boxes.count)  # a kernel's products and rounding are all that is measured
    chosen = torch.from_numpy(np.sort(random.integers(0, boxes.count, count)))
    windows = boxes.columns(chosen.to(boxes.volume.device))
    columns, fast = features.columns(windows), windows.to(FAST)
    return [_cheapest(decision, features, windows, columns, fast) for decision in decisions]


def _cheapest(
    decision: Decision, features: Features, windows: torch.Tensor, columns: torch.Tensor, fast: torch.Tensor
) -> Rule:
    exact = decision.scores(columns)
    tried = list(forms(decision, features, windows, columns))
    rounding = _margin(tried[-1].of_windows(fast) - exact)
    near = exact.abs() <= exact.abs().quantile(NEAREST)
    best: tuple[float, Rule] | None = None
    for form in tried:
        if best is not None and form.cost > best[0]:
            break
        margin = rounding if form is tried[-1] else _margin((form.of_windows(fast) - exact)[near])
        cost = form.cost + AGAIN * _share_within(exact, margin)
        if best is None or cost < best[0]:
            best = cost, Rule(decision, form, margin, tried[-1], rounding)
    assert best is not None
    return best[1]


def _interpolated(boxes: Neighbourhoods, rule: Rule) -> tuple[Interpolation, Rule] | None:
    """Whether interpolating pays: with quadratic rules, whose scores vary too much, it does not."""
    if not isinstance(rule.form, SpectralForm) or not isinstance(rule.decision, LinearDecision):
        return None
    found = interpolate(boxes, rule.form)
    if found is None:
        return None
    margin = _margin(found.errors)
    if rule.form.cost / 7 + AGAIN * _share_within(found.scores, margin) > rule.form.cost:
        return None
    return found, Rule(rule.decision, rule.form, margin + rule.rounding, rule.whole, rule.rounding)


def _margin(errors: torch.Tensor) -> float:
    errors = errors.abs()
    return SAFETY * float(errors.kthvalue(len(errors) - max(1, round(BEYOND * len(errors))) + 1).values)


def _share_within(scores: torch.Tensor, margin: float) -> float:
    return float((scores.abs() <= margin).double().mean())
