"""The 1024 bytes at the start of an MRC file: read tolerantly, written by the book.

Source: MRC2014 (Cheng et al., J. Struct. Biol. 192 (2015) 146–150) and, for bytes without a sign, IMOD's
notes on its header (words `imodStamp` and `imodFlags`). Field layout, machine stamps and modes are mrcfile's;
its own reader is not used because it reports what it tolerates through Python's process-wide warnings, which
is not safe between threads. Voxels: `mrc_reading`, `mrc_writing`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mrcfile.constants import MAP_ID
from mrcfile.dtypes import HEADER_DTYPE
from mrcfile.utils import byte_order_from_machine_stamp, dtype_from_mode, machine_stamp_from_byte_order

from engine.errors import UserError
from engine.volumes.info import VoxelSize, clean_voxel_size

HEADER_BYTES = HEADER_DTYPE.itemsize
KNOWN_MODES = (0, 1, 2, 3, 4, 6, 12, 101)
COMPLEX_MODES = (3, 4)
LARGEST_AXIS = 1_000_000
IMOD_STAMP = 1146047817
FIRST_STACK_SPACEGROUP = 401
LAST_STACK_SPACEGROUP = 630


@dataclass(frozen=True)
class MrcHeader:
    """The parts of an MRC header that matter here, translated to [z, y, x].

    Attributes
    ----------
    stored_shape
        Sections, rows, columns as they lie in the file.
    dtype
        With the byte order of the file.
    to_zyx
        The permutation that turns the stored axes into z, y, x.
    offset
        Bytes before the first voxel.
    voxel_size, origin
        (z, y, x) in Å.
    warnings
        What was tolerated.
    """

    stored_shape: tuple[int, int, int]
    dtype: np.dtype
    to_zyx: tuple[int, int, int]
    offset: int
    voxel_size: VoxelSize | None
    origin: VoxelSize
    warnings: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(z, y, x) in voxels."""
        z, y, x = (self.stored_shape[axis] for axis in self.to_zyx)
        return (z, y, x)

    @property
    def data_bytes(self) -> int:
        """Bytes of voxels that the header promises."""
        sections, rows, columns = self.stored_shape
        return sections * rows * columns * self.dtype.itemsize


def parse_header(raw: bytes, name: str) -> MrcHeader:
    """Read the first 1024 bytes of an MRC file.

    Parameters
    ----------
    raw
        At least 1024 bytes.
    name
        The file, for the sentences.

    Raises
    ------
    UserError
        Not an MRC header; complex, 4-bit or unknown mode; a stack of volumes.
    """
    header, warnings = _in_its_byte_order(raw, name)
    mode = int(header["mode"])
    if mode in COMPLEX_MODES:
        raise UserError(
            f"{name} holds complex numbers (MRC mode {mode}, a Fourier transform), not densities: choose another file."
        )
    if mode == 101:
        raise UserError(f"{name} holds 4-bit values (MRC mode 101), which are not read: convert it to bytes first.")
    dtype = _signed_or_not(header, np.dtype(dtype_from_mode(mode)).newbyteorder(header.dtype["mode"].byteorder))
    axes, axis_warning = _axes(header)
    spacegroup, nz, mz = int(header["ispg"]), int(header["nz"]), int(header["mz"])
    if FIRST_STACK_SPACEGROUP <= spacegroup <= LAST_STACK_SPACEGROUP and 0 < mz < nz:
        raise UserError(f"{name} holds a stack of {nz // mz} volumes, not one: split it first.")
    columns_rows_sections = [int(header[field]) for field in ("nx", "ny", "nz")]
    voxel_size = _voxel_size(header, axes)
    return MrcHeader(
        stored_shape=(columns_rows_sections[2], columns_rows_sections[1], columns_rows_sections[0]),
        dtype=dtype,
        to_zyx=tuple(2 - axes.index(code) for code in (3, 2, 1)),  # type: ignore[arg-type]
        offset=HEADER_BYTES + int(header["nsymbt"]),
        voxel_size=voxel_size,
        origin=_origin(header, axes, voxel_size),
        warnings=warnings + axis_warning,
    )


def make_header(
    shape: Sequence[int], dtype: np.dtype, voxel_size: Sequence[float], origin: Sequence[float]
) -> np.ndarray:
    """An MRC2014 header (little-endian, density statistics marked as not determined) as a 0-d record array.

    Parameters
    ----------
    shape
        (z, y, x) in voxels.
    dtype
        One of the types with an MRC mode, see `mode_of`; or uint8, which IMOD's flag marks.
    voxel_size, origin
        (z, y, x) in Å.
    """
    header = np.zeros((), dtype=HEADER_DTYPE.newbyteorder("<"))
    for axis, length, size, start in zip("zyx", shape, voxel_size, origin, strict=True):
        header[f"n{axis}"] = header[f"m{axis}"] = length
        header["cella"][axis] = length * size
        # Adding 0 drops the sign of -0.0, so that the same origin gives the same bytes.
        header["origin"][axis] = start + 0.0
    header["cellb"] = (90.0, 90.0, 90.0)
    header["mapc"], header["mapr"], header["maps"] = 1, 2, 3
    header["mode"] = 0 if dtype == np.uint8 else mode_of(dtype)
    if dtype == np.uint8:
        header["extra2"] = _imod_words(header.dtype["extra2"].itemsize, flags=0)
    header["ispg"] = 1
    header["nversion"] = 20141
    header["map"] = MAP_ID
    header["machst"] = machine_stamp_from_byte_order("<")
    set_statistics(header, 0.0, -1.0, -2.0, -1.0)
    return header


def set_statistics(header: np.ndarray, minimum: float, maximum: float, mean: float, deviation: float) -> None:
    """Fill in the density statistics; maximum below minimum means "not determined"."""
    header["dmin"], header["dmax"], header["dmean"], header["rms"] = minimum, maximum, mean, deviation


def mode_of(dtype: np.dtype) -> int:
    """The MRC mode for a type of voxels.

    Raises
    ------
    ValueError
        The type has none: choose one with `mrc_dtype` first.
    """
    for mode in (0, 1, 2, 6, 12):
        if np.dtype(dtype_from_mode(mode)) == dtype.newbyteorder("="):
            return mode
    raise ValueError(f"MRC has no mode for {dtype}: choose a type with mrc_dtype first")


def _imod_words(length: int, flags: int) -> np.void:
    """Words 39 and 40 (bytes 152 to 160), as a part of what mrcfile's layout counts as unused from byte 112 on.

    Bit 0 of the flags means that bytes have a sign.
    """
    raw = bytearray(length)
    raw[40:48] = np.array([IMOD_STAMP, flags], dtype="<i4").tobytes()
    return np.void(bytes(raw))


def _in_its_byte_order(raw: bytes, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """The header record in the byte order that makes sense, and what had to be tolerated."""
    header = np.frombuffer(raw, dtype=HEADER_DTYPE, count=1)[0:1].reshape(())
    warnings = []
    has_identifier = bytes(header["map"])[:3] == MAP_ID[:3]
    if not has_identifier:
        warnings.append("The map identifier in the header is malformed; read as MRC all the same.")
    try:
        stamped = byte_order_from_machine_stamp(header["machst"])
    except ValueError:
        stamped = None
    for order in (stamped, "<", ">"):
        if order is None:
            continue
        candidate = header.view(HEADER_DTYPE.newbyteorder(order))
        if _is_plausible(candidate, has_identifier):
            if stamped not in (None, order):
                warnings.append("The machine stamp contradicts the byte order of the header; it was ignored.")
            return candidate, tuple(warnings)
    if has_identifier:
        candidate = header.view(HEADER_DTYPE.newbyteorder(stamped or "<"))
        mode, size = int(candidate["mode"]), tuple(int(candidate[field]) for field in ("nx", "ny", "nz"))
        raise UserError(
            f"{name} has an MRC header that cannot be right (mode {mode}, {size[0]} × {size[1]} × {size[2]} "
            "voxels): "
            "the file is damaged or of an unknown mode."
        )
    raise UserError(
        f"{name} is not a volume that can be read: it is no MRC, HDF5 or TIFF file. Check that it is the right file."
    )


def _is_plausible(header: np.ndarray, has_identifier: bool) -> bool:
    lengths = [int(header[field]) for field in ("nx", "ny", "nz")]
    if int(header["mode"]) not in KNOWN_MODES or int(header["nsymbt"]) < 0:
        return False
    if not all(0 < length <= LARGEST_AXIS for length in lengths):
        return False
    codes = sorted(int(header[field]) for field in ("mapc", "mapr", "maps"))
    return has_identifier or codes in ([1, 2, 3], [0, 0, 0])


def _axes(header: np.ndarray) -> tuple[list[int], tuple[str, ...]]:
    """Which axis (1 x, 2 y, 3 z) the columns, rows and sections run along."""
    axes = [int(header[field]) for field in ("mapc", "mapr", "maps")]
    if sorted(axes) == [1, 2, 3]:
        return axes, ()
    return [1, 2, 3], (f"The axis order in the header is {axes}; columns, rows, sections were taken as x, y, z.",)


def _signed_or_not(header: np.ndarray, dtype: np.dtype) -> np.dtype:
    """Mode 0 is signed in MRC2014 unless IMOD's flag or a maximum above 127 says otherwise."""
    if dtype.itemsize != 1:
        return dtype
    order = header.dtype["mode"].byteorder
    order = "<" if order in ("=", "|") else order
    # The flag lies in bytes that mrcfile's layout counts as unused: words 39 and 40 of the file.
    stamp, flags = np.frombuffer(header.tobytes(), dtype=f"{order}i4", count=2, offset=152)
    if int(stamp) == IMOD_STAMP:
        unsigned = not int(flags) & 1
    else:
        low, high = float(header["dmin"]), float(header["dmax"])
        unsigned = low >= 0 and 128 <= high <= 255
    return np.dtype(np.uint8) if unsigned else dtype


def _voxel_size(header: np.ndarray, axes: list[int]) -> VoxelSize | None:
    stored = {code: int(header[field]) for code, field in zip(axes, ("nx", "ny", "nz"), strict=True)}
    sizes = []
    for code, axis in ((3, "z"), (2, "y"), (1, "x")):
        intervals = int(header[f"m{axis}"])
        sizes.append(float(header["cella"][axis]) / (intervals if intervals > 0 else stored[code]))
    return clean_voxel_size(sizes)


def _origin(header: np.ndarray, axes: list[int], voxel_size: VoxelSize | None) -> VoxelSize:
    """The header's origin or, where that is 0, the start indices times the voxel size (the older way)."""
    z, y, x = (float(header["origin"][axis]) + 0.0 for axis in "zyx")
    if not np.isfinite([z, y, x]).all():
        return (0.0, 0.0, 0.0)
    if (z, y, x) == (0.0, 0.0, 0.0) and voxel_size is not None:
        starts = {code: int(header[field]) for code, field in zip(axes, ("nxstart", "nystart", "nzstart"), strict=True)}
        z, y, x = (starts[code] * size for code, size in zip((3, 2, 1), voxel_size, strict=True))
    return (z, y, x)
