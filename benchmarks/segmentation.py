"""Claim: segmenting 200×512×512 voxels is 4 times as fast as the original's tiling at patch 80, and 1.5 times at 160.

Also: labels are the same away from tile borders, and peak memory stays below 4 GB.
One process, one device, the same network with 13 classes for all. The original's tiling of that volume takes hours on
a CPU, so a share of the work is timed: of the original's 3,200 or 50 patches a few; of ours the first calls of each
step of the network, at their places in the real run over the whole volume, and the others are counted by their voxels
(they give zeros). What else our run does is timed whole. `--full` times all of our run. Labels are compared where the
original's patches see as much of their surroundings as the network does, and pool by the same grid.
Run: `python benchmarks/segmentation.py [--threads N] [--full]`. Takes two to five minutes on two cores.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.inference.compat_tiles import BORDER, centres, count_patches, predict_compat  # noqa: E402
from engine.inference.label_maps import best_channel  # noqa: E402
from engine.inference.normalisation import WholeVolume  # noqa: E402
from engine.inference.prediction import PredictionOptions, predict  # noqa: E402
from engine.networks.deepfinder import DeepFinderNetwork  # noqa: E402

SHAPE = (200, 512, 512)
CLASSES = 13
CLAIMS = {80: 4.0, 160: 1.5}
SAMPLES = {80: 3, 160: 1}
CALLS = 3
"""Calls of each step of the network that are computed in a run over the whole volume."""

MEMORY_CLAIM = 4.0
SEEN = 34
"""Voxels on each side that may influence a voxel."""

STEPS = ("encode_high", "encode_middle", "encode_low", "decode_middle", "decode_high")
UNCHANGED = WholeVolume(0.0, 1.0)


class SampledNetwork(DeepFinderNetwork):
    """The network, of whose steps only the first calls are computed and timed; the others give zeros at once."""

    def __init__(self, classes: int, calls: int) -> None:
        super().__init__(classes, torch.Generator().manual_seed(0))
        self.calls = calls
        self.timed: dict[str, list[tuple[int, float]]] = {step: [] for step in STEPS}
        self.left: dict[str, list[int]] = {step: [] for step in STEPS}
        self.inside = 0.0
        for step in STEPS:
            setattr(self, step, self._sampled(step, getattr(super(), step)))

    def _sampled(self, step: str, compute: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        channels = {"encode_high": 32, "encode_middle": 48, "encode_low": 64, "decode_middle": 48}
        factor = {"decode_middle": 2, "decode_high": 2}.get(step, 1)

        def run(*given: torch.Tensor) -> torch.Tensor:
            start = time.perf_counter()
            voxels = given[0][0, 0].numel()
            if len(self.timed[step]) < self.calls:
                result = compute(*given)
                finish_work()
                self.timed[step].append((voxels, time.perf_counter() - start))
            else:
                edges = [factor * n for n in given[0].shape[2:]]
                result = given[0].new_zeros((1, channels.get(step, self.classes), *edges))
                self.left[step].append(voxels)
            self.inside += time.perf_counter() - start
            return result

        return run

    def seconds(self) -> float:
        """What all calls would have taken."""
        total = 0.0
        for step in STEPS:
            voxels, spent = (sum(values) for values in zip(*self.timed[step], strict=True))
            total += spent + sum(self.left[step]) * spent / voxels
        return total

    def share(self) -> float:
        """The part of the work that was computed."""
        spent = sum(seconds for calls in self.timed.values() for _, seconds in calls)
        return spent / self.seconds()


def finish_work() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def volume() -> np.ndarray:
    """Noise, memory-mapped as a tomogram would be."""
    path = Path(tempfile.mkdtemp()) / "volume.npy"
    mapped = np.lib.format.open_memmap(path, "w+", np.float32, SHAPE)
    rng = np.random.default_rng(0)
    for z in range(SHAPE[0]):
        mapped[z] = rng.standard_normal(SHAPE[1:], np.float32)
    mapped.flush()
    del mapped
    found = np.load(path, mmap_mode="r")
    path.unlink()  # what is mapped stays until it is let go of
    path.parent.rmdir()
    return found


def ours(network: DeepFinderNetwork, array: np.ndarray) -> tuple[float, np.ndarray]:
    """Seconds, and the label map."""
    labels = np.zeros(array.shape, np.int8)
    start = time.perf_counter()
    for part in predict(array, network, UNCHANGED, PredictionOptions(precision="single")):
        labels[part.region] = best_channel(part.scores).cpu().numpy()
    return time.perf_counter() - start, labels


def time_ours(array: np.ndarray, calls: int) -> tuple[float, float]:
    """Seconds for the volume, and the share of the network's work that was computed."""
    network = SampledNetwork(CLASSES, calls).to(device()).eval()
    elapsed, _ = ours(network, array)
    return elapsed - network.inside + network.seconds(), network.share()


def time_original(array: np.ndarray, patch: int, samples: int) -> float:
    """Seconds for the volume: those of a few patches times their number; sums, division and labels left out."""
    network = DeepFinderNetwork(CLASSES, torch.Generator().manual_seed(0)).to(device()).eval()
    values = torch.from_numpy(np.array(array[:patch, :patch, :patch])).to(device())[None, None]
    with torch.inference_mode():
        if patch < 100:
            network(values).softmax(1).cpu()
        start = time.perf_counter()
        for _ in range(samples):
            network(values).softmax(1).cpu()
        spent = time.perf_counter() - start
    return spent / samples * count_patches(SHAPE, patch)


def compare_labels() -> tuple[float, int, float]:
    """Share of voxels with the same label where both see the same, how many these are, and the share in all.

    An odd border and an even step give the original's patches four pooling grids, of which a pass over the volume has
    one. Patches of every second position share the grid of a pass over the volume with the original's border of zeros.
    """
    edge, patch, classes = 162, 80, 4
    array = np.random.default_rng(1).standard_normal((110, 110, edge)).astype(np.float32)
    network = DeepFinderNetwork(classes, torch.Generator().manual_seed(3)).to(device()).eval()
    with torch.no_grad():  # the scores of a fresh network hardly differ from voxel to voxel; these do
        for layer in network.convolutions():
            layer.weight.mul_(1.6)
        scores = network(torch.from_numpy(array[:64, :64, :64].copy()).to(device())[None, None])[0]
        network.scores.bias.sub_(scores.mean((1, 2, 3)))
    kept = patch - 2 * BORDER
    starts = [c - patch // 2 for c in centres(edge, patch)]
    far = SEEN - BORDER
    first, last = starts[2] + far, starts[4] + kept - far
    place = (slice(first, starts[2] + kept - far),) * 2 + (slice(first, last),)
    bordered = tuple(slice(s.start + BORDER, s.stop + BORDER) for s in place)
    original = predict_compat(array, network, UNCHANGED, patch, box=place)
    whole = predict(np.pad(array, BORDER), network, UNCHANGED, PredictionOptions(precision="single"), box=bordered)
    found = []
    for parts, box in ((original, place), (whole, bordered)):
        labels = np.full([s.stop - s.start for s in box], -1, np.int8)
        for part in parts:
            local = tuple(slice(r.start - b.start, r.stop - b.start) for r, b in zip(part.region, box, strict=True))
            labels[local] = best_channel(part.scores).cpu().numpy()
        found.append(labels)
    same = found[0] == found[1]
    x = np.arange(first, last)
    comparable = [any(s + far <= v < s + kept - far for s in starts[2:5:2]) for v in x]
    if len(np.unique(found[1])) < 2:
        raise RuntimeError("the labels to compare are all the same")
    inner = same[:, :, comparable]
    return float(inner.mean()), inner.size, float(same.mean())


def peak_memory() -> float:
    """GB that a run over the whole volume takes at most, in a process of its own."""
    code = "import benchmarks.segmentation as b; b.time_ours(b.volume(), 1); print(b.peak())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--threads", type=int, default=torch.get_num_threads())
    options.add_argument("--full", action="store_true", help="time all of our run, not a share")
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    sizes = "×".join(map(str, SHAPE))
    print(f"{sizes} voxels, {CLASSES} classes, {device()}, {given.threads} threads, torch {torch.__version__}")
    array = volume()
    right = True
    original = {patch: time_original(array, patch, SAMPLES[patch]) for patch in CLAIMS}
    seconds, share = time_ours(array, 10**9 if given.full else CALLS)
    again = time_original(array, 80, SAMPLES[80])
    print(f"ours: {seconds:.0f} s ({share:.0%} of the network's work timed, the rest by its voxels)")
    for patch, claim in CLAIMS.items():
        number = count_patches(SHAPE, patch)
        ratio = original[patch] / seconds
        right &= ratio >= claim
        print(
            f"original's tiling, patch {patch}: {original[patch]:.0f} s ({SAMPLES[patch]} of {number:,} timed), "
            f"{ratio:.1f} times as long (claim: {claim:g})"
        )
    print(f"  patch 80 timed again afterwards: {again:.0f} s")
    inner, voxels, everywhere = compare_labels()
    right &= inner >= 0.9999
    print(
        f"labels of a random network: {inner:.3%} the same in {voxels:,} voxels away from borders of tiles with the "
        f"same pooling grid ({everywhere:.1%} with borders and tiles of other grids)"
    )
    memory = peak_memory()
    right &= memory < MEMORY_CLAIM
    print(f"peak memory of a process: {memory:.2f} GB (claim: below {MEMORY_CLAIM:g})")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
