"""A linear rule as a few products of a kernel along z and one over y and x: cheaper than one kernel of N³ values.

Densities are blurred before they are compared, so neighbourhoods vary in few ways, and a kernel need only be right
about those: the products are chosen for the smallest squared error of the scores over the volume's own neighbourhoods,
not of the kernel.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn.functional import conv2d

from engine.features.columns import FAST
from engine.features.workspace import Workspace

MOST = 3
"""Products that are tried; with more, the passes over the block cost as much as the kernel as it is."""

ROUNDS = 3
"""Times that each side of the products is fitted while the other stands still; more hardly help (measured)."""

RIDGE = 1e-12
"""Of the mean variance, added to each value's: neighbourhoods of a blurred volume vary in hardly any way but a few."""


@dataclass(frozen=True)
class SeparableForm:
    """For linear features: Σᵣ of a correlation over y and x, then along z. See `engine.features.forms.Form`.

    Parameters
    ----------
    along_z
        `[products, N]`.
    over_yx
        `[products, N, N]`.
    offset
        Added to the sum.
    """

    along_z: torch.Tensor
    over_yx: torch.Tensor
    offset: float
    planes: int = 16
    voxels: int = 200_000
    _space: Workspace = field(default_factory=Workspace)
    _written: dict[int, list[tuple[torch.Tensor, torch.Tensor]]] = field(default_factory=dict)

    @property
    def cost(self) -> float:
        """See `Form`; measured: a product takes an eighth of the time of the kernel as it is."""
        return 50.0 + 120.0 * len(self.along_z)

    def described(self, values: torch.Tensor) -> torch.Tensor:
        """See `Form`: the block itself."""
        return values

    def scores(self, described: torch.Tensor) -> torch.Tensor:
        """See `Form`; they stand until the next call."""
        planes, height, width = (n - self.along_z.shape[1] + 1 for n in described.shape)
        found = self._space.array("scores", (planes, height * width), described)
        for number, (band, kernel) in enumerate(self._sides(planes)):
            flat = conv2d(described[None], kernel, groups=len(described))[0]
            onto = described.new_tensor(self.offset) if number == 0 else found
            torch.addmm(onto, band, flat.view(len(described), -1), out=found)
        return found.view(planes, height, width)

    def of_windows(self, windows: torch.Tensor) -> torch.Tensor:
        """See `Form`."""
        kernel = torch.einsum("rz,ryx->zyx", self.along_z, self.over_yx).reshape(1, -1).to(windows)
        return (kernel @ windows)[0].add_(self.offset)

    def _sides(self, planes: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Of each product: what mixes planes, `[planes, planes + N − 1]`, and a kernel for each plane that is read."""
        if planes not in self._written:
            seen = planes + self.along_z.shape[1] - 1
            kernels = [kernel.expand(seen, 1, -1, -1).contiguous() for kernel in self.over_yx]
            bands = [_band(along_z, planes) for along_z in self.along_z]
            self._written[planes] = list(zip(bands, kernels, strict=True))
        return self._written[planes]


def separable_forms(kernel: torch.Tensor, offset: float, windows: torch.Tensor, size: int) -> Iterator[SeparableForm]:
    """Forms of a kernel with one product, two, and so on.

    Each begins with the products of the one before and one more along z; both sides of all are then fitted in turn by
    least squares over the neighbourhoods' covariance.

    Parameters
    ----------
    kernel
        `[N³]`, in C order of (z, y, x).
    offset
        Of the scores.
    windows
        A sample of neighbourhoods, float64 `[N³, n]`.
    size
        N.
    """
    seen = windows.cpu().numpy()
    moments = seen @ seen.T / seen.shape[1]
    moments.flat[:: len(moments) + 1] += RIDGE * np.trace(moments) / len(moments)
    wanted = kernel.to(torch.float64).cpu().numpy()
    profiles = np.linalg.svd(wanted.reshape(size, -1))[0].T
    along_z = np.empty((0, size))
    for number in range(min(MOST, size)):
        along_z = np.concatenate([along_z, profiles[number : number + 1]])
        for _ in range(ROUNDS):
            over_yx = _fitted(np.einsum("rz,ij->rizj", along_z, np.eye(size * size)), moments, wanted)
            along_z = _fitted(np.einsum("ij,rp->rijp", np.eye(size), over_yx), moments, wanted)
            lengths = np.linalg.norm(along_z, axis=1, keepdims=True)
            along_z /= np.where(lengths > 0, lengths, 1)  # 0 where fewer products are the kernel already
        over_yx = _fitted(np.einsum("rz,ij->rizj", along_z, np.eye(size * size)), moments, wanted)
        planes = over_yx.reshape(-1, size, size)
        sides = [torch.from_numpy(side).to(kernel.device, FAST) for side in (along_z, planes)]
        yield SeparableForm(sides[0], sides[1], offset)


def _fitted(design: np.ndarray, moments: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """What to multiply kernels `[products, unknowns, …]` with so that their sum is nearest to a kernel."""
    products, unknowns = design.shape[:2]
    flat = design.reshape(products * unknowns, -1)
    weighted = flat @ moments
    return np.linalg.lstsq(weighted @ flat.T, weighted @ wanted, rcond=1e-14)[0].reshape(products, unknowns)


def _band(weights: torch.Tensor, planes: int) -> torch.Tensor:
    """Weights along z as a band matrix, `[planes, planes + N − 1]`."""
    size = len(weights)
    band = weights.new_zeros((planes, planes + size - 1))
    for plane in range(planes):
        band[plane, plane : plane + size] = weights
    return band
