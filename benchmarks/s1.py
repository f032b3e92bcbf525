"""Claim: PickET's S1 (intensities, k-means) needs no neighbourhood written out, and so far less memory and time.

`engine.features.segment` against the plain definition (every 5³ neighbourhood a row of a float64 matrix, scikit-learn's
KMeans on it) on the same volume with as many threads, each in a process of its own; then `segment` alone on a volume
of the usual size. Peak memory is the process's largest resident set less what it held after its imports and reading.
Run: `python benchmarks/s1.py`. Takes about a minute on two cores.
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

SIDE_BY_SIDE = (48, 128, 128)
USUAL = (128, 320, 320)
THREADS = min(4, os.cpu_count() or 1)
ROOT = Path(__file__).resolve().parent.parent


def run_ours(volume: np.ndarray) -> tuple[np.ndarray, dict[str, int]]:
    from engine.features import S1Parameters, segment

    result = segment(volume, S1Parameters(), threads=THREADS)
    return result.labels, {"iterations": result.iterations}


def run_plain(volume: np.ndarray) -> tuple[np.ndarray, dict[str, int]]:
    from scipy.ndimage import gaussian_filter
    from sklearn.cluster import KMeans

    blurred = gaussian_filter(volume, 2.0, radius=8, mode="reflect")
    blurred = (blurred - blurred.min()) / (blurred.max() - blurred.min())
    windows = np.lib.stride_tricks.sliding_window_view(blurred, (5, 5, 5))
    features = windows.reshape(-1, 125).astype(np.float64)
    model = KMeans(n_clusters=2, random_state=42).fit(features)
    found = model.predict(features).reshape(windows.shape[:3])
    if 2 * found.sum() > found.size:
        found = 1 - found
    labels = np.full(volume.shape, -1, np.int8)
    labels[2:-2, 2:-2, 2:-2] = found
    return labels, {"iterations": model.n_iter_}


def measure(way: str, source: str, target: str) -> None:
    """Run one way in this process and print what it took as JSON."""
    import sklearn.cluster  # noqa: F401  imports are not what is measured

    import engine.features  # noqa: F401

    volume = np.load(source)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    labels, extra = {"ours": run_ours, "plain": run_plain}[way](volume)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    np.save(target, labels)
    print(json.dumps({"seconds": seconds, "bytes": (peak - before) * 1024, **extra}))


def measured(way: str, source: Path, target: Path) -> dict[str, float]:
    """What `measure` finds in a process of its own."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(THREADS)), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, __file__, way, str(source), str(target)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    from engine.simulation import phantom

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for shape in (SIDE_BY_SIDE, USUAL):
            np.save(folder / f"{shape[0]}.npy", phantom(shape, seed=1).volume)

        small, usual = (folder / f"{shape[0]}.npy" for shape in (SIDE_BY_SIDE, USUAL))
        plain = measured("plain", small, folder / "plain.npy")
        ours = measured("ours", small, folder / "ours.npy")
        one, other = np.load(folder / "plain.npy"), np.load(folder / "ours.npy")
        alone = measured("ours", usual, folder / "usual.npy")

    voxels, many = int(np.prod(SIDE_BY_SIDE)), int(np.prod(USUAL))
    print(f"S1 intensities + kmeans, volume {SIDE_BY_SIDE}, {THREADS} threads each, simulated data")
    print(
        f"speed: {voxels / ours['seconds']:,.0f} voxels/s against {voxels / plain['seconds']:,.0f} of the plain "
        f"definition: {plain['seconds'] / ours['seconds']:.1f} times as fast "
        f"({ours['iterations']} and {plain['iterations']} iterations)"
    )
    print(
        f"memory: {ours['bytes'] / 1e6:,.0f} MB against {plain['bytes'] / 1e6:,.0f} MB: "
        f"{plain['bytes'] / ours['bytes']:.1f} times less"
    )
    print(f"labels: {np.count_nonzero(one != other)} of {voxels:,} voxels differ")
    print(
        f"alone on {USUAL}: {many / alone['seconds']:,.0f} voxels/s, {alone['seconds']:.1f} s for "
        f"{alone['iterations']} iterations; {alone['bytes'] / 1e6:,.0f} MB, "
        f"{alone['bytes'] / (4 * many):.1f} float32 copies of the volume "
        f"(written-out neighbourhoods alone: {125 * 8 * many / 1e9:,.0f} GB)"
    )


if __name__ == "__main__":
    if len(sys.argv) == 4:
        measure(*sys.argv[1:])
    else:
        sys.path.insert(0, str(ROOT))
        main()
