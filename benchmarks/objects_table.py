"""Claims: a million objects filter, sort and are validated without a pause; 100,000 take an edit in under 0.3 s.

Prints one line per claim: the time, and for a million objects how many times as fast as the plain way (one Python step
per row) in the same run. Edits that need densities or masks get them from memory.
Run: `python benchmarks/objects_table.py`.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.objects import ObjectTable, TomogramGeometry, filter_by, validate
from engine.objects.edit_steps import EDITS, NothingAtHand, choose
from engine.objects.edits import sort_by

MILLION = 1_000_000
HUNDRED_THOUSAND = 100_000
SHAPE = (200, 512, 512)
VOXEL_SIZE = (10.0, 10.0, 10.0)
CLASSES = np.array(["ribosome", "proteasome", "gold", "membrane"])
LIMIT = 0.3
PARAMETERS: dict[str, dict[str, Any]] = {
    "keep-classes": {"classes": ["gold", "ribosome"]},
    "remove-classes": {"classes": ["gold"]},
    "rename-classes": {"names": {"gold": "fiducial"}},
    "keep-tomograms": {"tomograms": ["ts_0", "ts_7"]},
    "threshold": {"lowest": 0.3, "lowest_by_class": {"gold": 0.8}},
    "remove-close": {"distance": 100},
    "remove-duplicates": {"default_radius": 100, "within_class": False},
    "merge": {"tables": ["other"], "default_radius": 100},
    "scale": {"factor": 2},
    "shift": {"x": 1.5, "unit": "angstrom"},
    "crop-to-box": {"from_z": 50, "to_z": 150},
    "crop-to-mask": {"mask": "lamella"},
    "remove-near-border": {"margin": 100, "unit": "angstrom"},
    "snap": {"radius": 30},
    "randomise": {"mask": "lamella"},
}


class InMemory(NothingAtHand):
    """One volume and one mask for all tomograms."""

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        self.volume = generator.standard_normal(SHAPE).astype(np.float32)
        self.labels = (self.volume > 0).astype(np.int8)
        self.other = objects(HUNDRED_THOUSAND, 10, seed=3)

    def density(self, tomogram: str, start: tuple[int, int, int], stop: tuple[int, int, int]) -> np.ndarray:
        z, y, x = (slice(a, b) for a, b in zip(start, stop, strict=True))
        return self.volume[z, y, x]

    def shape(self, tomogram: str) -> tuple[int, int, int]:
        return SHAPE

    def mask(self, name: str, tomogram: str) -> np.ndarray:
        return self.labels

    def table(self, name: str) -> ObjectTable:
        return self.other


def objects(count: int, tomograms: int, seed: int) -> ObjectTable:
    """Objects all over some tomograms."""
    generator = np.random.default_rng(seed)
    geometry = {f"ts_{number}": TomogramGeometry(SHAPE, VOXEL_SIZE) for number in range(tomograms)}
    columns = {
        "tomogram": np.array(list(geometry))[generator.integers(0, tomograms, count)],
        "class": CLASSES[generator.integers(0, len(CLASSES), count)],
        "score": generator.random(count),
    }
    for column, length in zip(("z", "y", "x"), SHAPE, strict=True):
        columns[column] = generator.uniform(0, length - 1, count)
    for column, most in (("rot", 180), ("tilt", 180), ("psi", 180)):
        columns[column] = generator.uniform(0, most, count)
    return ObjectTable(pd.DataFrame(columns), geometry)


def timed(work: Callable[[], Any], repeats: int = 3) -> float:
    """The shortest time, seconds."""
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def plain_validation(table: ObjectTable) -> int:
    """How many rows are wrong, each looked at on its own."""
    wrong, seen = 0, set()
    for row in table.rows.itertuples(index=False):
        known = row.tomogram in table.tomograms
        lengths = table.tomograms[row.tomogram].shape if known else (np.inf,) * 3
        inside = all(-0.5 <= v <= n - 0.5 for v, n in zip((row.z, row.y, row.x), lengths, strict=True))
        wrong += not (known and inside) or row.id in seen
        seen.add(row.id)
    return wrong


def plain_filter(table: ObjectTable) -> list[Any]:
    """The rows that pass, each looked at on its own."""
    return [row for row in table.rows.itertuples(index=False) if row.score >= 0.5 and row[1] == "gold"]


def main() -> None:
    table = objects(MILLION, 50, seed=1)
    broken = table.with_rows(table.rows.assign(z=np.nan, x=1e6))
    claims: list[tuple[str, Callable[[], Any], Callable[[], Any]]] = [
        ("filter by score and class", lambda: filter_by(table, score=(0.5, None), classes=["gold"]),
         lambda: plain_filter(table)),
        ("sort by score", lambda: sort_by(table, "score"),
         lambda: sorted(table.rows.itertuples(index=False), key=lambda row: row.score)),
        ("validate", lambda: validate(table), lambda: plain_validation(table)),
    ]  # fmt: skip
    for title, ours, plain in claims:
        seconds, slow = timed(ours), timed(plain, 1)
        print(f"{MILLION:,} objects, {title}: {seconds:.3f} s, {slow / seconds:.0f} times as fast as row by row")
    print(f"{MILLION:,} objects, validate with two million problems: {timed(lambda: validate(broken)):.3f} s")

    table, context = objects(HUNDRED_THOUSAND, 10, seed=2), InMemory()
    for name in EDITS:
        step = choose(name, PARAMETERS.get(name))
        seconds = timed(lambda: step.edit.apply(table, step.parameters, context))  # noqa: B023
        after = step.edit.apply(table, step.parameters, context)
        saying = timed(lambda: step.edit.says(table, after))  # noqa: B023
        verdict = "" if seconds < LIMIT else f" MORE THAN {LIMIT} s"
        print(
            f"{HUNDRED_THOUSAND:,} objects, {name}: {seconds:.3f} s{verdict}, said in {saying:.3f} s: "
            f"{step.edit.says(table, after)}"
        )


if __name__ == "__main__":
    main()
