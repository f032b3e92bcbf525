"""TIFF stacks through tifffile: memory-mapped where the voxels lie in one piece, else page by page."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

from engine.errors import UserError, explain_os_errors
from engine.volumes.info import (
    VolumeInfo,
    VoxelSize,
    angstrom_per_unit,
    clean_voxel_size,
    real_dtype,
    volume_shape,
    voxel_size_warnings,
)

TIFF_MAGICS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def read_tiff_info(path: Path) -> VolumeInfo:
    """What is known of a TIFF stack: shape [z, y, x], type, voxel size from ImageJ's or OME's notes.

    Raises
    ------
    UserError
        Damaged or truncated file, colour images, more than three axes.
    """
    with explain_os_errors(path, "read"), _opened(path) as file:
        return _info(path, file)


def open_tiff(path: Path) -> tuple[VolumeInfo, Any, tifffile.TiffFile | None]:
    """Header, voxels [z, y, x] (memory map or an array decoding pages when sliced) and the file to close."""
    with explain_os_errors(path, "read"):
        file = _opened(path)
        try:
            info = _info(path, file)
            series = file.series[0]
            if series.dataoffset is not None:
                dtype = np.dtype(series.dtype).newbyteorder(file.byteorder)
                array: Any = np.memmap(path, dtype, "r", series.dataoffset, info.shape)
                file.close()
                return info, array, None
            array = zarr.open_array(series.aszarr(), mode="r")
        except BaseException:
            file.close()
            raise
    if array.shape != info.shape:  # leading axes of length 1, or a single image: small, so simply read
        array = np.asarray(array[...]).reshape(info.shape)
    return info, array, file


def _opened(path: Path) -> tifffile.TiffFile:
    try:
        return tifffile.TiffFile(path)
    except (tifffile.TiffFileError, struct.error, ValueError, IndexError) as error:
        raise UserError(f"{path} is truncated or damaged: {error}. Copy it again.") from error


def _info(path: Path, file: tifffile.TiffFile) -> VolumeInfo:
    try:
        series = file.series[0]
    except Exception as error:  # tifffile raises many kinds for damaged page directories
        raise UserError(f"{path} is truncated or damaged: {error}. Copy it again.") from error
    lengths = list(series.shape)
    while len(lengths) > 3 and lengths[0] == 1:
        lengths.pop(0)
    if "S" in series.axes:
        raise UserError(f"{path} holds colour images: a stack of grey images is needed.")
    shape = volume_shape(lengths, str(path))
    dtype = real_dtype(series.dtype, str(path))
    size = path.stat().st_size
    _refuse_truncated(path, file, size)
    voxel_size = _voxel_size(file)
    return VolumeInfo(
        path=path,
        format="tiff",
        shape=shape,
        dtype=dtype.name,
        voxel_size=voxel_size,
        origin=(0.0, 0.0, 0.0),
        size_on_disk=size,
        dataset=None,
        memory_mapped=series.dataoffset is not None,
        warnings=voxel_size_warnings(voxel_size),
    )


def _refuse_truncated(path: Path, file: tifffile.TiffFile, size: int) -> None:
    series = file.series[0]
    needed = _next_page(file)  # 0 behind the last page: anything else points past the end of the file
    if series.dataoffset is not None:
        needed = max(needed, series.dataoffset + series.nbytes)
    else:
        last = series.pages[-1]
        if last is not None:
            ends = [start + n for start, n in zip(last.dataoffsets, last.databytecounts, strict=False)]
            needed = max([needed, *ends])
    if size < needed:
        raise UserError(
            f"{path} is truncated: its header promises {needed:,} bytes, the file has {size:,}. Copy it again."
        )


def _next_page(file: tifffile.TiffFile) -> int:
    """The offset that the last readable page gives for the next one."""
    place = file.pages.next_page_offset
    if place is None:
        return 0
    file.filehandle.seek(place)
    raw = file.filehandle.read(file.tiff.offsetsize)
    if len(raw) < file.tiff.offsetsize:
        return place + file.tiff.offsetsize
    return int(struct.unpack(file.tiff.offsetformat, raw)[0])


def _voxel_size(file: tifffile.TiffFile) -> VoxelSize | None:
    if file.is_ome:
        return _ome_voxel_size(file.ome_metadata or "")
    if file.is_imagej:
        notes = file.imagej_metadata or {}
        factor = angstrom_per_unit(str(notes.get("unit", "")))
        tags = file.pages.first.tags
        if factor is None or "XResolution" not in tags or "YResolution" not in tags:
            return None
        x, y = (_inverse(tags[f"{axis}Resolution"].value) for axis in "XY")
        return clean_voxel_size([float(notes.get("spacing", x)) * factor, y * factor, x * factor])
    return None


def _ome_voxel_size(xml: str) -> VoxelSize | None:
    try:
        image = tifffile.xml2dict(xml)["OME"]["Image"]
        pixels = (image[0] if isinstance(image, list) else image)["Pixels"]
    except Exception:  # notes that are no proper XML: the voxels are still good
        return None
    sizes = []
    for axis in "ZYX":
        factor = angstrom_per_unit(str(pixels.get(f"PhysicalSize{axis}Unit", "µm")))
        if f"PhysicalSize{axis}" not in pixels or factor is None:
            return None
        sizes.append(float(pixels[f"PhysicalSize{axis}"]) * factor)
    return clean_voxel_size(sizes)


def _inverse(rational: tuple[int, int]) -> float:
    """Units per pixel from TIFF's pixels per unit (numerator, denominator); 0 where there is none."""
    return rational[1] / rational[0] if rational[0] else 0.0
