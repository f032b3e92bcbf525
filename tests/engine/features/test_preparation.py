import numpy as np
import pytest
from scipy import ndimage

from engine.errors import UserError
from engine.features import blur, normalise


def test_the_kernel_is_picket_s():
    impulse = np.zeros((21, 21, 21), np.float32)
    impulse[10, 10, 10] = 1
    line = blur(impulse)[10, 10, 10:19].astype(float)
    half = [0.199475, 0.176036, 0.120987, 0.064760, 0.026996, 0.008764, 0.002216, 0.000436, 0.000067]
    np.testing.assert_allclose(line / half[0] ** 2, half, atol=2e-6)
    assert blur(impulse)[10, 10, 19] == 0


def test_blurred_and_normalised_phantom_a(phantom_a):
    blurred = blur(phantom_a)
    assert blurred.dtype == np.float32
    assert blurred[0, 0, 0] == pytest.approx(0.524528, abs=1e-6)
    assert blurred[5, 5, 5] == pytest.approx(1.670136, abs=1e-6)
    assert blurred.min() == pytest.approx(-0.576597, abs=1e-6)
    assert blurred.max() == pytest.approx(1.757541, abs=1e-6)
    assert np.unravel_index(blurred.argmax(), blurred.shape) == (6, 10, 14)

    scaled = normalise(blurred)
    assert scaled.dtype == np.float32
    assert scaled[0, 0, 0] == pytest.approx(0.471748, abs=1e-6)
    assert scaled[5, 5, 5] == pytest.approx(0.962554, abs=1e-6)
    assert scaled[11, 15, 19] == pytest.approx(0.170161, abs=1e-6)
    assert scaled.mean() == pytest.approx(0.349572, abs=1e-6)
    assert blurred.max() == pytest.approx(1.757541, abs=1e-6), "the input was changed"


def test_normalised_phantom_b(phantom_b):
    scaled = normalise(blur(phantom_b))
    assert scaled[0, 0, 0] == pytest.approx(0.456470, abs=1e-6)
    assert scaled[15, 21, 28] == pytest.approx(0.986705, abs=1e-6)
    assert scaled.mean() == pytest.approx(0.232646, abs=1e-6)
    assert (scaled.min(), scaled.max()) == (0, 1)


def test_integers_are_blurred_as_floats():
    values = np.array([-100, 0, 100], np.int8)
    volume = np.broadcast_to(values, (9, 9, 3)).copy()
    blurred = blur(volume)
    np.testing.assert_array_equal(blurred, blur(volume.astype(np.float32)))
    scaled = normalise(volume)
    np.testing.assert_allclose(scaled[0, 0], [0, 0.5, 1], atol=1e-7)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "float16", "float32", "float64"])
def test_same_as_scipy_on_any_type_and_number_of_threads(dtype):
    volume = np.random.default_rng(0).integers(0, 100, (9, 30, 17)).astype(dtype)
    expected = ndimage.gaussian_filter(volume.astype(np.float32), 2.0, radius=8, mode="reflect")
    for threads in (1, 2, 5):
        np.testing.assert_array_equal(blur(volume, threads), expected)


def test_big_endian_input():
    volume = np.random.default_rng(0).normal(size=(9, 12, 11)).astype(">f4")
    np.testing.assert_array_equal(blur(volume), blur(volume.astype(np.float32)))


def test_a_constant_volume_is_refused():
    with pytest.raises(UserError, match=r"constant .* 3"):
        normalise(blur(np.full((8, 8, 8), 3, np.int16)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_counted(bad):
    volume = np.zeros((8, 8, 8), np.float32)
    volume[1, 2, 3] = volume[4, 5, 6] = bad
    with pytest.raises(UserError, match="2 of the 512 densities are not finite"):
        blur(volume)


def test_other_dimensions_and_complex_numbers_are_refused():
    with pytest.raises(UserError, match="shape 8 × 8"):
        blur(np.zeros((8, 8), np.float32))
    with pytest.raises(UserError, match="complex64"):
        blur(np.zeros((8, 8, 8), np.complex64))


def test_densities_whose_range_leaves_32_bits_are_refused_with_both_ends() -> None:
    volume = np.array([[[-3e38, 0.0, 3e38]]], np.float32)
    with pytest.raises(UserError, match=r"reach -3e\+38 … 3e\+38, too large for 32-bit"):
        normalise(volume)
    assert normalise(volume / 2).tolist() == [[[0.0, 0.5, 1.0]]]
