"""Opening a volume of any format: `read_info` for the header alone, `open_volume` for the voxels.

The first bytes of a file decide its format, not its name. The formats themselves are in `mrc_reading`,
`hdf5`, `tiff` and `ome_zarr`.
"""

import stat
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from engine.errors import UserError, explain_os_errors
from engine.volumes.hdf5 import HDF5_MAGIC, open_hdf5, read_hdf5_info
from engine.volumes.info import VolumeInfo, VoxelSize
from engine.volumes.mrc_reading import open_mrc, read_mrc_info
from engine.volumes.ome_zarr import open_ome_zarr, read_ome_zarr_info
from engine.volumes.tiff import TIFF_MAGICS, open_tiff, read_tiff_info

MAGIC_BYTES = 8


class Volume:
    """An open volume: its header and its voxels, read only where they are sliced.

    Parameters
    ----------
    info
        The header.
    array
        [z, y, x]: a NumPy memory map where `info.memory_mapped`, otherwise an h5py dataset, a Zarr array or
        (for .gz and .bz2) a NumPy array.
    on_close
        Called once by `close`.
    """

    def __init__(self, info: VolumeInfo, array: Any, on_close: Callable[[], None] | None = None) -> None:
        self.info = info
        self._array: Any = array
        self._on_close = on_close

    @property
    def array(self) -> Any:
        """What can be sliced as [z, y, x].

        Raises
        ------
        ValueError
            The volume was closed.
        """
        if self._array is None:
            raise ValueError(f"{self.info.path} was closed")
        return self._array

    @property
    def shape(self) -> tuple[int, int, int]:
        """(z, y, x) in voxels."""
        return self.info.shape

    @property
    def dtype(self) -> np.dtype:
        """The type of the voxels, in the byte order of this machine."""
        return np.dtype(self.info.dtype)

    @property
    def voxel_size(self) -> VoxelSize | None:
        """(z, y, x) in Å, None where the header has none."""
        return self.info.voxel_size

    @property
    def origin(self) -> VoxelSize:
        """(z, y, x) in Å."""
        return self.info.origin

    def __getitem__(self, key: Any) -> np.ndarray:
        return np.asarray(self.array[key])

    def read(self) -> np.ndarray:
        """The whole volume [z, y, x] in memory, in this machine's byte order; a copy that may be changed."""
        return np.array(self.array[...], dtype=self.dtype, order="C")

    def close(self) -> None:
        """Let go of the file; slices taken before stay valid."""
        self._array = None
        if self._on_close is not None:
            self._on_close()
            self._on_close = None

    def __enter__(self) -> "Volume":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_info(path: str | Path, dataset: str | None = None) -> VolumeInfo:
    """The header of a volume; no voxel is read.

    Parameters
    ----------
    path
        An MRC (also .gz, .bz2), HDF5 or TIFF file or an OME-Zarr folder.
    dataset
        Which volume of an HDF5 file or OME-Zarr folder; None takes the usual or only one.

    Raises
    ------
    UserError
        Missing, empty, truncated, unreadable, of no known format, complex numbers, not a volume.
    """
    path = Path(path)
    magic = _magic(path)
    if magic is None:
        return read_ome_zarr_info(path, dataset)
    if magic == HDF5_MAGIC:
        return read_hdf5_info(path, dataset)
    if magic.startswith(TIFF_MAGICS):
        return read_tiff_info(path)
    return read_mrc_info(path, magic)


def open_volume(path: str | Path, dataset: str | None = None) -> Volume:
    """Open a volume for reading: milliseconds and no memory unless it is an MRC packed as .gz or .bz2.

    Parameters and errors as `read_info`; a damaged compressed file is found here. Any number of threads may
    slice the result at once.
    """
    path = Path(path)
    magic = _magic(path)
    if magic is None:
        return Volume(*open_ome_zarr(path, dataset))
    if magic == HDF5_MAGIC:
        info, array, file = open_hdf5(path, dataset)
        return Volume(info, array, file.close if file else None)
    if magic.startswith(TIFF_MAGICS):
        info, array, tiff = open_tiff(path)
        return Volume(info, array, tiff.close if tiff else None)
    return Volume(*open_mrc(path, magic))


def _magic(path: Path) -> bytes | None:
    """The first bytes of a file; None for a folder.

    Raises
    ------
    UserError
        Missing, empty or unreadable.
    """
    with explain_os_errors(path, "read"):
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return None
        if not stat.S_ISREG(mode):  # reading a pipe would wait for ever
            raise UserError(f"{path} is not a file but a device or pipe: choose another one.")
        with open(path, "rb") as file:
            magic = file.read(MAGIC_BYTES)
    if not magic:
        raise UserError(f"{path} is empty (0 bytes): copy it again or remove it.")
    return magic
