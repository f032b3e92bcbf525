"""Size and voxel size of the tomogram of each object in a list, for formats whose units need them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from engine.errors import quoted
from engine.objects.table import TomogramGeometry, UnknownTomogram


def per_object(
    path: str | Path,
    names: "pd.Series[str]",
    tomograms: Mapping[str, TomogramGeometry],
    attribute: Literal["shape", "voxel_size"],
) -> np.ndarray:
    """`shape` or `voxel_size` of each object's tomogram, [n, 3] in the order x, y, z.

    Raises
    ------
    UnknownTomogram
        One whose geometry is not given.
    """
    which, unique = pd.factorize(names)
    unknown = [name for name in unique if name not in tomograms]
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise UnknownTomogram(
            f"{path} has objects of tomogram {quoted(unknown[0])}{more}, whose size and voxel size are not known here",
            str(unknown[0]),
        )
    values = np.array([getattr(tomograms[name], attribute) for name in unique], dtype=np.float64)
    return np.asarray(values.reshape(-1, 3)[which][:, ::-1])


def used(names: "pd.Series[str]", tomograms: Mapping[str, TomogramGeometry]) -> dict[str, TomogramGeometry]:
    """The tomograms that a list's objects are in, as far as known; all of them for a list without objects."""
    return {name: tomograms[name] for name in dict.fromkeys(names) if name in tomograms} or dict(tomograms)
