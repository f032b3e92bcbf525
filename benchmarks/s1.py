"""Claim: the six workflows of PickET's S1 give the plain definition's labels, many times faster, in little memory.

On `sim_004` (128×320×320, simulated; a phantom of the same shape where the test data is absent). The plain definition
materialises the features of every 5³ neighbourhood slab by slab, as float64, and calls scikit-learn's `predict`; both
ways have as many threads as there are cores and learn from the same 20,000 neighbourhoods. Each way runs in a process
of its own. Prediction and the whole (blurring, fit, prediction) are timed apart; peak memory is the process's largest
resident set less what it held after its imports and reading.
Run: `python benchmarks/s1.py`. Takes about ten minutes on two cores, nearly all of it in the plain definition.
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

SHAPE = (128, 320, 320)
SAMPLE = 20_000
THREADS = os.cpu_count() or 1
ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("TOMODECK_TEST_DATA", ROOT.parent / "shared" / "data"))
WORKFLOWS = [(mode, method) for mode in ("intensities", "gabor", "ffts") for method in ("kmeans", "gmm")]
SLAB = 2
"""Slices whose features the plain definition holds at once: as float64 about 200 MB."""


def plain_features(mode: str, filters: np.ndarray | None):
    """Windows `[n, 5, 5, 5]` → features, written out as the definition says."""
    from scipy import fft

    def spectra(windows: np.ndarray) -> np.ndarray:
        found = np.abs(fft.fftn(windows.astype(np.float32), axes=(1, 2, 3), workers=THREADS))
        return np.fft.fftshift(found, axes=(1, 2, 3)).reshape(len(windows), -1)

    return {
        "intensities": lambda windows: windows.reshape(len(windows), -1),
        "gabor": lambda windows: windows.reshape(len(windows), -1) @ filters.T,
        "ffts": spectra,
    }[mode]


def run_plain(volume: np.ndarray, mode: str, method: str) -> tuple[np.ndarray, dict[str, float]]:
    from scipy.ndimage import gaussian_filter
    from sklearn.cluster import KMeans
    from sklearn.mixture import GaussianMixture

    from engine.features.filters import gabor_bank

    began = time.perf_counter()
    blurred = gaussian_filter(volume.astype(np.float32), 2.0, radius=8, mode="reflect")
    blurred = (blurred - blurred.min()) / (blurred.max() - blurred.min())
    windows = np.lib.stride_tricks.sliding_window_view(blurred, (5, 5, 5))
    count = int(np.prod(windows.shape[:3]))
    chosen = np.sort(np.random.default_rng(42).choice(count, SAMPLE, replace=False, shuffle=False))
    sample = windows[np.unravel_index(chosen, windows.shape[:3])]
    filters = None
    if mode == "gabor":
        bank = gabor_bank(5, 10)
        filters = bank[np.argsort((sample.reshape(SAMPLE, -1) @ bank.T).std(0), kind="stable")[-64:]]
    features = plain_features(mode, filters)
    model = {"kmeans": KMeans, "gmm": GaussianMixture}[method](2, random_state=42)
    model.fit(features(sample).astype(np.float64))
    fitted = time.perf_counter()
    found = np.empty(windows.shape[:3], np.int8)
    for start in range(0, len(windows), SLAB):
        slab = windows[start : start + SLAB]
        labels = model.predict(features(slab.reshape(-1, 5, 5, 5)).astype(np.float64))
        found[start : start + SLAB] = labels.reshape(slab.shape[:3])
    done = time.perf_counter()
    if 2 * int(found.sum()) > found.size:
        found = 1 - found
    result = np.full(volume.shape, -1, np.int8)
    result[2:-2, 2:-2, 2:-2] = found
    return result, {"predict": done - fitted, "whole": done - began}


def run_ours(volume: np.ndarray, mode: str, method: str) -> tuple[np.ndarray, dict[str, float]]:
    from engine.features import S1Parameters, fit_each, label, prepare, running_on

    parameters = S1Parameters(mode=mode, method=method, max_neighbourhoods=SAMPLE)
    began = time.perf_counter()
    with running_on(THREADS, "cpu") as threads:
        prepared = prepare(volume, parameters, threads=threads)
        ((_, model),) = fit_each(prepared, [parameters])
        fitted = time.perf_counter()
        result = label(prepared, model)
    done = time.perf_counter()
    return result.labels, {"predict": done - fitted, "whole": done - began}


def measure(way: str, mode: str, method: str, source: str, target: str) -> None:
    """Run one way in this process and print what it took as JSON."""
    import sklearn.cluster
    import sklearn.mixture  # noqa: F401  imports are not what is measured

    import engine.features  # noqa: F401

    volume = np.load(source)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    labels, seconds = {"ours": run_ours, "plain": run_plain}[way](volume, mode, method)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    np.save(target, labels)
    print(json.dumps({**seconds, "bytes": (peak - before) * 1024, "rss": peak * 1024}))


def measured(way: str, mode: str, method: str, source: Path, target: Path) -> dict[str, float]:
    """What `measure` finds in a process of its own."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(THREADS)), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, __file__, way, mode, method, str(source), str(target)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def volume_for(folder: Path) -> tuple[Path, str]:
    """The volume as a .npy file, and its name."""
    simulated = DATA / "simulated" / "sim_004.mrc"
    if simulated.exists():
        from engine.volumes import open_volume

        name = "sim_004"
        with open_volume(simulated) as opened:
            volume = np.asarray(opened.read())
    else:
        from engine.simulation import phantom

        name, volume = "a phantom (sim_004 is not here)", phantom(SHAPE, seed=1).volume
    np.save(folder / "volume.npy", volume)
    return folder / "volume.npy", name


def main(wanted: list[str]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source, name = volume_for(folder)
        copy = 4 * int(np.prod(SHAPE))
        print(
            f"S1 on {name} {SHAPE}, {THREADS} threads each, learnt from the same {SAMPLE:,} neighbourhoods, simulated"
        )
        totals = {"plain": 0.0, "ours": 0.0}
        largest = 0.0
        for mode, method in WORKFLOWS:
            if wanted and f"{mode}-{method}" not in wanted:
                continue
            ours = measured("ours", mode, method, source, folder / "ours.npy")
            plain = measured("plain", mode, method, source, folder / "plain.npy")
            differ = int(np.count_nonzero(np.load(folder / "ours.npy") != np.load(folder / "plain.npy")))
            totals["plain"] += plain["predict"]
            totals["ours"] += ours["predict"]
            largest = max(largest, ours["rss"])
            print(
                f"{mode} {method}: prediction {plain['predict'] / ours['predict']:.1f} times as fast "
                f"({ours['predict']:.2f} s against {plain['predict']:.1f} s), the whole "
                f"{plain['whole'] / ours['whole']:.1f} times ({ours['whole']:.2f} s against {plain['whole']:.1f} s); "
                f"{differ} of {copy // 4:,} voxels differ; memory {ours['bytes'] / 1e6:,.0f} MB "
                f"({ours['bytes'] / copy:.1f} float32 copies) against {plain['bytes'] / 1e6:,.0f} MB",
                flush=True,
            )
        if totals["ours"]:
            ratio = totals["plain"] / totals["ours"]
            print(
                f"all {'' if wanted else 'six '}workflows: prediction {ratio:.1f} times as fast "
                f"({totals['ours']:.1f} s against {totals['plain']:.1f} s); largest process {largest / 1e6:,.0f} MB"
            )


if __name__ == "__main__":
    if len(sys.argv) == 6:
        measure(*sys.argv[1:])
    else:
        sys.path.insert(0, str(ROOT))
        main(sys.argv[1:])
