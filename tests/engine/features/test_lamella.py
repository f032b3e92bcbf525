"""The slices that hold the specimen, from the local variance along z."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from engine.errors import UserError
from engine.features import suggest_lamella
from engine.volumes import open_volume


def slab(depth: int, first: int, last: int, seed: int = 0) -> np.ndarray:
    """Noise everywhere, small dark cubes between two slices."""
    random = np.random.default_rng(seed)
    volume = random.normal(size=(depth, 80, 90)).astype(np.float32)
    for z, y, x in random.integers((first, 3, 3), (last, 76, 86), (6 * (last - first), 3)):
        volume[z : z + 3, y - 3 : y + 3, x - 3 : x + 3] -= 3
    return volume


@pytest.mark.parametrize(("first", "last"), [(12, 40), (0, 30), (25, 60)])
def test_bounds_of_a_lamella(first, last):
    found = suggest_lamella(slab(64, first, last))
    assert abs(found.lower - first) <= 4
    assert abs(found.upper - min(last + 2, 64)) <= 4
    assert f"Slices {found.lower} to {found.upper - 1}" in found.reason
    assert len(found.spread) == 64


@pytest.mark.parametrize("scale", [1e-3, 1, -50.0])
def test_scale_and_contrast_do_not_matter(scale):
    plain, changed = (suggest_lamella(slab(64, 12, 40) * s + 7 * (s != 1)) for s in (1, scale))
    assert abs(plain.lower - changed.lower) <= 1
    assert abs(plain.upper - changed.upper) <= 1


def test_where_nothing_stands_out_all_is_suggested():
    noise = np.random.default_rng(0).normal(size=(40, 128, 128))
    for volume in (noise, gaussian_filter(noise, 2, mode="wrap"), np.zeros((30, 20, 20))):
        found = suggest_lamella(volume)
        assert (found.lower, found.upper) == (0, len(volume))
        assert "take all" in found.reason


def test_gold_does_not_decide():
    volume = slab(64, 20, 44)
    volume[2:8, 10:18, 10:18] -= 60
    found = suggest_lamella(volume)
    assert found.lower >= 14


def test_a_slice_too_small_to_look_at():
    with pytest.raises(UserError, match="3 × 40 voxels is too small"):
        suggest_lamella(np.zeros((20, 3, 40)))


@pytest.mark.parametrize("name", ["sim_001", "sim_002", "sim_003"])
def test_simulated_tomograms(name):
    data = Path(os.environ.get("TOMODECK_TEST_DATA", "../shared/data"))
    path = data / "simulated" / f"{name}.mrc"
    if not path.exists():
        pytest.skip(f"{path} is not here: set TOMODECK_TEST_DATA")
    with open_volume(path) as volume:
        found = suggest_lamella(volume)
    # Particles have their centres in 19 … 108.
    assert 12 <= found.lower <= 20
    assert 107 <= found.upper <= 116


@pytest.mark.parametrize(("first", "last"), [(0, 30), (34, 64)])
def test_a_lamella_that_reaches_the_end_is_not_cut_short(first, last):
    volume = np.random.default_rng(3).normal(size=(64, 80, 90))
    volume[first:last] *= 1.5
    found = suggest_lamella(volume)
    assert (found.lower == 0, found.upper == 64) == (first == 0, last == 64)


def test_fainter_slices_inside_give_no_bounds_at_the_ends():
    volume = np.random.default_rng(3).normal(size=(48, 80, 90))
    volume[20:24] *= 0.8
    found = suggest_lamella(volume)
    assert (found.lower, found.upper) == (0, 48)
    assert "take all" in found.reason
