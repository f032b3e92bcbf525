"""Half-turns, mirrors and intensity of patches."""

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from engine.training.augmentation import Augmentation, half_turn, mirrored, with_intensity

PATCH = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)


def test_a_half_turn_about_the_tilt_axis_flips_z_and_x_together():
    assert (half_turn(PATCH, "y") == PATCH[::-1, :, ::-1]).all()
    batch = torch.from_numpy(np.stack([PATCH, PATCH + 1]))[:, None]
    assert (half_turn(batch, "y").numpy() == batch.numpy()[:, :, ::-1, :, ::-1]).all()


def test_half_turns_are_turns_of_the_specimen():
    cube = np.random.default_rng(0).normal(size=(5, 5, 5))
    index = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing="ij"), -1).reshape(-1, 3) - 2  # z, y, x
    for axis in "zyx":
        turn = Rotation.from_rotvec(np.pi * np.array([axis == a for a in "xyz"]))
        places = np.rint(turn.apply(index[:, ::-1])[:, ::-1]).astype(int) + 2
        turned = np.empty_like(cube)
        turned[tuple(places.T)] = cube[tuple((index + 2).T)]
        assert (half_turn(cube, axis) == turned).all()
        assert (half_turn(half_turn(cube, axis), axis) == cube).all()


def test_a_mirror_is_none_of_the_half_turns():
    assert (mirrored(PATCH) == PATCH[:, :, ::-1]).all()
    assert not any((mirrored(PATCH) == half_turn(PATCH, axis)).all() for axis in "zyx")


def test_half_of_the_patches_are_turned_and_labels_alike():
    augmentation = Augmentation("tilt axis")
    generator = np.random.default_rng(0)
    turned = 0
    for _ in range(400):
        density, labels = augmentation.apply(PATCH, PATCH.astype(np.int64), generator)
        assert (density == labels).all()
        turned += int((density == half_turn(PATCH, "y")).all())
    assert 160 < turned < 240


def test_all_axes_gives_four_ways_alike_and_never_a_mirror():
    generator = np.random.default_rng(1)
    ways = [PATCH, *(half_turn(PATCH, axis) for axis in "zyx")]
    counts = np.zeros(4, int)
    for _ in range(400):
        density, labels = Augmentation("all axes").apply(PATCH, PATCH, generator)
        assert (density == labels).all()
        counts += [(density == way).all() for way in ways]
    assert counts.sum() == 400 and counts.min() > 70


def test_nothing_is_done_unless_asked():
    density, labels = Augmentation("none").apply(PATCH, PATCH, np.random.default_rng(2))
    assert density is PATCH and labels is PATCH


def test_intensity_changes_densities_only_and_within_its_limits():
    generator = np.random.default_rng(3)
    zeros = np.zeros((16, 16, 16), np.float32)
    offsets = [float(with_intensity(zeros, 0.0, 0.3, 0.0, generator)[0, 0, 0]) for _ in range(200)]
    assert -0.3 <= min(offsets) < -0.2 and 0.2 < max(offsets) <= 0.3
    gains = [float(with_intensity(zeros + 1, 0.2, 0.0, 0.0, generator)[0, 0, 0]) for _ in range(200)]
    assert 0.8 <= min(gains) < 0.85 and 1.15 < max(gains) <= 1.2
    spread = [with_intensity(zeros, 0.0, 0.0, 0.5, generator).std() for _ in range(20)]
    assert max(spread) < 0.55 and min(spread) < 0.25 < max(spread)
    density, labels = Augmentation("none", gain=0.1, offset=0.1, noise=0.1).apply(PATCH, PATCH, generator)
    assert density.dtype == np.float32 and (labels == PATCH).all() and not (density == PATCH).any()
