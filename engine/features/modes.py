"""What a neighbourhood is described by: the feature modes of S1, by name.

A mode turns neighbourhoods into columns of numbers whose distances from each other are exactly those of the
features of the plain definition; where the definition repeats a number (a spectrum's second half), the column
holds it once, times √2. Clusters depend on distances alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from engine.features.filters import gabor_bank
from engine.features.spectra import frequencies, half_magnitudes, magnitudes_of, places
from engine.features.workspace import Workspace


class Features(Protocol):
    """One way to describe neighbourhoods of one size."""

    @property
    def n_features(self) -> int:
        """Numbers per neighbourhood in the plain definition."""

    @property
    def width(self) -> int:
        """Numbers per neighbourhood here."""

    def columns(self, windows: torch.Tensor) -> torch.Tensor:
        """Neighbourhoods `[N³, n]` in C order of (z, y, x) → `[width, n]`, of the same type."""

    def described(self, columns: np.ndarray, centre: float) -> np.ndarray:
        """Features of the plain definition `[n, n_features]` for columns `[n, width]` of values less `centre`."""


@dataclass(frozen=True)
class LinearFeatures:
    """Dot products with filters; without any, the values themselves.

    Parameters
    ----------
    size
        N, voxels.
    filters
        float64 `[f, N³]` or None.
    """

    size: int
    filters: torch.Tensor | None = None

    @property
    def n_features(self) -> int:
        """See `Features`."""
        return self.size**3 if self.filters is None else int(self.filters.shape[0])

    @property
    def width(self) -> int:
        """See `Features`."""
        return self.n_features

    def columns(self, windows: torch.Tensor) -> torch.Tensor:
        """See `Features`."""
        return windows if self.filters is None else self.filters.to(windows) @ windows

    def described(self, columns: np.ndarray, centre: float) -> np.ndarray:
        """See `Features`."""
        if self.filters is None:
            return columns + centre
        return columns + centre * self.filters.sum(1).cpu().numpy()

    def to_values(self, direction: torch.Tensor) -> torch.Tensor:
        """The kernels `[…, N³]` whose dot products with a neighbourhood are those of `direction` with its column."""
        return direction if self.filters is None else direction @ self.filters.to(direction)


@dataclass(frozen=True)
class SpectralFeatures:
    """Magnitudes of the Fourier transform.

    Parameters
    ----------
    size
        N, voxels.
    """

    size: int

    @property
    def n_features(self) -> int:
        """See `Features`."""
        return self.size**3

    @property
    def width(self) -> int:
        """See `Features`."""
        return len(frequencies(self.size))

    def columns(self, windows: torch.Tensor) -> torch.Tensor:
        """See `Features`."""
        return _doubled(magnitudes_of(windows))

    def of_block(self, values: torch.Tensor, space: Workspace | None = None, step: int = 1) -> torch.Tensor:
        """Columns of all neighbourhoods of a block `[z, y, x]`, or of every `step`-th: `[width, z', y', x']`.

        With a `space` it holds the result, which then stands until the next call.
        """
        return _doubled(half_magnitudes(values, self.size, space, step))

    def described(self, columns: np.ndarray, centre: float) -> np.ndarray:
        """See `Features`."""
        features = np.empty((len(columns), self.n_features))
        for column, (ahead, behind) in zip(columns.T, places(self.size), strict=True):
            features[:, ahead] = features[:, behind] = column / 2**0.5
        middle = self.n_features // 2
        features[:, middle] = columns[:, 0] + self.n_features * centre
        return features


def _doubled(magnitudes: torch.Tensor) -> torch.Tensor:
    """All but the first stand for two features each."""
    magnitudes[1:] *= 2**0.5
    return magnitudes


@dataclass(frozen=True)
class FeatureMode:
    """One way to describe a neighbourhood by numbers.

    Parameters
    ----------
    name
        PickET's word for it.
    build
        (N, filters `[f, N³]` for a mode that has a bank) → its features.
    bank
        (N, number of sinusoids) → the filters to choose from; None for a mode without.
    """

    name: str
    build: Callable[[int, torch.Tensor | None], Features]
    bank: Callable[[int, int], np.ndarray] | None = None


MODES: dict[str, FeatureMode] = {
    mode.name: mode
    for mode in (
        FeatureMode("intensities", lambda size, filters: LinearFeatures(size)),
        FeatureMode("ffts", lambda size, filters: SpectralFeatures(size)),
        FeatureMode("gabor", LinearFeatures, gabor_bank),
    )
}
