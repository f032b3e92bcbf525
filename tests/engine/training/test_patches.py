"""Patches from arrays and files of all types: reflection, normalisation, what cannot be used."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from engine.errors import UserError
from engine.training.augmentation import Augmentation
from engine.training.patches import Failure, PatchBatches, PatchSource, PatchStream, Request, read_patch
from engine.training.sampling import EXAMPLES, TRAINING, VALIDATION, BalancedSampler, Place, Places
from engine.volumes import write_mrc

SHAPE = (12, 20, 24)


def sampler_of(shapes, count=6, shift=2, background=0.3):
    rng = np.random.default_rng(0)
    which = rng.integers(0, len(shapes), count)
    centres = np.array([rng.integers(0, shapes[w]) for w in which], float)
    return BalancedSampler(Places(which, centres, rng.integers(1, 3, count)), shapes, 8, shift, background)


def batches(sources, **options):
    shapes = [s.density.shape for s in sources]
    stream = PatchStream(sources, sampler_of(shapes))
    return PatchBatches(stream, stream, 8, 3, np.array([0, 1, 2]), **options)


def volume(seed=0, dtype=np.float32):
    values = np.random.default_rng(seed).normal(100, 20, SHAPE)
    return values.astype(dtype)


def target(seed=0):
    return np.random.default_rng(seed + 50).integers(0, 3, SHAPE).astype(np.int8)


def test_what_lies_beyond_a_face_is_the_reflection():
    array = np.arange(5 * 4 * 3).reshape(5, 4, 3)
    cut = read_patch(array, (1, -2, -3), 4)
    padded = np.pad(array, ((0, 4), (2, 4), (3, 4)), mode="reflect")
    assert (cut == padded[1:5, 0:4, 0:4]).all()
    single = read_patch(np.arange(4).reshape(1, 2, 2), (-4, 0, 0), 8)
    assert single.shape == (8, 8, 8) and (single == single[0]).all()


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.float16, np.float32])
def test_types_of_tomograms(dtype):
    array = volume(dtype=dtype)
    source = PatchSource("ts1", array, target(), float(array.mean(dtype=float)), float(array.std(dtype=float)))
    made = batches([source], augmentation=Augmentation("none")).make(Request(TRAINING, 0, 0))
    assert made.density.dtype == torch.float32 and made.density.shape == (3, 1, 8, 8, 8)
    assert made.channels.dtype == torch.int64 and made.channels.shape == (3, 8, 8, 8)
    place = sampler_of([SHAPE]).draw(3, np.random.default_rng([0, 0, 0, 0, 0]))[0]
    cut = tuple(slice(s, s + 8) for s in place.start)
    expected = (array[cut].astype(np.float64) - source.mean) / source.deviation
    assert np.allclose(made.density[0, 0].numpy(), expected, atol=1e-5)
    assert (made.channels[0].numpy() == source.target[cut]).all()


def test_each_patch_has_mean_0_and_deviation_1_where_patches_are_normalised():
    made = batches([PatchSource("ts1", volume(), target())], normalisation="patch").make(Request(TRAINING, 0, 1))
    assert made.density.mean((1, 2, 3, 4)).abs().max() < 1e-5
    assert (made.density.std((1, 2, 3, 4), correction=0) - 1).abs().max() < 1e-5


def test_labels_become_channels_and_others_background():
    source = PatchSource("ts1", volume(), np.full(SHAPE, 5, np.int8), 0.0, 1.0)
    table = np.array([0, 0, 0, 0, 0, 2])
    made = batches([source])
    made.channel_of = table
    assert (made.make(Request(TRAINING, 0, 0)).channels == 2).all()


def test_a_constant_corner_is_avoided_and_a_constant_tomogram_named():
    array = volume()
    array[:, :, :12] = 7.0
    made = batches([PatchSource("ts1", array, target())], normalisation="patch").make(Request(TRAINING, 0, 0))
    assert torch.isfinite(made.density).all()
    flat = PatchSource("flat", np.full(SHAPE, 3.0, np.float32), target())
    with pytest.raises(UserError, match="flat holds the same value throughout a patch of 8 voxels"):
        batches([flat], normalisation="patch").make(Request(TRAINING, 0, 0))


def test_not_a_number_names_the_tomogram_and_comes_through_a_worker_as_a_sentence():
    array = volume()
    array[:] = np.nan
    made = batches([PatchSource("broken", array, target())])
    with pytest.raises(UserError, match="broken holds not-a-number"):
        made.make(Request(TRAINING, 0, 0))
    assert isinstance(made[Request(TRAINING, 0, 0)], Failure)


def test_batches_are_the_same_whoever_makes_them(tmp_path):
    sources = []
    for number in range(2):
        write_mrc(tmp_path / f"{number}.mrc", volume(number), (10.0,) * 3)
        write_mrc(tmp_path / f"{number}_target.mrc", target(number), (10.0,) * 3)
        sources.append(PatchSource(str(number), tmp_path / f"{number}.mrc", tmp_path / f"{number}_target.mrc", 100, 20))
    arrays = [PatchSource(str(n), volume(n), target(n), 100, 20) for n in range(2)]
    stream = PatchStream(sources, sampler_of([SHAPE, SHAPE]))
    of_files = PatchBatches(stream, stream, 8, 3, np.array([0, 1, 2]), augmentation=Augmentation("all axes", noise=0.1))
    of_arrays = batches(arrays, augmentation=Augmentation("all axes", noise=0.1))
    wanted = [Request(TRAINING, epoch, step) for epoch in range(2) for step in range(3)] + [Request(VALIDATION, 0, 0)]
    loader = DataLoader(of_files, batch_size=None, sampler=wanted, num_workers=2, collate_fn=lambda made: made)
    for request, (density, channels) in zip(wanted, loader, strict=True):
        alone = of_arrays.make(request)
        assert torch.equal(density, alone.density) and torch.equal(channels, alone.channels)


def test_validation_is_the_same_in_each_epoch_and_never_varied():
    made = batches([PatchSource("ts1", volume(), target(), 100, 20)], augmentation=Augmentation("none", noise=1.0))
    one, other = made.make(Request(VALIDATION, 0, 1)), made.make(Request(VALIDATION, 7, 1))
    assert torch.equal(one.density, other.density) and torch.equal(one.channels, other.channels)
    assert not torch.equal(made.make(Request(TRAINING, 0, 1)).density, made.make(Request(TRAINING, 7, 1)).density)


def test_examples_are_cut_where_they_are_asked_for():
    source = PatchSource("ts1", volume(), target(), 100, 20)
    made = batches([source], examples=[Place(0, (2, 3, 4)), Place(0, (0, 0, 0))])
    assert (made.make(Request(EXAMPLES, 0, 0)).channels[0].numpy() == source.target[2:10, 3:11, 4:12]).all()
