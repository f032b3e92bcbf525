"""The maps of PickET's regression checks."""

import numpy as np
import pytest


@pytest.fixture
def balls() -> np.ndarray:
    """Label map with four balls, two of which touch: 647 voxels of label 1."""
    z, y, x = np.indices((20, 24, 30))
    labels = np.zeros((20, 24, 30), np.int8)
    for c, r in (((10, 8, 8), 4), ((10, 8, 14), 4), ((10, 17, 24), 3), ((2, 18, 6), 2)):
        labels[(z - c[0]) ** 2 + (y - c[1]) ** 2 + (x - c[2]) ** 2 <= r * r] = 1
    return labels


@pytest.fixture
def blobs() -> np.ndarray:
    """A mask of many blobs that touch each other and the faces."""
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(40, 48, 52)), 2.5)
    return smooth > 0.6 * smooth.std()


@pytest.fixture
def plate() -> np.ndarray:
    """A mask with one flat object of 6×20×20 voxels."""
    mask = np.zeros((20, 40, 40), bool)
    mask[7:13, 10:30, 10:30] = True
    return mask
