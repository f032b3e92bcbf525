"""What is known of a volume before its voxels are read: `VolumeInfo`, and what makes a voxel size doubtful.

The format modules (`mrc`, `hdf5`, `tiff`, `ome_zarr`) fill it from headers; no file is opened here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from engine.errors import UserError

SMALLEST_VOXEL = 0.1
LARGEST_VOXEL = 200.0
LARGEST_ANISOTROPY = 1.5

VoxelSize = tuple[float, float, float]


@dataclass(frozen=True)
class VolumeInfo:
    """The header of one volume, the same for every format.

    Attributes
    ----------
    path
        The file (or OME-Zarr folder).
    format
        "mrc", "hdf5", "tiff" or "ome-zarr".
    shape
        (z, y, x) in voxels.
    dtype
        NumPy name of the voxel type, without byte order.
    voxel_size
        (z, y, x) in Å; None where the header has none.
    origin
        (z, y, x) in Å: where the centre of the first voxel lies.
    size_on_disk
        Bytes.
    dataset
        Which volume inside the file (HDF5, OME-Zarr); None where there can be only one.
    memory_mapped
        Whether opening gives a memory map of the file itself.
    warnings
        Sentences about what was tolerated or looks wrong in the header.
    """

    path: Path
    format: str
    shape: tuple[int, int, int]
    dtype: str
    voxel_size: VoxelSize | None
    origin: VoxelSize
    size_on_disk: int
    dataset: str | None
    memory_mapped: bool
    warnings: tuple[str, ...] = ()


def voxel_size_problem(voxel_size: Sequence[float] | None) -> str | None:
    """The sentence that says why a voxel size (z, y, x; Å) is doubtful, or None when it looks right.

    Doubtful are: none or 0, exactly 1.0 (what programs write when they do not know), below 0.1 Å or above 200
    Å, and axes that differ by more than half.
    """
    if voxel_size is None or any(not math.isfinite(v) or v <= 0 for v in voxel_size):
        return "The header gives no voxel size: enter it in Å."
    text = " × ".join(f"{v:.4g}" for v in reversed(voxel_size))
    if all(v == 1.0 for v in voxel_size):
        return "The voxel size is exactly 1 Å, which programs write when they do not know it: check it."
    if min(voxel_size) < SMALLEST_VOXEL:
        return f"The voxel size {text} Å (x × y × z) is below {SMALLEST_VOXEL} Å: check it."
    if max(voxel_size) > LARGEST_VOXEL:
        return f"The voxel size {text} Å (x × y × z) is above {LARGEST_VOXEL:.0f} Å: check it."
    if max(voxel_size) > LARGEST_ANISOTROPY * min(voxel_size):
        return f"The voxel size {text} Å (x × y × z) differs strongly between the axes: check it."
    return None


def clean_voxel_size(values: Sequence[float]) -> VoxelSize | None:
    """Voxel size (z, y, x; Å) from a header, or None where any axis is 0, negative or not finite.

    Rounded to six significant digits: headers keep single-precision cell lengths, and 13.48 Å should read
    13.48.
    """
    if len(values) != 3 or any(not math.isfinite(v) or v <= 0 for v in values):
        return None
    z, y, x = (float(f"{v:.6g}") for v in values)
    return (z, y, x)


def voxel_size_warnings(voxel_size: VoxelSize | None) -> tuple[str, ...]:
    """`voxel_size_problem` as a tuple of no or one sentence."""
    problem = voxel_size_problem(voxel_size)
    return () if problem is None else (problem,)


def real_dtype(dtype: DTypeLike, what: str) -> np.dtype:
    """The type of voxels, refused unless it is a real number of at most 64 bits.

    Raises
    ------
    UserError
        Complex numbers, text or records; `what` names the file in the sentence.
    """
    dtype = np.dtype(dtype)
    if dtype.kind == "c":
        raise UserError(f"{what} holds complex numbers (a Fourier transform), not densities: choose another file.")
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise UserError(f"{what} holds values of type {dtype}, not plain numbers: choose another volume.")
    return dtype


def volume_shape(shape: Sequence[int], what: str) -> tuple[int, int, int]:
    """(z, y, x) of an array of two or three axes; a single image has z = 1.

    Raises
    ------
    UserError
        Another number of axes, or an axis of length 0.
    """
    lengths = tuple(int(n) for n in shape)
    if len(lengths) == 2:
        lengths = (1, *lengths)
    if len(lengths) != 3 or min(lengths) < 1:
        raise UserError(f"{what} has the shape {tuple(shape)}: a volume with the axes z, y, x is needed.")
    return (lengths[0], lengths[1], lengths[2])


ANGSTROM_PER_UNIT = {
    "angstrom": 1.0,
    "ångström": 1.0,
    "å": 1.0,
    "a": 1.0,
    "picometer": 0.01,
    "pm": 0.01,
    "nanometer": 10.0,
    "nm": 10.0,
    "micrometer": 1e4,
    "micron": 1e4,
    "um": 1e4,
    "µm": 1e4,
    "μm": 1e4,
    "\\u00b5m": 1e4,
    "millimeter": 1e7,
    "mm": 1e7,
    "meter": 1e10,
    "m": 1e10,
}


def angstrom_per_unit(unit: str | None) -> float | None:
    """Å per unit of length as image formats spell it ("nanometer", "nm", "µm" …); None for any other word."""
    return ANGSTROM_PER_UNIT.get((unit or "").strip().lower())
