"""Claim: clusters can be fitted on all voxels of a 180×512×512 tomogram in the memory of a few copies of it.

The plain definition would write out 45 million neighbourhoods of 125 numbers, 45 GB as float64. Here nothing is kept
but the blurred volume and the labels. Each workflow runs in a process of its own; peak memory is its largest resident
set less what it held after its imports.
Run: `python benchmarks/s1_all_voxels.py` (k-means on intensities, about a minute on two cores), or name workflows
such as `gabor-gmm`, or `all` (more than an hour: a Gaussian mixture passes twenty times over all voxels). With
`--iterations N` before them a fit ends after N passes at the latest: enough for the memory, which is the same in each.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SHAPE = (180, 512, 512)
ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = [f"{mode}-{method}" for mode in ("intensities", "gabor", "ffts") for method in ("kmeans", "gmm")]
THREADS = os.cpu_count() or 1
MOST_COPIES = 6


def volume() -> np.ndarray:
    """Noise with a few thousand dark balls, int8."""
    random = np.random.default_rng(0)
    made = random.normal(0, 20, SHAPE).astype(np.float32)
    grid = np.indices((13, 13, 13)) - 6
    for z, y, x in random.integers(6, np.array(SHAPE) - 7, (3000, 3)):
        radius = random.uniform(3, 6)
        made[z - 6 : z + 7, y - 6 : y + 7, x - 6 : x + 7] -= 25 * ((grid**2).sum(0) <= radius**2)
    return np.clip(made, -127, 127).astype(np.int8)


def measure(workflow: str, source: str, iterations: str) -> None:
    """Run one workflow in this process and print what it took as JSON."""
    from engine.features import S1Parameters, kmeans, mixture, segment

    if int(iterations):
        kmeans.MAX_ITERATIONS = mixture.MAX_ITERATIONS = int(iterations)
    tomogram = np.load(source)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    mode, method = workflow.split("-")
    began = time.perf_counter()
    result = segment(tomogram, S1Parameters(mode=mode, method=method), threads=THREADS)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {"fitted": result.n_neighbourhoods, "iterations": result.iterations, "share": result.counts[1]}
    print(json.dumps({"seconds": seconds, "bytes": (peak - before) * 1024, **found}))


def main(wanted: list[str], iterations: str) -> None:
    copy = 4 * int(np.prod(SHAPE))
    print(f"S1 fitted on all voxels of {SHAPE}, {THREADS} threads, simulated noise and balls")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "volume.npy"
        np.save(source, volume())
        for workflow in WORKFLOWS if wanted == ["all"] else wanted or WORKFLOWS[:1]:
            command = [sys.executable, __file__, "--measure", workflow, str(source), iterations]
            ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            done = json.loads(ran.stdout)
            print(
                f"{workflow}: {done['fitted']:,} neighbourhoods, {done['iterations']} iterations, "
                f"{done['seconds']:.0f} s, {done['bytes'] / 1e6:,.0f} MB, {done['bytes'] / copy:.1f} float32 copies "
                f"(at most {MOST_COPIES} allowed; written out {125 * 8 * done['fitted'] / 1e9:,.0f} GB)",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(*sys.argv[2:])
    else:
        limited = sys.argv[1:2] == ["--iterations"]
        main(sys.argv[3 if limited else 1 :], sys.argv[2] if limited else "0")
