"""Claim: PickET's S2 is at least as fast as SciPy, scikit-image and scikit-learn, with the same result.

Connected components against `scipy.ndimage.label`; the watershed against SciPy's distance transform with scikit-image's
peaks and flooding, on a mask of blobs in two densities; mean shift against scikit-learn's `MeanShift` on a map of
particles with vesicle shells and speckle. Each way runs in a process of its own with one thread; of the fast ones the
best of three runs counts. Peak memory is the process's largest resident set less what it held after imports and
reading. Simulated data.
Run: `python benchmarks/instances.py`. Takes about two minutes. With `--whole` the map for mean shift has a million
voxels, and scikit-learn alone takes some twenty minutes.
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

USUAL = (128, 320, 320)
CROP = (40, 100, 100)
WHOLE = (100, 256, 256)
BANDWIDTH = 5
MIN_DISTANCES = (1, 5)
ROOT = Path(__file__).resolve().parent.parent


def blobs(shape: tuple[int, int, int], height: float) -> np.ndarray:
    """Mask of smooth noise above so many standard deviations: blobs of all shapes, many of them touching."""
    from scipy import ndimage

    noise = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    smooth = ndimage.gaussian_filter(noise, 2.5)
    return smooth > height * smooth.std()


def particles_and_shells(shape: tuple[int, int, int]) -> np.ndarray:
    """Mask of ellipsoids, thin vesicle shells and 0.4 % single voxels, as dense as a segmented tomogram."""
    rng = np.random.default_rng(1)
    mask = rng.random(shape) < 0.004
    voxels = int(np.prod(shape))
    for _ in range(voxels * 2250 // 6_553_600):
        _paint(mask, rng.uniform(0, shape), rng.uniform(2.5, 6, 3))
    for _ in range(max(1, voxels * 28 // 6_553_600)):
        radius = rng.uniform(15, 30)
        _paint(mask, rng.uniform(0, shape), np.full(3, radius), hollow=1 - 3 / radius)
    return mask


def _paint(mask: np.ndarray, centre: np.ndarray, radii: np.ndarray, hollow: float = 0.0) -> None:
    low = np.maximum(0, np.floor(centre - radii)).astype(int)
    high = np.minimum(mask.shape, np.ceil(centre + radii).astype(int) + 1)
    axes = np.ogrid[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    apart = sum(((axis - c) / r) ** 2 for axis, c, r in zip(axes, centre, radii, strict=True))
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    mask[box] |= (apart <= 1) & (apart >= hollow**2)


def components_ours(mask: np.ndarray) -> dict[str, np.ndarray]:
    from engine.instances import connected_components

    return {"labels": connected_components(mask)}


def components_plain(mask: np.ndarray) -> dict[str, np.ndarray]:
    from scipy import ndimage

    return {"labels": ndimage.label(mask)[0]}


def watershed_ours(mask: np.ndarray, min_distance: int) -> dict[str, np.ndarray]:
    from engine.instances import watershed

    return {"labels": watershed(mask, min_distance)}


def watershed_plain(mask: np.ndarray, min_distance: int) -> dict[str, np.ndarray]:
    from scipy import ndimage
    from skimage.feature import peak_local_max
    from skimage.segmentation import watershed

    distance = ndimage.distance_transform_edt(mask)
    peaks = np.zeros(mask.shape, bool)
    peaks[tuple(peak_local_max(distance, min_distance=min_distance).T)] = True
    return {"labels": watershed(-distance, ndimage.label(peaks)[0], mask=mask)}


def mean_shift_ours(mask: np.ndarray) -> dict[str, np.ndarray]:
    from engine.instances import mean_shift

    labels, centres = mean_shift(mask, BANDWIDTH)
    return {"labels": labels, "centres": centres}


def mean_shift_plain(mask: np.ndarray) -> dict[str, np.ndarray]:
    from sklearn.cluster import MeanShift

    model = MeanShift(bandwidth=BANDWIDTH, bin_seeding=True, cluster_all=True).fit(np.argwhere(mask))
    labels = np.zeros(mask.shape, np.int32)
    labels[mask] = model.labels_ + 1
    return {"labels": labels, "centres": model.cluster_centers_}


def measure(way: str, source: str, target: str, repeats: int, *numbers: int) -> None:
    """Run one way in this process and print what it took as JSON."""
    import sklearn.cluster  # noqa: F401  imports are not what is measured

    import engine.instances  # noqa: F401

    mask = np.load(source)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        found = globals()[way](mask, *numbers)
        seconds.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    np.savez(target, **found)
    print(json.dumps({"seconds": min(seconds), "bytes": (peak - before) * 1024}))


def measured(way: str, mask: Path, repeats: int, *numbers: int) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """What `measure` finds in a process of its own, and the result."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, "1"), "PYTHONPATH": str(ROOT)}
    target = mask.with_name(f"{way}.npz")
    command = [sys.executable, __file__, way, str(mask), str(target), str(repeats), *(str(n) for n in numbers)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    with np.load(target) as found:
        return json.loads(done.stdout), dict(found)


def compare(title: str, subject: str, mask: Path, repeats: int, *numbers: int) -> None:
    """Run both ways of a subject and print one line."""
    ours, result = measured(f"{subject}_ours", mask, min(3, repeats * 3), *numbers)
    plain, expected = measured(f"{subject}_plain", mask, repeats, *numbers)
    line = (
        f"{title}: {ours['seconds']:.3g} s against {plain['seconds']:.3g} s: "
        f"{plain['seconds'] / ours['seconds']:.1f} times as fast; "
        f"{ours['bytes'] / 1e6:,.0f} MB against {plain['bytes'] / 1e6:,.0f} MB"
    )
    if "centres" in result:
        one, other = result["centres"], expected["centres"]
        line += f"; {len(one):,} centres against {len(other):,}"
        if len(one) == len(other):
            apart = np.abs(one - other).max(1)
            line += (
                f", largest difference {apart.max():.2g} voxel, {np.count_nonzero(apart == 0):,} identical in every bit"
            )
    differ = np.count_nonzero(result["labels"] != expected["labels"])
    print(f"{line}; {differ:,} of {result['labels'].size:,} voxels differ", flush=True)


def main(whole: bool) -> None:
    print("S2, one thread each, simulated data", flush=True)
    with tempfile.TemporaryDirectory() as name:
        mask = Path(name) / "mask.npy"
        for height in (1.1, 0.6):
            made = blobs(USUAL, height)
            np.save(mask, made)
            about = f"{USUAL}, {made.mean():.0%} of the voxels"
            compare(f"connected components, {about}", "components", mask, 3)
            for min_distance in MIN_DISTANCES:
                compare(f"watershed({min_distance}), {about}", "watershed", mask, 1, min_distance)
        made = particles_and_shells(WHOLE if whole else CROP)
        np.save(mask, made)
        title = f"mean shift({BANDWIDTH}), {made.shape}, {np.count_nonzero(made):,} voxels"
        compare(title, "mean_shift", mask, 1)


if __name__ == "__main__":
    if len(sys.argv) > 4:
        measure(*sys.argv[1:4], *(int(n) for n in sys.argv[4:]))
    else:
        sys.path.insert(0, str(ROOT))
        main("--whole" in sys.argv[1:])
