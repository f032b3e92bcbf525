"""The two phantoms of the regression checks, and PickET's plain definition of S1 (intensities, k-means)."""

import numpy as np
from sklearn.cluster import KMeans

from engine.features import blur, normalise


def waves_and_balls(shape: tuple[int, int, int], centres: list[tuple[int, int, int]]) -> np.ndarray:
    z, y, x = np.indices(shape).astype(float)
    volume = np.sin(0.9 * z) * np.cos(0.7 * y) + 0.5 * np.sin(0.8 * x + 0.3 * y)
    for c in centres:
        volume += 6 * np.exp(-((z - c[0]) ** 2 + (y - c[1]) ** 2 + (x - c[2]) ** 2) / 6)
    return volume.astype(np.float32)


A = waves_and_balls((12, 16, 20), [(5, 5, 5), (6, 10, 14)])
B = waves_and_balls((24, 32, 40), [(8, 9, 10), (15, 21, 28)])
