"""Claim: a Dynamo table of 24,000 rows and a STOPGAP list of 14,000 convert to RELION 5 in under a second each.

The lists are made here (simulated places and orientations). Beside it the same positions read and written one object at
a time in plain Python, which is what a script by hand does. Run: `python benchmarks/convert.py`; some seconds.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.objects import ObjectTable, TomogramGeometry, relion_from_rotation, rotation_from_relion  # noqa: E402
from engine.objects.formats import export, get_format, read_objects  # noqa: E402

KNOWN = {f"TS_{n:02d}": TomogramGeometry((500, 1000, 1000), (8.0, 8.0, 8.0)) for n in range(1, 41)}
CASES = (("dynamo", 24_000), ("stopgap", 14_000))
WANTED = 1.0


def made(count: int) -> ObjectTable:
    """Places and orientations drawn at random."""
    random = np.random.default_rng(count)
    rows = pd.DataFrame(random.uniform(0, 1, (count, 3)) * (999, 999, 499), columns=["x", "y", "z"])
    rows[["rot", "tilt", "psi"]] = random.uniform([-180, 0, -180], [180, 180, 180], (count, 3))
    rows["tomogram"] = random.choice(list(KNOWN), count)
    rows["class"], rows["score"] = "ribosome", random.uniform(size=count)
    return ObjectTable(rows, KNOWN)


def one_at_a_time(path: Path, target: Path, count: int) -> float:
    """Seconds that a loop over the lines takes for the rotations and positions alone, from a sample of them."""
    lines = [line.split() for line in path.read_text().splitlines() if len(line.split()) >= 15][: count // 20]
    began = time.perf_counter()
    with target.open("w") as file:
        for words in lines:
            angles = relion_from_rotation(rotation_from_relion([[float(word) for word in words[6:9]]]))[0]
            file.write(" ".join(f"{value:.6f}" for value in (*map(float, words[3:6]), *angles)) + "\n")
    return (time.perf_counter() - began) * count / len(lines)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for format_name, count in CASES:
            chosen = get_format(format_name)
            source = export(made(count), chosen, folder / f"list{chosen.suffix}")[0]
            began = time.perf_counter()
            table = read_objects(source, KNOWN)
            export(table, get_format("relion5"), folder / f"{format_name}_out.star")
            taken = time.perf_counter() - began
            verdict = "reached" if taken < WANTED else "NOT reached"
            print(
                f"{format_name}, {len(table):,} rows to RELION 5: {taken:.2f} s (wanted under {WANTED:g} s: {verdict})",
                end="",
            )
            if format_name == "dynamo":
                print(f"; a loop over its lines {one_at_a_time(source, folder / 'loop.txt', count):.1f} s", end="")
            print(flush=True)


if __name__ == "__main__":
    main()
