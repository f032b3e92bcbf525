"""Reading MRC files: plain ones as a memory map, .gz and .bz2 unpacked into memory. Header: `mrc_header`."""

import bz2
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from engine.errors import UserError, explain_os_errors, os_error_sentence
from engine.volumes.info import VolumeInfo, voxel_size_warnings
from engine.volumes.mrc_header import HEADER_BYTES, MrcHeader, parse_header

GZIP_MAGIC = b"\x1f\x8b"
BZIP2_MAGIC = b"BZh"
# Unpacked in pieces so that a damaged stream is found before all memory is asked for.
PIECE_BYTES = 16 * 1024 * 1024


def read_mrc_info(path: Path, magic: bytes) -> VolumeInfo:
    """What the header of an MRC file says; of a compressed file only the start is unpacked.

    Raises
    ------
    UserError
        Not MRC, complex, truncated.
    """
    header = _checked_header(path, magic)
    return _info(path, header, magic)


def open_mrc(path: Path, magic: bytes) -> tuple[VolumeInfo, np.ndarray]:
    """The header and the voxels [z, y, x] of an MRC file: a read-only memory map unless it is compressed.

    Raises
    ------
    UserError
        Not MRC, complex, truncated, a damaged compressed stream, too large for memory once unpacked.
    """
    header = _checked_header(path, magic)
    if is_compressed(magic):
        stored = _unpack(path, magic, header)
    else:
        with explain_os_errors(path, "read"):
            stored = np.memmap(path, header.dtype, "r", header.offset, header.stored_shape)
    return _info(path, header, magic), stored.transpose(header.to_zyx)


def is_compressed(magic: bytes) -> bool:
    """Whether the first bytes of a file are those of gzip or bzip2."""
    return magic.startswith((GZIP_MAGIC, BZIP2_MAGIC))


def _info(path: Path, header: MrcHeader, magic: bytes) -> VolumeInfo:
    size = path.stat().st_size
    warnings = header.warnings + voxel_size_warnings(header.voxel_size)
    compressed = is_compressed(magic)
    surplus = size - header.offset - header.data_bytes
    if not compressed and surplus > 0:
        warnings += (f"The file is {surplus:,} bytes longer than its header says; the rest was ignored.",)
    return VolumeInfo(
        path=path,
        format="mrc",
        shape=header.shape,
        dtype=header.dtype.name,
        voxel_size=header.voxel_size,
        origin=header.origin,
        size_on_disk=size,
        dataset=None,
        memory_mapped=not compressed,
        warnings=warnings,
    )


def _checked_header(path: Path, magic: bytes) -> MrcHeader:
    with _explained(path):
        with _open_stream(path, magic) as stream:
            raw = stream.read(HEADER_BYTES)
        size = path.stat().st_size
    if len(raw) < HEADER_BYTES:
        raise UserError(
            f"{path} is not a volume that can be read: its {len(raw)} bytes are less than an MRC header "
            f"({HEADER_BYTES} bytes). Copy it again or remove it."
        )
    header = parse_header(raw, str(path))
    needed = header.offset + header.data_bytes
    if not is_compressed(magic) and size < needed:
        raise UserError(
            f"{path} is truncated: its header promises {needed:,} bytes, the file has {size:,}. Copy it again."
        )
    return header


def _open_stream(path: Path, magic: bytes) -> BinaryIO:
    if magic.startswith(GZIP_MAGIC):
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if magic.startswith(BZIP2_MAGIC):
        return bz2.open(path, "rb")  # type: ignore[return-value]
    return open(path, "rb")


def _unpack(path: Path, magic: bytes, header: MrcHeader) -> np.ndarray:
    voxels = bytearray()
    try:
        with _explained(path), _open_stream(path, magic) as stream:
            _skip(stream, header.offset)
            while len(voxels) < header.data_bytes:
                piece = stream.read(min(PIECE_BYTES, header.data_bytes - len(voxels)))
                if not piece:
                    break
                voxels += piece
    except MemoryError as error:
        raise UserError(
            f"{path} needs {header.data_bytes / 1e9:.1f} GB of memory once unpacked: unpack it on disk instead."
        ) from error
    if len(voxels) < header.data_bytes:
        raise UserError(
            f"{path} is truncated: its header promises {header.offset + header.data_bytes:,} bytes, "
            "unpacked it has "
            f"{header.offset + len(voxels):,}. Copy it again."
        )
    stored = np.frombuffer(voxels, header.dtype).reshape(header.stored_shape)
    stored.flags.writeable = False
    return stored


def _skip(stream: BinaryIO, count: int) -> None:
    while count > 0:
        piece = stream.read(min(PIECE_BYTES, count))
        if not piece:
            return
        count -= len(piece)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What the system or a damaged compressed stream says, as one sentence."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise UserError(os_error_sentence(error, path, "read")) from error
        # gzip and bz2 raise OSErrors of their own, without a number, for damaged streams.
        raise UserError(f"{path} is damaged or truncated: it cannot be unpacked ({error}). Copy it again.") from error
