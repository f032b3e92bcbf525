"""What is known of each instance: centroid, size, box, score; and choosing among them by size."""

from dataclasses import dataclass

import cc3d
import numpy as np

from engine.errors import UserError

Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Instances:
    """Measured instances, one entry each, by ascending label.

    Parameters
    ----------
    labels
        Number of each in its instance map, int64 `[n]`.
    centroids
        Mean position of its voxels, z, y, x in voxels (0-based, voxel centres at whole numbers), float64 `[n,
        3]`.
    sizes
        Voxels, int64 `[n]`.
    extents
        Smallest box around each, int64 `[n, 3, 2]`: start and stop along z, y, x.
    scores
        Compactness, float64 `[n]` in (0, 1]: the second moment that a ball of the same volume has about its
        centre, divided by that of the instance (each voxel a unit cube). 1 = a ball, which no shape of that
        volume undercuts; a rod, a sheet or two particles in one score low.
    """

    labels: np.ndarray
    centroids: np.ndarray
    sizes: np.ndarray
    extents: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def boxes(self) -> list[Box]:
        """The extents as slices (z, y, x), which index an array."""
        return [(slice(*z), slice(*y), slice(*x)) for z, y, x in self.extents.tolist()]

    def where(self, kept: np.ndarray) -> "Instances":
        """Those of them for which `kept`, bool `[n]`, holds."""
        return Instances(
            labels=self.labels[kept],
            centroids=self.centroids[kept],
            sizes=self.sizes[kept],
            extents=self.extents[kept],
            scores=self.scores[kept],
        )


def centroids(labels: np.ndarray) -> Instances:
    """Measure the instances of an instance map.

    Parameters
    ----------
    labels
        Integers `[z, y, x]`, 0 = no instance. Numbers that do not occur are skipped.

    Returns
    -------
    Instances
    """
    if not labels.any():
        return Instances(
            np.empty(0, np.int64),
            np.empty((0, 3)),
            np.empty(0, np.int64),
            np.empty((0, 3, 2), np.int64),
            np.empty(0),
        )
    # As numbers: tens of thousands of slices keep Python's garbage collection busy for half a second.
    found = cc3d.statistics(np.ascontiguousarray(labels), no_slice_conversion=True)
    sizes = found["voxel_counts"].astype(np.int64)
    means = np.asarray(found["centroids"], np.float64)
    kept = np.flatnonzero(sizes[1:]) + 1
    scores = _compactness(labels, sizes, means)
    extents = found["bounding_boxes"][kept].astype(np.int64).reshape(-1, 3, 2)
    extents[..., 1] += 1  # the last voxel is in
    return Instances(
        labels=kept.astype(np.int64),
        centroids=means[kept],
        sizes=sizes[kept],
        extents=extents,
        scores=scores[kept],
    )


def filter_sizes(instances: Instances, minimum: int | None = None, maximum: int | None = None) -> Instances:
    """Keep the instances of `minimum` … `maximum` voxels, both included; None = no limit.

    Raises
    ------
    UserError
        A negative or crossed limit.
    """
    check_sizes(minimum, maximum)
    kept = np.ones(len(instances), bool)
    if minimum is not None:
        kept &= instances.sizes >= minimum
    if maximum is not None:
        kept &= instances.sizes <= maximum
    return instances.where(kept)


def keep_only(labels: np.ndarray, instances: Instances) -> np.ndarray:
    """The instance map with every instance that is not among `instances` set to 0; numbers stay as they are."""
    table = np.zeros(int(labels.max()) + 1, labels.dtype)
    table[instances.labels] = instances.labels
    return table[labels]


def check_sizes(minimum: int | None, maximum: int | None) -> None:
    """Raise a `UserError` for a limit on sizes that makes no sense."""
    for title, value in (("smallest", minimum), ("largest", maximum)):
        if value is not None and value < 0:
            raise UserError(f"The {title} size is {value} voxels: it must not be negative.")
    if minimum is not None and maximum is not None and minimum > maximum:
        raise UserError(
            f"The sizes to keep are {minimum} … {maximum} voxels: the smallest must not exceed the largest."
        )


def _compactness(labels: np.ndarray, sizes: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Score of each label 0 … max; see `Instances`. Labels without voxels get NaN."""
    moments = np.zeros(len(sizes))
    for z, plane in enumerate(labels):
        y, x = np.nonzero(plane)
        label = plane[y, x]
        offsets = np.stack([np.full(len(y), z), y, x], axis=1) - means[label]
        np.add.at(moments, label, np.square(offsets).sum(1))
    voxel = 0.25  # a unit cube about its own centre: 3 · 1/12
    ball = 0.6 * (3 / (4 * np.pi)) ** (2 / 3)  # 3/5 R² of the ball of one voxel's volume
    with np.errstate(divide="ignore", invalid="ignore"):
        return ball * sizes ** (2 / 3) / (moments / sizes + voxel)
