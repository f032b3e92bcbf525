"""Walking through a volume in slabs of z, so that no more than one slab is in memory."""

from collections.abc import Iterator, Sequence

SLAB_BYTES = 64 * 1024 * 1024


def slabs(shape: Sequence[int], itemsize: int, largest: int = SLAB_BYTES) -> Iterator[slice]:
    """Slices along z that cover a volume, each of at most `largest` bytes (and at least one voxel thick).

    Parameters
    ----------
    shape
        (z, y, x) in voxels.
    itemsize
        Bytes per voxel that the caller needs.
    largest
        Bytes.
    """
    thickness = max(1, largest // max(1, int(shape[1]) * int(shape[2]) * itemsize))
    for start in range(0, int(shape[0]), thickness):
        yield slice(start, min(start + thickness, int(shape[0])))
