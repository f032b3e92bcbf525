"""Normalisation of the whole volume and of surroundings, against the plain definitions; and what cannot be done."""

import numpy as np
import pytest

from engine.errors import UserError
from engine.inference.normalisation import local, normalisation_of, whole_volume
from engine.inference.regions import whole


def noise(shape=(30, 41, 52), offset=0.0, scale=1.0):
    return (offset + scale * np.random.default_rng(0).normal(size=shape)).astype(np.float32)


@pytest.mark.parametrize(("offset", "scale"), [(0, 1), (1e4, 3), (-7, 1e-4)])
def test_whole_volume_is_the_z_score(offset, scale):
    volume = noise(offset=offset, scale=scale)
    found = whole_volume(volume, "ts")
    exact = volume.astype(np.float64)
    assert found.mean == pytest.approx(exact.mean(), rel=1e-9)
    assert found.deviation == pytest.approx(exact.std(), rel=1e-6)
    values = volume.copy()
    found(values, whole(volume.shape))
    assert abs(values.mean()) < 1e-2  # the voxels themselves are rounded
    assert values.std() == pytest.approx(1, abs=1e-3)


def test_integers_are_read_as_numbers():
    volume = np.random.default_rng(0).integers(0, 255, (20, 20, 20)).astype(np.uint8)
    assert whole_volume(volume, "ts").deviation == pytest.approx(volume.std())


def test_local_at_a_corner_is_the_z_score_of_the_patch_about_it():
    volume = noise((48, 48, 48)) * np.linspace(1, 3, 48, dtype=np.float32) + np.arange(48, dtype=np.float32)
    found = local(volume, 16, "ts")
    assert found.cell == 8
    patch = volume[16:32, 8:24, 24:40].astype(np.float64)
    # Corner 3 of z lies at voxel edge 24, in the middle of slices 16 to 32.
    assert found.mean[3, 2, 4] == pytest.approx(patch.mean(), rel=1e-5)
    assert found.deviation[3, 2, 4] == pytest.approx(patch.std(), rel=1e-5)


def test_local_removes_slow_changes_that_the_whole_volume_keeps():
    ramp = np.linspace(0, 50, 96, dtype=np.float32)
    volume = noise((32, 32, 96)) + ramp
    ours = volume.copy()
    local(volume, 24, "ts")(ours, whole(volume.shape))
    blocks = ours.reshape(32, 32, 12, 8).mean(axis=(0, 1, 3))
    assert np.abs(blocks[2:-2]).max() < 0.1


def test_local_gives_every_region_what_the_whole_gives():
    volume = noise((33, 29, 40))
    found = local(volume, 10, "ts")
    everything = volume.copy()
    found(everything, whole(volume.shape))
    region = (slice(3, 20), slice(28, 29), slice(11, 40))
    part = volume[region].copy()
    found(part, region)
    np.testing.assert_allclose(part, everything[region], rtol=1e-5, atol=1e-5)


def test_empty_space_is_not_blown_up():
    volume = noise((32, 32, 64))
    volume[:, :, 32:] = 0
    values = volume.copy()
    local(volume, 8, "ts")(values, whole(volume.shape))
    assert np.isfinite(values).all()
    assert np.abs(values[:, :, 45:]).max() < 5


@pytest.mark.parametrize("kind", ["tomogram", "patch"])
def test_constant_and_broken_volumes_are_named(kind):
    with pytest.raises(UserError, match="ts_01 holds the same value 3 in every voxel"):
        normalisation_of(np.full((20, 20, 20), 3, np.float32), kind, 8, "ts_01")
    broken = noise((20, 20, 20))
    broken[3, 4, 5] = np.nan
    with pytest.raises(UserError, match="ts_01 holds not-a-number"):
        normalisation_of(broken, kind, 8, "ts_01")
