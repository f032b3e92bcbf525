"""A network that costs next to nothing: its scores are differences to voxels two steps away, zeros beyond the faces."""

import torch
from torch import nn
from torch.nn import functional


class Shifts(nn.Module):
    """Three classes; sees 2 voxels on each side.

    Parameters
    ----------
    multiple_of
        Edges of an input must be multiples of it; the result depends on the grid of this step too.
    blended
        Look like a network whose tiles do not agree.
    """

    halo, classes = 2, 3

    def __init__(self, multiple_of=1, blended=False):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(2.0))
        self.multiple_of = multiple_of
        self.unused = nn.GroupNorm(1, 1) if blended else None

    def forward(self, volume):
        assert all(n % self.multiple_of == 0 for n in volume.shape[2:])
        wide = functional.pad(volume, (2,) * 6)
        z, y, x = (slice(2, 2 + n) for n in volume.shape[2:])
        before = wide[:, :, z, y, : x.stop - 2]
        after = wide[:, :, slice(z.start + 2, z.stop + 2), y, x]
        beside = wide[:, :, z, slice(y.start + 1, y.stop + 1), x]
        if self.multiple_of > 1:
            grid = (torch.arange(volume.shape[4], device=volume.device) % self.multiple_of).float()
            beside = beside + grid
        return self.gain * torch.cat([volume - before, volume - after, volume * beside], dim=1)
