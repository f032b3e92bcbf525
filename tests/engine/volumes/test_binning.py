"""Block means, and where coordinates go."""

import numpy as np
import pytest

from engine.errors import UserError
from engine.volumes import bin_volume, binned_coordinate, unbinned_coordinate, voxel_size_problem


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_block_means(factor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.volumes.binning.SLAB_BYTES", 300)
    data = np.random.default_rng(0).normal(size=(7, 8, 9)).astype(np.float32)
    found = bin_volume(data, factor)
    assert found.shape == tuple(n // factor for n in data.shape) and found.dtype == np.float32
    z, y, x = (n // factor - 1 for n in data.shape)
    block = data[z * factor :, y * factor :, x * factor :][:factor, :factor, :factor]
    assert found[z, y, x] == pytest.approx(block.mean(), abs=1e-6)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_blob_lands_where_the_rule_says(factor: int) -> None:
    z, y, x = np.mgrid[:48, :48, :48]
    centre = (20.3, 25.1, 22.8)
    blob = np.exp(-((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2) / (2 * 5**2))
    small = bin_volume(blob, factor)
    grids = np.mgrid[: small.shape[0], : small.shape[1], : small.shape[2]]
    found = [(grid * small).sum() / small.sum() for grid in grids]
    np.testing.assert_allclose(found, binned_coordinate(centre, factor), atol=0.02)
    np.testing.assert_allclose(unbinned_coordinate(binned_coordinate(centre, factor), factor), centre)


def test_impossible_factors() -> None:
    for factor in (0, -1, 5):
        with pytest.raises(UserError, match=f"Binning by {factor}"):
            bin_volume(np.zeros((4, 9, 9)), factor)


@pytest.mark.parametrize(
    ("voxel_size", "words"),
    [
        (None, "no voxel size"),
        ((0.0, 0.0, 0.0), "no voxel size"),
        ((float("nan"), 1.0, 1.0), "no voxel size"),
        ((1.0, 1.0, 1.0), "exactly 1 Å"),
        ((0.05, 0.05, 0.05), "below 0.1"),
        ((500.0, 500.0, 500.0), "above 200"),
        ((500.0, 10.0, 10.0), "above 200"),
        ((30.0, 10.0, 10.0), "10 × 10 × 30 Å"),
    ],
)
def test_doubtful_voxel_sizes(voxel_size, words: str) -> None:
    assert words in (voxel_size_problem(voxel_size) or "")


def test_good_voxel_sizes() -> None:
    for size in ((10.0, 10.0, 10.0), (13.48, 13.48, 13.48), (0.4, 0.45, 0.46)):
        assert voxel_size_problem(size) is None
