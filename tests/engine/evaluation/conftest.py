"""Tables of points for the tests of evaluation."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from engine.objects import ObjectTable, TomogramGeometry


@pytest.fixture
def table() -> Callable[..., ObjectTable]:
    """A table of points (x, y, z) in one tomogram or several."""

    def made(
        points: Sequence[Sequence[float]] | np.ndarray,
        classes: Sequence[str] | str = "particle",
        tomograms: Sequence[str] | str = "ts",
        scores: Sequence[float] | None = None,
        voxel_size: float = 10.0,
        shape: tuple[int, int, int] = (64, 96, 96),
    ) -> ObjectTable:
        xyz = np.asarray(points, dtype=float).reshape(-1, 3)
        rows = pd.DataFrame({"x": xyz[:, 0], "y": xyz[:, 1], "z": xyz[:, 2]})
        rows["class"] = classes
        rows["tomogram"] = tomograms
        if scores is not None:
            rows["score"] = scores
        names = [tomograms] if isinstance(tomograms, str) else list(dict.fromkeys(tomograms))
        return ObjectTable(rows, {name: TomogramGeometry(shape, (voxel_size,) * 3) for name in names})

    return made
