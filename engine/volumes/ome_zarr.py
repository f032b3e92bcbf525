"""OME-Zarr folders (NGFF 0.4 and 0.5, https://ngff.openmicroscopy.org): the highest resolution of one image.

Only the small `multiscales` note is read here, with zarr itself; nothing is written.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from engine.errors import UserError, explain_os_errors
from engine.volumes.info import (
    VolumeInfo,
    angstrom_per_unit,
    clean_voxel_size,
    real_dtype,
    voxel_size_warnings,
)

MARKERS = ("zarr.json", ".zgroup", ".zattrs")


class LeadingAxesDropped:
    """An array seen without its leading axes (time, channel) of length 1; slices like [z, y, x].

    Parameters
    ----------
    array
        Any array whose first `dropped` axes have length 1.
    dropped
        How many.
    """

    def __init__(self, array: Any, dropped: int) -> None:
        self._array = array
        self._leading = (0,) * dropped
        self.shape = tuple(int(n) for n in array.shape[dropped:])
        self.dtype = np.dtype(array.dtype)
        self.ndim = len(self.shape)

    def __getitem__(self, key: Any) -> np.ndarray:
        return self._array[self._leading + (key if isinstance(key, tuple) else (key,))]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[...], dtype=dtype)


def is_zarr_folder(path: Path) -> bool:
    """Whether a folder holds the files that mark a Zarr group."""
    return any((path / marker).is_file() for marker in MARKERS)


def read_ome_zarr_info(path: Path, dataset: str | None = None) -> VolumeInfo:
    """What is known of an image of an OME-Zarr folder; see `open_ome_zarr`."""
    return open_ome_zarr(path, dataset)[0]


def open_ome_zarr(path: Path, dataset: str | None = None) -> tuple[VolumeInfo, Any]:
    """Header and voxels [z, y, x] of an OME-Zarr folder; chunks are read when the array is sliced.

    Parameters
    ----------
    path
        The folder.
    dataset
        A level ("1") or an image ("labels/x") inside; None takes the highest resolution of the first image.

    Raises
    ------
    UserError
        A folder that is no OME-Zarr, more than one time point or channel, axes in another order.
    """
    with explain_os_errors(path, "read"):
        try:
            root = zarr.open(str(path), mode="r")
        except (FileNotFoundError, KeyError, ValueError) as error:
            raise _not_ome_zarr(path) from error
        if not isinstance(root, zarr.Group):
            raise _not_ome_zarr(path)
        group, image, level = _image(path, root, dataset)
        array = _level(path, group, str(level["path"]))
    name = "/".join(part for part in (group.path.strip("/"), str(level["path"])) if part)
    axes = _axis_names(image, array.ndim)
    dropped = array.ndim - 3
    if dropped < 0 or axes[-3:] != ["z", "y", "x"] or any(n != 1 for n in array.shape[:dropped]):
        listing = ", ".join(f"{axis} {n}" for axis, n in zip(axes, array.shape, strict=False))
        raise UserError(
            f"{path} ({name}) has the axes {listing}: one volume with the axes z, y, x is needed "
            "(time and channel of length 1 are fine)."
        )
    scale, translation = _transformations(image, level, array.ndim)
    factors = _units(image, array.ndim)[dropped:]
    voxel_size = None
    if scale is not None and None not in factors:
        voxel_size = clean_voxel_size([s * (f or 0) for s, f in zip(scale[dropped:], factors, strict=True)])
    z, y, x = (t * (f or 0.0) for t, f in zip(translation[dropped:], factors, strict=True))
    info = VolumeInfo(
        path=path,
        format="ome-zarr",
        shape=tuple(int(n) for n in array.shape[dropped:]),  # type: ignore[arg-type]
        dtype=real_dtype(array.dtype, f"{path} ({name})").name,
        voxel_size=voxel_size,
        origin=(z, y, x),
        size_on_disk=_folder_size(path),
        dataset=name,
        memory_mapped=False,
        warnings=voxel_size_warnings(voxel_size),
    )
    return info, LeadingAxesDropped(array, dropped) if dropped else array


def _not_ome_zarr(path: Path) -> UserError:
    return UserError(f"{path} is a folder, but not an OME-Zarr image: choose a file, or add it as a folder of volumes.")


def _multiscales(group: zarr.Group) -> list[Any]:
    attributes: Mapping[str, Any] = group.attrs
    ome = attributes.get("ome")
    found = (ome if isinstance(ome, Mapping) else attributes).get("multiscales")
    return list(found) if isinstance(found, list) else []


def _image(path: Path, root: zarr.Group, dataset: str | None) -> tuple[zarr.Group, Any, Any]:
    """The group of the wanted image, its `multiscales` entry, and the entry of the wanted level."""
    # Writers after bioformats2raw keep the first image in the group "0".
    candidates = [""] + (["0"] if dataset is None else [dataset])
    for name in candidates:
        group = root.get(name) if name else root
        if not isinstance(group, zarr.Group):
            continue
        for image in _multiscales(group):
            levels = image.get("datasets") or []
            for level in levels:
                if dataset in (None, name) or level.get("path") == dataset:
                    return group, image, level
    if dataset is not None:
        raise UserError(f"{path} holds no image or level {dataset!r}: leave the dataset empty to take the first one.")
    raise _not_ome_zarr(path)


def _level(path: Path, group: zarr.Group, name: str) -> Any:
    array = group.get(name)
    if not isinstance(array, zarr.Array):
        raise UserError(f"{path} is incomplete: its level {name!r} is missing. Copy it again.")
    return array


def _axis_names(image: Any, count: int) -> list[str]:
    axes = image.get("axes") or ["t", "c", "z", "y", "x"][5 - count :]
    return [str(axis.get("name") if isinstance(axis, Mapping) else axis).lower() for axis in axes]


def _units(image: Any, count: int) -> list[float | None]:
    axes = image.get("axes") or [None] * count
    return [angstrom_per_unit(axis.get("unit")) if isinstance(axis, Mapping) else None for axis in axes]


def _transformations(image: Any, level: Any, count: int) -> tuple[list[float] | None, list[float]]:
    """Scale and translation of a level; those of the whole image come on top."""
    scale: list[float] | None = None
    translation = [0.0] * count
    steps = (level.get("coordinateTransformations") or []) + (image.get("coordinateTransformations") or [])
    for step in steps:
        if step.get("type") == "scale" and len(step.get("scale", ())) == count:
            factors = [float(v) for v in step["scale"]]
            scale = [a * b for a, b in zip(scale or [1.0] * count, factors, strict=True)]
            translation = [a * b for a, b in zip(translation, factors, strict=True)]
        elif step.get("type") == "translation" and len(step.get("translation", ())) == count:
            translation = [a + float(b) for a, b in zip(translation, step["translation"], strict=True)]
    return scale, translation


def _folder_size(path: Path) -> int:
    total = 0
    for folder, _, names in os.walk(path):
        total += sum(os.stat(os.path.join(folder, name)).st_size for name in names)
    return total
