import numpy as np
import pytest
from scipy import ndimage

from engine.errors import UserError
from engine.instances import darkness


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(50, 7, (30, 40, 50))


def test_noise_has_unit_spread_around_zero(noise):
    found = darkness(noise, 1.5)
    assert found.dtype == np.float32
    assert np.median(found) == pytest.approx(0, abs=1e-6)
    assert found.std() == pytest.approx(1, abs=0.05)


def test_equal_to_the_plain_definition(noise):
    blurred = ndimage.gaussian_filter(noise.astype(np.float32), 2)
    apart = np.median(blurred) - blurred
    np.testing.assert_allclose(darkness(noise, 2), apart / (1.4826 * np.median(np.abs(apart))), atol=1e-4)


def test_scale_and_offset_do_not_matter_and_bright_turns_the_sign(noise):
    found = darkness(noise)
    np.testing.assert_allclose(darkness(3 * noise - 100), found, atol=1e-3)
    np.testing.assert_allclose(darkness(noise, bright=True), -found, atol=1e-6)


def test_whole_numbers_are_not_blurred_as_such(noise):
    whole = np.rint(noise).astype(np.int8)
    np.testing.assert_array_equal(darkness(whole), darkness(whole.astype(np.float64)))


def test_a_dark_particle_hardly_moves_the_scale(noise):
    dark = noise.copy()
    dark[10:20, 10:20, 10:20] -= 40
    found, before = darkness(dark), darkness(noise)
    assert found[15, 15, 15] > 30
    far = (slice(None), slice(None), slice(35, None))
    assert np.abs(np.median(found[far]) - np.median(before[far])) < 0.2
    assert found[far].std() == pytest.approx(before[far].std(), rel=0.2)


@pytest.mark.parametrize(
    ("density", "sigma", "said"),
    [
        (np.zeros((3, 4)), 2, "three dimensions"),
        (np.zeros((3, 4, 5)), 2, "More than half of the densities are the same"),
        (np.full((3, 4, 5), np.nan), 2, "not finite"),
        (np.ones((3, 4, 5)), -1, "The blur is -1 voxels"),
    ],
)
def test_what_a_person_can_cause(density, sigma, said):
    with pytest.raises(UserError, match=said):
        darkness(density, sigma)
