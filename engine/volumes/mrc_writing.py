"""Writing MRC files with voxel size and origin, slab by slab, whole or not at all."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from engine.atomic import replacing
from engine.errors import UserError
from engine.volumes.mrc_header import HEADER_BYTES, make_header, mode_of, set_statistics
from engine.volumes.slabs import slabs

LARGEST_EXACT_FLOAT32 = 2**24


def mrc_dtype(dtype: DTypeLike, minimum: float = 0, maximum: float = 0) -> np.dtype:
    """The type in which MRC can keep voxels of `dtype` between `minimum` and `maximum` without loss.

    int8, int16, uint16, float16 and float32 stay; bool becomes int8, float64 float32 (the one that rounds);
    uint8 becomes int8 or int16; wider integers become int16 or uint16 where they fit and otherwise float32,
    which holds whole numbers up to 2²⁴ exactly.

    Raises
    ------
    UserError
        Whole numbers too large for float32; complex or other types.
    """
    dtype = np.dtype(dtype).newbyteorder("=")
    if dtype.kind == "f":
        return np.dtype(np.float32 if dtype.itemsize > 2 else np.float16)
    if dtype.kind == "b":
        return np.dtype(np.int8)
    if dtype.kind not in "iu":
        raise UserError(f"Values of type {dtype} cannot be written to an MRC file: use real numbers.")
    if dtype in (np.int8, np.int16, np.uint16):
        return dtype
    candidates = (np.int8, np.int16) if dtype.itemsize == 1 else (np.int16, np.uint16)
    for candidate in candidates:
        limits = np.iinfo(candidate)
        if limits.min <= minimum and maximum <= limits.max:
            return np.dtype(candidate)
    if max(abs(minimum), abs(maximum)) <= LARGEST_EXACT_FLOAT32:
        return np.dtype(np.float32)
    raise UserError(
        f"Whole numbers from {int(minimum)} to {int(maximum)} do not fit into an MRC file without loss "
        f"(at most {LARGEST_EXACT_FLOAT32}): renumber them or write HDF5."
    )


def write_mrc(
    path: str | Path,
    data: Any,
    voxel_size: Sequence[float] | None,
    origin: Sequence[float] = (0.0, 0.0, 0.0),
) -> None:
    """Write a volume; the file is there whole or not at all.

    Parameters
    ----------
    path
        Replaced if it exists.
    data
        [z, y, x], an array or anything that slices like one; read slab by slab. Stored in `mrc_dtype` of it.
    voxel_size
        (z, y, x) in Å; None writes 0, which means unknown.
    origin
        (z, y, x) in Å.

    Raises
    ------
    UserError
        Full disk, missing folder, no permission, numbers that do not fit.
    """
    dtype = _fitting_dtype(data)
    with create_mrc(path, data.shape, dtype, voxel_size, origin) as target:
        for slab in slabs(data.shape, dtype.itemsize):
            target[slab] = data[slab]


@contextmanager
def create_mrc(
    path: str | Path,
    shape: Sequence[int],
    dtype: DTypeLike,
    voxel_size: Sequence[float] | None,
    origin: Sequence[float] = (0.0, 0.0, 0.0),
) -> Iterator[np.memmap]:
    """A new MRC file as a writable memory map [z, y, x] of zeros, to be filled within the `with` block.

    All its space is taken on the disk at once, so a full disk is found here. When the block ends the density
    statistics are put into the header and the file gets its name; when it raises, nothing is left behind.

    Parameters
    ----------
    path
        Replaced if it exists.
    shape
        (z, y, x) in voxels.
    dtype
        One that MRC has (int8, int16, uint16, float16, float32), see `mrc_dtype`; or uint8, which programs that do not
        know IMOD's flag take for int8.
    voxel_size, origin
        (z, y, x) in Å.

    Raises
    ------
    UserError
        Full disk, missing folder, no permission.
    ValueError
        A type that MRC has not, or not three axes.
    """
    dtype = np.dtype(dtype).newbyteorder("=")
    if len(shape) != 3:
        raise ValueError(f"A volume has three axes, not {len(shape)}")
    if dtype != np.uint8:
        mode_of(dtype)
    header = make_header(shape, dtype, voxel_size or (0.0, 0.0, 0.0), origin)
    voxels = int(np.prod([int(n) for n in shape]))
    with replacing(Path(path)) as temporary:
        _reserve(temporary, HEADER_BYTES + voxels * dtype.itemsize)
        volume = np.memmap(temporary, dtype.newbyteorder("<"), "r+", HEADER_BYTES, tuple(shape))
        yield volume
        statistics = _density_statistics(volume)
        if np.isfinite(statistics).all():
            set_statistics(header, *statistics)
        volume.flush()
        with open(temporary, "r+b") as file:
            file.write(header.tobytes())
        del volume


def _reserve(path: Path, size: int) -> None:
    """Create a file of `size` bytes with all its space taken on the disk.

    A memory map of a file with holes kills the process (SIGBUS) when the disk fills up while it is written;
    with the space taken first, a full disk is an ordinary error.

    Raises
    ------
    OSError
        No space or quota left, no permission.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        os.posix_fallocate(descriptor, 0, size)
    finally:
        os.close(descriptor)


def _fitting_dtype(data: Any) -> np.dtype:
    dtype = np.dtype(data.dtype)
    if dtype.kind not in "iu" or dtype.newbyteorder("=") in (np.int8, np.int16, np.uint16):
        return mrc_dtype(dtype)
    minimum, maximum = 0, 0
    for slab in slabs(data.shape, dtype.itemsize):
        piece = np.asarray(data[slab])
        minimum, maximum = min(minimum, int(piece.min())), max(maximum, int(piece.max()))
    return mrc_dtype(dtype, minimum, maximum)


def _density_statistics(volume: np.ndarray) -> tuple[float, float, float, float]:
    """Minimum, maximum, mean and standard deviation, slab by slab."""
    low, high, total, squares = np.inf, -np.inf, 0.0, 0.0
    for slab in slabs(volume.shape, 8):
        piece = volume[slab].astype(np.float64)
        low, high = min(low, float(piece.min())), max(high, float(piece.max()))
        total += float(piece.sum())
        squares += float(np.square(piece).sum())
    mean = total / volume.size
    return low, high, mean, float(np.sqrt(max(0.0, squares / volume.size - mean * mean)))
