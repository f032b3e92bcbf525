"""The Gabor bank and the choice among its filters."""

import numpy as np
import pytest

from engine.features.filters import gabor_bank, keep_strongest


def test_numbers_of_the_regression_check():
    bank = gabor_bank(5, 3)
    assert bank.shape == (27, 125)
    assert bank.dtype == np.float32
    boxes = bank.reshape(27, 5, 5, 5)
    places = [(9, 2, 3, 2), (9, 3, 2, 2), (3, 3, 2, 2), (1, 2, 2, 3), (0, 0, 0, 0)]
    wanted = [0.526411, -0.402897, 0.526411, 0.526411, 0.001171]
    np.testing.assert_allclose([boxes[place] for place in places], wanted, atol=1e-6)
    window = np.sin(0.1 + 0.37 * np.arange(125))
    responses = (bank @ window)[[0, 3, 9, 12, 15, 24]]
    np.testing.assert_allclose(responses, [-0.073963, 0.796259, 0.063842, 1.878486, -4.048054, 4.576156], atol=2e-6)


def test_one_sinusoid_is_the_envelope_alone():
    bank = gabor_bank(5, 1).reshape(5, 5, 5)
    z, y, x = np.indices((5, 5, 5)) - 2
    np.testing.assert_allclose(bank, np.exp(-9 * (z**2 + y**2 + x**2) / 16), rtol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_strongest_are_those_whose_responses_vary_most(seed):
    random = np.random.default_rng(seed)
    windows = random.normal(size=(500, 125)) @ random.normal(size=(125, 125))
    bank = gabor_bank(5, 4)
    deviations = (windows @ bank.T.astype(float)).std(0)
    kept = keep_strongest(bank, np.cov(windows.T, bias=True), 20)
    np.testing.assert_array_equal(kept, np.argsort(deviations, kind="stable")[-20:])
    assert (np.diff(deviations[kept]) >= 0).all()
