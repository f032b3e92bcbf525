"""Claim: targets are made at least ten times as fast as by the plain loop over objects, and are the same bytes.

The plain loop is what DeepFinder is described to do for each object: turn the whole box of its class (trilinear, with
SciPy), round, find the voxels that are 1, leave out those beyond the faces, write the label. It turns spheres too,
because DeepFinder does where objects have angles. Our default (full spheres about the exact centre, shapes with
sub-voxel shift) is timed against the same loops, although it makes something slightly different. One thread, one
process; of ours the best of seven runs counts, of the loop the best of three; processor time, the tables of masks
included, reading not.
Run: `python benchmarks/targets.py`. DeepFinder's own list and masks are used where the test data is at hand
(environment variable TOMODECK_TEST_DATA), otherwise a generated list of as many objects. Takes about two minutes.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402  after the number of threads is set

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scipy import ndimage  # noqa: E402
from scipy.spatial.transform import Rotation  # noqa: E402

SHAPE = (200, 512, 512)
RADII = (6, 6, 3, 6, 6, 7, 6, 4, 4, 3, 10, 8)
COUNT = 2498
CLAIM = 10.0


def real_scene() -> tuple[object, list[np.ndarray], str] | None:
    """DeepFinder's list as a table and its masks, where the data is."""
    from engine.objects import TomogramGeometry
    from engine.objects.formats import deepfinder_xml
    from engine.volumes import open_volume

    folder = Path(os.environ.get("TOMODECK_TEST_DATA", ROOT.parent / "shared" / "data")) / "deepfinder"
    if not (folder / "object_list_tomo0.xml").is_file():
        return None
    table = deepfinder_xml.read(folder / "object_list_tomo0.xml", {"0": TomogramGeometry(SHAPE, (10.0,) * 3)})
    masks = [open_volume(path).read() for path in sorted((folder / "masks").glob("*.mrc"))]
    return table, masks, "DeepFinder's list (real format, simulated truth)"


def made_scene() -> tuple[object, list[np.ndarray], str]:
    """As many objects at random places with random angles, and blobs for masks."""
    import pandas as pd

    from engine.objects import ObjectTable, TomogramGeometry, relion_from_rotation

    rng = np.random.default_rng(0)
    z, y, x = (rng.integers(0, n, COUNT) for n in SHAPE)
    angles = relion_from_rotation(Rotation.random(COUNT, rng=rng))
    classes = [f"class {label}" for label in rng.integers(1, len(RADII) + 1, COUNT)]
    rows = pd.DataFrame({"tomogram": "0", "class": classes, "x": x, "y": y, "z": z})
    rows[["rot", "tilt", "psi"]] = angles
    grid = np.stack(np.meshgrid(*[np.arange(40) - 20.0] * 3, indexing="ij"))
    masks = []
    for radius in RADII:
        sizes = radius * rng.uniform(0.6, 1.4, 3)
        masks.append((((grid / sizes[:, None, None, None]) ** 2).sum(0) <= 1).astype(np.float32))
    return ObjectTable(rows, {"0": TomogramGeometry(SHAPE, (10.0,) * 3)}), masks, "a generated list"


def plain(objects: object, boxes: list[np.ndarray]) -> np.ndarray:
    """One object after the other, each in its whole box."""
    target = np.zeros(SHAPE, np.int8)
    grids = {n: np.stack([a.ravel() for a in np.meshgrid(*[np.arange(n)] * 3, indexing="ij")]) for n in (20, 40)}
    for centre, label, matrix in zip(objects.centres, objects.labels, objects.matrices, strict=True):
        box = boxes[label - 1]
        middle = len(box) / 2
        places = matrix @ (grids[len(box)] - middle) + middle
        turned = np.round(ndimage.map_coordinates(box, places, order=1)).reshape(box.shape)
        voxels = np.argwhere(turned == 1) + centre.astype(int) - len(box) // 2
        z, y, x = voxels[((voxels >= 0) & (voxels < SHAPE)).all(axis=1)].T
        target[z, y, x] = label
    return target


def seconds(work: Callable[[], np.ndarray], repeats: int) -> tuple[float, np.ndarray]:
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        made = work()
        taken.append(time.process_time() - began)
    return min(taken), made


def main() -> int:
    from engine.annotation.spheres import deepfinder_spheres
    from engine.annotation.target_objects import objects_from_table
    from engine.annotation.targets import Place, shape_target, sphere_target

    table, masks, what = real_scene() or made_scene()
    labels = {f"class {label}": label for label in range(1, len(RADII) + 1)}
    as_deepfinder, exact = (objects_from_table(table, labels, compat=flag) for flag in (True, False))
    radii, by_label = dict(enumerate(RADII, 1)), dict(enumerate(masks, 1))
    print(f"Targets of {len(as_deepfinder):,} objects in {SHAPE}, {what}, one thread", flush=True)
    held = True
    for kind, boxes, make, given in (
        ("spheres", deepfinder_spheres(RADII), sphere_target, radii),
        ("shapes", masks, shape_target, by_label),
    ):
        slow, expected = seconds(lambda boxes=boxes: plain(as_deepfinder, boxes), 3)
        fast, made = seconds(lambda m=make, g=given: m(as_deepfinder, g, Place(SHAPE), compat=True).labels, 7)
        differ = int((made != expected).sum())
        print(
            f"{kind} as DeepFinder's: {fast:.2f} s against {slow:.1f} s: {slow / fast:.0f} times as fast "
            f"(claimed {CLAIM:.0f}), {differ} voxels differ",
            flush=True,
        )
        fast_own, made = seconds(lambda m=make, g=given: m(exact, g, Place(SHAPE)).labels, 7)
        print(
            f"{kind}, our default: {fast_own:.2f} s: {slow / fast_own:.0f} times as fast as that loop (claimed "
            f"{CLAIM:.0f}); {int((made != expected).sum()):,} of {int((expected > 0).sum()):,} voxels differ from "
            "DeepFinder's",
            flush=True,
        )
        held = held and differ == 0 and min(slow / fast, slow / fast_own) >= CLAIM
    print("The claim holds." if held else "The claim does not hold in this run.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
