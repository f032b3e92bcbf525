"""A network and batches small enough to train in a fraction of a second."""

import numpy as np
import torch
from torch import nn

from engine.training.augmentation import Augmentation
from engine.training.patches import PatchBatches, PatchSource, PatchStream
from engine.training.sampling import BalancedSampler, Places, step_generator

SHAPE = (16, 24, 24)
CENTRES = {"train": [(5, 6, 7), (10, 16, 8), (8, 9, 18)], "valid": [(9, 9, 9), (6, 17, 15)]}


class Tiny(nn.Module):
    """Two convolutions."""

    multiple_of = 4
    halo = 2

    def __init__(self, classes: int = 2, seed: int = 0):
        super().__init__()
        torch.manual_seed(seed)
        self.first = nn.Conv3d(1, 6, 3, padding=1)
        self.scores = nn.Conv3d(6, classes, 3, padding=1)
        self.classes = classes

    def forward(self, volume: torch.Tensor) -> torch.Tensor:
        return self.scores(torch.relu(self.first(volume)))


def scene(which: str) -> tuple[np.ndarray, np.ndarray]:
    """Bright balls of radius 3 in noise, and their labels."""
    density = np.random.default_rng(len(which)).normal(0, 0.5, SHAPE).astype(np.float32)
    labels = np.zeros(SHAPE, np.int8)
    axes = np.ogrid[tuple(slice(0, n) for n in SHAPE)]
    for centre in CENTRES[which]:
        inside = sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True)) <= 9
        labels[inside] = 1
        density[inside] += 4
    return density, labels


def stream(which: str, patch: int = 8) -> PatchStream:
    density, labels = scene(which)
    count = len(CENTRES[which])
    places = Places(np.zeros(count, int), np.array(CENTRES[which], float), np.ones(count, int))
    source = PatchSource(which, density, labels, float(density.mean()), float(density.std()))
    return PatchStream([source], BalancedSampler(places, [SHAPE], patch, 2, 0.2))


def tiny_batches(seed: int = 0, validate: bool = True, rank: int = 0) -> PatchBatches:
    training, validation = stream("train"), stream("valid") if validate else None
    shown = (validation or training).sampler.one_of_each(2, step_generator(0, 2, 0, 0))
    augmentation = Augmentation("tilt axis", noise=0.1)
    return PatchBatches(training, validation, 8, 4, np.array([0, 1]), "tomogram", augmentation, shown, seed, rank)
