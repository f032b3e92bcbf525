"""Slices as bytes for the browser: densities to 8 bits between limits, labels to the smallest integers.

Takes and returns arrays; opens nothing. Contrast itself is applied in the browser.
"""

import io
import zlib

import numpy as np
from PIL import Image

from engine.errors import UserError
from engine.volumes import Statistics, limits_around

WIDENING = 0.25
"""Part of the percentile range added on either side, so that contrast can be lowered as well as raised."""


def display_limits(statistics: Statistics) -> tuple[float, float]:
    """The densities shown as 0 and 255: the 0.05 and 99.95 % percentiles, widened within what occurs.

    256 grey values between the extremes would leave few for the tomogram where a gold bead stretches them.
    """
    low, high = statistics.percentiles[0.05], statistics.percentiles[99.95]
    margin = WIDENING * (high - low)
    low, high = max(low - margin, statistics.minimum), min(high + margin, statistics.maximum)
    if low < high:
        return low, high
    if statistics.minimum < statistics.maximum:  # nearly constant: a few voxels differ
        return statistics.minimum, statistics.maximum
    return limits_around(low)


def auto_limits(statistics: Statistics) -> tuple[float, float]:
    """The contrast to begin with: the 0.5 and 99.5 % percentiles."""
    low, high = statistics.percentiles[0.5], statistics.percentiles[99.5]
    return (low, high) if low < high else display_limits(statistics)


def label_dtype(minimum: int, maximum: int) -> np.dtype:
    """The smallest signed integers that hold all labels, the border −1 included."""
    for dtype in (np.int8, np.int16, np.int32):
        limits = np.iinfo(dtype)
        if limits.min <= minimum and maximum <= limits.max:
            return np.dtype(dtype)
    raise UserError(f"Labels from {minimum} to {maximum} do not fit 32 bits: renumber them.")


def encode_labels(slice_: np.ndarray) -> tuple[bytes, str]:
    """A slice of labels, deflated, and the name of its type (`int8`, `int16` or `int32`, little-endian)."""
    minimum, maximum = (int(slice_.min()), int(slice_.max())) if slice_.size else (0, 0)
    dtype = label_dtype(minimum, maximum)
    little = np.ascontiguousarray(slice_, dtype=dtype.newbyteorder("<"))
    return zlib.compress(little.tobytes(), 1), dtype.name


def encode_jpeg(slice_: np.ndarray, quality: int) -> bytes:
    """A slice of 8-bit densities as a grey JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(slice_).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
