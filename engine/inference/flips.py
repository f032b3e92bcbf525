"""Turns by 180° of a volume: test-time augmentation with rotations only, so that no molecule is mirrored."""

from typing import Literal

import torch

from engine.inference.regions import Region, Shape

TURNS: dict[str, tuple[int, ...]] = {"none": (), "y": (0, 2), "x": (0, 1), "z": (1, 2)}
"""Axis turned about → axes of [z, y, x] that are reversed. y is the tilt axis: its turn leaves the missing wedge as it
was, as does that about z and, with them, that about x."""

Averaging = Literal["none", "tilt axis", "all axes"]
"""What the scores are averaged over: nothing; the volume and its turn about y; the volume and all three turns."""


def turns_of(averaging: Averaging) -> list[tuple[int, ...]]:
    """The reversed axes of each pass, the unturned one first."""
    names = {"none": ["none"], "tilt axis": ["none", "y"], "all axes": list(TURNS)}[averaging]
    return [TURNS[name] for name in names]


def turned(volume: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
    """The last three axes of `volume` (z, y, x) with some of them reversed; the way back is the same."""
    return volume.flip([axis - 3 for axis in axes]) if axes else volume


def turned_region(region: Region, axes: tuple[int, ...], shape: Shape) -> Region:
    """Where `region` of a volume of `shape` lies once that is turned."""
    return tuple(slice(shape[a] - s.stop, shape[a] - s.start) if a in axes else s for a, s in enumerate(region))
