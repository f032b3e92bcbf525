"""Limits of the display and the types of label slices."""

import zlib

import numpy as np
import pytest

from dashboard.viewer import quantise
from engine.volumes import sample_statistics


def test_limits_hold_the_percentiles_and_stay_within_what_occurs():
    values = np.random.default_rng(0).normal(size=(8, 64, 64)).astype(np.float32)
    statistics = sample_statistics(values)
    low, high = quantise.display_limits(statistics)
    assert statistics.minimum <= low < statistics.percentiles[0.05]
    assert statistics.percentiles[99.95] < high <= statistics.maximum
    assert low < quantise.auto_limits(statistics)[0] < quantise.auto_limits(statistics)[1] < high


def test_one_gold_bead_does_not_take_the_grey_values():
    values = np.random.default_rng(0).normal(size=(8, 64, 64)).astype(np.float32)
    values[4, 5, 6] = -1e6
    low, high = quantise.display_limits(sample_statistics(values))
    assert -10 < low < high < 10


@pytest.mark.parametrize("constant", [0.0, 7.5, -3.0, 1e6, 1e17, -3e38])
def test_constant_volume_is_in_the_middle(constant):
    statistics = sample_statistics(np.full((2, 3, 4), constant, dtype=np.float32))
    low, high = quantise.display_limits(statistics)
    assert low < constant < high
    assert quantise.auto_limits(statistics) == (low, high)


def test_volume_of_nothing_but_nan_has_limits():
    low, high = quantise.display_limits(sample_statistics(np.full((2, 3, 4), np.nan, dtype=np.float32)))
    assert low < high


@pytest.mark.parametrize(
    ("minimum", "maximum", "name"),
    [(-1, 127, "int8"), (0, 128, "int16"), (-1, 32767, "int16"), (0, 32768, "int32"), (0, 2**31 - 1, "int32")],
)
def test_smallest_label_type(minimum, maximum, name):
    assert quantise.label_dtype(minimum, maximum).name == name


def test_labels_survive_encoding():
    plane = np.array([[-1, 0, 1], [400, 5, 70000]], dtype=np.int64)
    body, name = quantise.encode_labels(plane)
    assert np.array_equal(np.frombuffer(zlib.decompress(body), name).reshape(2, 3), plane)


def test_labels_beyond_32_bits_are_refused():
    with pytest.raises(ValueError, match="32 bits"):
        quantise.label_dtype(0, 2**31)
