"""HDF5 volumes: those of DeepFinder, PickET (`segmentations/…`) and EMAN2 (`MDF/images/…`), and any other.

A dataset that lies in one uncompressed piece is memory-mapped; a chunked or compressed one is read through
h5py.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from engine.atomic import replacing
from engine.errors import UserError, explain_os_errors
from engine.volumes.info import VolumeInfo, VoxelSize, clean_voxel_size, real_dtype, voxel_size_warnings
from engine.volumes.slabs import slabs

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
EMAN_DATASET = "MDF/images/0/image"
WELL_KNOWN_DATASETS = ("dataset", "segmentations/semantic_segmentation", EMAN_DATASET)


def read_hdf5_info(path: Path, dataset: str | None = None) -> VolumeInfo:
    """What is known of one volume of an HDF5 file.

    Parameters
    ----------
    path
        The file.
    dataset
        Path inside the file; None takes the well-known one or the only volume there is.

    Raises
    ------
    UserError
        Damaged or truncated file, no volume in it, several to choose from, no such dataset.
    """
    with _opened(path) as file:
        return _info(path, _choose(file, path, dataset))


def open_hdf5(path: Path, dataset: str | None = None) -> tuple[VolumeInfo, Any, h5py.File | None]:
    """Header, voxels [z, y, x] (memory map or h5py dataset) and the file to close, if one stays open."""
    with _opened(path) as file:
        node = _choose(file, path, dataset)
        info = _info(path, node)
        offset, dtype, shape = node.id.get_offset(), node.dtype, node.shape
    if info.memory_mapped:
        with explain_os_errors(path, "read"):
            return info, np.memmap(path, dtype, "r", offset, shape), None
    stays_open = h5py.File(path, "r", locking=False)
    return info, stays_open[info.dataset], stays_open


def list_hdf5_volumes(path: Path) -> list[str]:
    """The names of all datasets of three axes with real numbers in an HDF5 file."""
    with _opened(path) as file:
        return _volumes(file)


def write_hdf5(
    path: str | Path,
    dataset_name: str,
    data: Any,
    voxel_size: Sequence[float] | None,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write one volume to a new HDF5 file, uncompressed and in one piece; it is there whole or not at all.

    Parameters
    ----------
    path
        Replaced if it exists.
    dataset_name
        Path inside the file, e.g. "segmentations/semantic_segmentation".
    data
        [z, y, x], anything that slices like an array; read slab by slab. The type stays (bool becomes int8).
    voxel_size
        (z, y, x) in Å, kept as the attribute `voxel_size` (three float64) of the group that holds the
        dataset.
    attributes
        Further attributes of that group; None is written as the text "None", as PickET does.

    Raises
    ------
    UserError
        Full disk, missing folder, no permission.
    """
    dtype = np.dtype(np.int8) if data.dtype == bool else np.dtype(data.dtype)
    with replacing(Path(path)) as temporary:
        with h5py.File(temporary, "w", locking=False) as file:
            target = file.create_dataset(dataset_name, shape=tuple(data.shape), dtype=dtype)
            for slab in slabs(data.shape, dtype.itemsize):
                target[slab] = np.asarray(data[slab])
            group = target.parent
            if voxel_size is not None:
                group.attrs["voxel_size"] = np.asarray(voxel_size, dtype=np.float64)
            for key, value in (attributes or {}).items():
                group.attrs[key] = "None" if value is None else value


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    with explain_os_errors(path, "read"):
        try:
            # Files are used in place and never written, and locks fail on many network disks.
            file = h5py.File(path, "r", locking=False)
        except OSError as error:
            if error.errno is not None and not str(error).startswith("Unable to synchronously open"):
                raise
            if not h5py.is_hdf5(path):
                raise UserError(
                    f"{path} does not begin as HDF5 files do: give an HDF5 file, or copy it again if it was one."
                ) from error
            raise UserError(f"{path} is truncated or damaged: {_reason(error)}. Copy it again.") from error
    with file:
        yield file


def _reason(error: OSError) -> str:
    """The part of an HDF5 message that a person can use: "truncated file: eof = …, stored_eof = …"."""
    text = str(error)
    return text[text.find("(") + 1 : text.rfind(")")] if "(" in text else text


def _choose(file: h5py.File, path: Path, dataset: str | None) -> h5py.Dataset:
    wanted = WELL_KNOWN_DATASETS if dataset is None else (dataset,)
    for name in wanted:
        node = file.get(name)
        if isinstance(node, h5py.Dataset) and (dataset is not None or len(node.shape) == 3):
            real_dtype(node.dtype, f"{path} ({name})")
            if len(node.shape) != 3 or min(node.shape) < 1:
                raise UserError(
                    f"Dataset {name!r} of {path} has the shape {node.shape}: a volume with axes z, y, x is needed."
                )
            return node
    volumes = _volumes(file)
    listed = ", ".join(repr(name) for name in volumes[:20])
    if dataset is not None:
        raise UserError(f"{path} holds no dataset {dataset!r}; its volumes are: {listed or 'none'}.")
    if not volumes:
        raise UserError(f"{path} holds no volume: no dataset in it has three axes with plain numbers.")
    if len(volumes) > 1:
        raise UserError(f"{path} holds {len(volumes)} volumes: choose one of the datasets {listed}.")
    return file[volumes[0]]


def _volumes(file: h5py.File) -> list[str]:
    found: list[str] = []

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and len(node.shape) == 3 and node.dtype.kind in "biuf" and node.size:
            found.append(name)

    file.visititems(visit)
    return found


def _info(path: Path, node: h5py.Dataset) -> VolumeInfo:
    voxel_size = _voxel_size(node)
    return VolumeInfo(
        path=path,
        format="hdf5",
        shape=tuple(int(n) for n in node.shape),  # type: ignore[arg-type]
        dtype=node.dtype.name,
        voxel_size=voxel_size,
        origin=_origin(node),
        size_on_disk=path.stat().st_size,
        dataset=node.name.lstrip("/"),
        memory_mapped=node.id.get_offset() is not None and node.file.userblock_size == 0,
        warnings=voxel_size_warnings(voxel_size),
    )


def _voxel_size(node: h5py.Dataset) -> VoxelSize | None:
    for holder in (node, node.parent, node.file):
        values = _three_numbers(holder.attrs.get("voxel_size"))
        if values is not None:
            return clean_voxel_size(values)
        eman = [_number(holder.attrs.get(f"EMAN.apix_{axis}")) for axis in "zyx"]
        if None not in eman:
            return clean_voxel_size([value for value in eman if value is not None])
    return None


def _origin(node: h5py.Dataset) -> VoxelSize:
    for holder in (node, node.parent):
        values = _three_numbers(holder.attrs.get("origin"))
        if values is not None:
            return values
    return (0.0, 0.0, 0.0)


def _three_numbers(value: Any) -> VoxelSize | None:
    """An attribute of three numbers (z, y, x) or of one for all axes."""
    if value is None or np.asarray(value).dtype.kind not in "iuf":
        return None
    numbers = np.asarray(value, dtype=np.float64).ravel()
    if numbers.size not in (1, 3):
        return None
    z, y, x = np.broadcast_to(numbers, 3)
    return (float(z), float(y), float(x))


def _number(value: Any) -> float | None:
    numbers = _three_numbers(value)
    return None if numbers is None else numbers[0]
