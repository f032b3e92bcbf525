"""The two phantoms of PickET's regression checks."""

import numpy as np
import pytest


def waves_and_balls(shape: tuple[int, int, int], centres: list[tuple[int, int, int]]) -> np.ndarray:
    z, y, x = np.indices(shape).astype(float)
    volume = np.sin(0.9 * z) * np.cos(0.7 * y) + 0.5 * np.sin(0.8 * x + 0.3 * y)
    for c in centres:
        volume += 6 * np.exp(-((z - c[0]) ** 2 + (y - c[1]) ** 2 + (x - c[2]) ** 2) / 6)
    return volume.astype(np.float32)


@pytest.fixture
def phantom_a() -> np.ndarray:
    return waves_and_balls((12, 16, 20), [(5, 5, 5), (6, 10, 14)])


@pytest.fixture
def phantom_b() -> np.ndarray:
    return waves_and_balls((24, 32, 40), [(8, 9, 10), (15, 21, 28)])


@pytest.fixture
def noisy_balls() -> np.ndarray:
    """Noise and balls in which the clusters are not clear-cut, so that rounding would show."""
    random = np.random.default_rng(7)
    volume = random.normal(size=(22, 38, 33))
    z, y, x = np.indices(volume.shape)
    for c in random.uniform(4, 18, (12, 3)) * (1, 1.7, 1.5):
        volume += 2.0 * ((z - c[0]) ** 2 + (y - c[1]) ** 2 + (x - c[2]) ** 2 < 16)
    return volume.astype(np.float32)
