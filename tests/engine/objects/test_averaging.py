"""The running average against the plain mean of boxes, and turned particles that lie on top of each other again."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from engine.errors import UserError
from engine.objects import rotation_from_relion
from engine.objects.averaging import sum_planes

BOX = 21
DISC = np.add.outer((np.arange(BOX) - 10) ** 2, (np.arange(BOX) - 10) ** 2) <= (BOX / 2) ** 2
POINTS = np.array([[0, 0, 0], [5, 0, 0], [0, 7, 0], [0, 0, 3], [4, 4, 0]], dtype=float)  # x, y, z from the centre


def particle(rotation: Rotation) -> np.ndarray:
    """Blobs at R·r for each r of POINTS: a particle that was turned by R."""
    cube = np.zeros((BOX,) * 3)
    for place in rotation.apply(POINTS):
        grid = np.meshgrid(*[np.arange(BOX) - 10.0] * 3, indexing="ij")  # z, y, x
        cube += np.exp(-sum((g - p) ** 2 for g, p in zip(grid, place[::-1], strict=True)) / 6)
    return cube.astype(np.float32)


def test_without_orientations_it_is_the_mean_of_normalised_planes() -> None:
    volume = np.random.default_rng(0).normal(size=(50, 60, 70)).astype(np.float32)
    centres = np.array([[20, 30, 40], [25, 20.4, 33], [24, 40, 20]])
    found = sum_planes(volume, centres, BOX)
    wanted = np.zeros((3, BOX, BOX))
    for z, y, x in np.rint(centres).astype(int):
        box = volume[z - 10 : z + 11, y - 10 : y + 11, x - 10 : x + 11]
        planes = np.stack([box[10], box[:, 10], box[:, :, 10]])
        seen = planes[:, DISC]
        wanted += np.where(DISC, (planes - seen.mean()) / seen.std(), 0)
    assert found.count == 3
    np.testing.assert_allclose(found.mean(), wanted / 3, atol=1e-4)


def test_turned_particles_come_back_to_where_they_were() -> None:
    angles = np.random.default_rng(1).uniform((0, 0, 0), (360, 180, 360), size=(12, 3))
    rotations = rotation_from_relion(angles)
    volume = np.concatenate([particle(r) for r in rotations])
    centres = np.array([[BOX * i + 10, 10, 10] for i in range(len(angles))])
    upright = particle(Rotation.identity())
    wanted = np.stack([upright[10], upright[:, 10], upright[:, :, 10]])

    def likeness(planes: np.ndarray) -> float:
        return float(np.corrcoef(planes[:, DISC].ravel(), wanted[:, DISC].ravel())[0, 1])

    turned = sum_planes(volume, centres, BOX, rotations)
    assert turned.count == 12
    assert likeness(turned.planes) > 0.99
    assert likeness(sum_planes(volume, centres, BOX).planes) < 0.9
    assert likeness(sum_planes(volume, centres, BOX, rotations.inv()).planes) < 0.9  # the other way round is wrong


def test_identity_is_no_turn() -> None:
    volume = np.random.default_rng(2).normal(size=(30, 30, 30)).astype(np.float32)
    centres = np.array([[15, 15, 15], [3, 15, 28]])  # the second is padded
    plain = sum_planes(volume, centres, 12)
    turned = sum_planes(volume, centres, 12, Rotation.identity(2))
    assert plain.planes.shape == (3, 13, 13)
    np.testing.assert_allclose(plain.planes[:, 2:-2, 2:-2][:, 4, 4], turned.planes[:, 2:-2, 2:-2][:, 4, 4], atol=0.5)
    one, other = (sum_planes(volume, centres[:1], 12, r) for r in (None, Rotation.identity(1)))
    np.testing.assert_allclose(one.planes, other.planes, atol=1e-5)


def test_what_cannot_be_cut_is_left_out() -> None:
    volume = np.ones((30, 30, 30), dtype=np.float32)
    volume[:15] = np.random.default_rng(3).normal(size=(15, 30, 30))
    volume[2, 2, 2] = np.nan
    centres = np.array([[8, 15, 15], [25, 15, 15], [99, 0, 0], [2, 2, 2], [np.nan, 1, 1]])
    for rotations in (None, Rotation.identity(5)):
        assert sum_planes(volume, centres, 7, rotations).count == 1
    assert sum_planes(volume, np.empty((0, 3)), 7).mean().shape == (3, 7, 7)


def test_sums_of_other_sizes_are_added_up() -> None:
    smooth = gaussian_filter(np.random.default_rng(4).normal(size=(60, 60, 60)), 3).astype(np.float32)
    whole = sum_planes(smooth, np.array([[30, 30, 30]]), 33)
    binned = smooth[:60].reshape(20, 3, 20, 3, 20, 3).mean((1, 3, 5))
    small = sum_planes(binned, np.array([[10, 10, 10]]), 11)  # its centre is voxel 31 of the other
    both = whole.resized(11) + small
    assert both.count == 2 and both.planes.shape == (3, 11, 11)
    inner = (slice(None), slice(3, 8), slice(3, 8))
    assert np.corrcoef(whole.resized(11).planes[inner].ravel(), small.planes[inner].ravel())[0, 1] > 0.8


def test_refused() -> None:
    with pytest.raises(UserError, match="2 objects have 1 orientations"):
        sum_planes(np.zeros((5, 5, 5)), np.zeros((2, 3)), 3, Rotation.identity(1))
    with pytest.raises(UserError, match="box"):
        sum_planes(np.zeros((5, 5, 5)), np.zeros((2, 3)), 0)
