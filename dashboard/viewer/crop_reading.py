"""Crops of the objects of a table, cut from the open tomograms: for similarity and for the running average.

The layers that the viewer keeps open are used. No Streamlit and no HTTP here; the computing is the engine's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dashboard.viewer.crop_sheets import box_voxels
from dashboard.viewer.layers import open_layer
from engine.errors import UserError
from engine.objects import ObjectTable, known_angles, rotation_from_relion
from engine.objects.averaging import PlaneSum, sum_planes
from engine.objects.crops import small_cubes
from engine.objects.table import ANGLES

LARGEST_EDGE = 129
"""Pixels of an average; more are seen by nobody."""


@dataclass(frozen=True, eq=False)
class Average:
    """The running average of some objects.

    Attributes
    ----------
    planes
        [3, edge, edge]: through the centre, perpendicular to z, y and x.
    count
        Objects averaged.
    asked
        Objects that were asked for.
    drawn
        Of those, how many were drawn at random because there were too many; equal to `asked` otherwise.
    without_angles
        Left out because their orientation is not known (only where orientations are applied).
    problems
        A sentence for each tomogram that cannot be read.
    """

    planes: np.ndarray
    count: int
    asked: int
    drawn: int
    without_angles: int
    problems: tuple[str, ...]


class CubeReader:
    """Small cubes around objects, asked for by place: the callable that `engine.objects.similarity.embed` takes.

    Parameters
    ----------
    table, ids
        Which objects; place i is the i-th id.
    box_angstrom
        Edge of a cube, Å.
    edge
        Voxels of a cube along each axis.
    """

    def __init__(self, table: ObjectTable, ids: Sequence[int], box_angstrom: float, edge: int):
        rows = _rows(table, ids)
        self.names = rows["tomogram"].to_numpy(dtype=object)
        self.centres = rows[["z", "y", "x"]].to_numpy(dtype=np.float64)
        self.boxes = {n: box_voxels(box_angstrom, _voxel_size(table, n)) for n in set(self.names)}
        self.edge = edge
        self.problems: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self.names)

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """[n, edge, edge, edge]; not-a-number for objects of tomograms that cannot be read (see `problems`)."""
        cubes = np.full((len(places), *[self.edge] * 3), np.nan, dtype=np.float32)
        for name in dict.fromkeys(self.names[places]):
            here = np.flatnonzero(self.names[places] == name)
            try:
                array = open_layer(f"tomogram:{name}").array
                cubes[here] = small_cubes(array, self.centres[places[here]], self.boxes[name], self.edge)
            except UserError as error:
                self.problems[name] = str(error)
        return cubes


def average_objects(
    table: ObjectTable,
    ids: Sequence[int],
    box_angstrom: float,
    aligned: bool = False,
    most: int = 2000,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Average:
    """The average of objects, see `engine.objects.averaging.sum_planes`.

    Parameters
    ----------
    table, ids
        Which objects.
    box_angstrom
        Edge of the average, Å.
    aligned
        Turn each object by its angles; objects whose angles are not known are left out.
    most
        Of more objects so many are drawn at random.
    seed
        Of that draw.
    progress
        Called with the part that is done, 0 to 1.
    """
    rows = _rows(table, ids)
    asked = len(rows)
    known = known_angles(rows[list(ANGLES)].to_numpy()) if asked else np.zeros(0, dtype=bool)
    without_angles = int(asked - known.sum()) if aligned else 0
    if aligned:
        rows = rows[known]
    if len(rows) > most:
        rows = rows.iloc[np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False))]
    names = rows["tomogram"].to_numpy(dtype=object)
    boxes = {name: box_voxels(box_angstrom, _voxel_size(table, name)) for name in dict.fromkeys(names)}
    edge = min(LARGEST_EDGE, max((b + 1 - b % 2 for b in boxes.values()), default=1))
    total, problems, before = PlaneSum(np.zeros((3, edge, edge)), 0), [], 0
    for name, box in boxes.items():
        part = rows[names == name]
        rotations = rotation_from_relion(part[list(ANGLES)].to_numpy()) if aligned else None
        base = before

        def done(number: int, base: int = base) -> None:
            if progress is not None:
                progress((base + number) / len(rows))

        try:
            array = open_layer(f"tomogram:{name}").array
            total += sum_planes(array, part[["z", "y", "x"]].to_numpy(), box, rotations, done).resized(edge)
        except UserError as error:
            problems.append(str(error))
        before += len(part)
    return Average(total.mean(), total.count, asked, len(rows), without_angles, tuple(problems))


def _rows(table: ObjectTable, ids: Sequence[int]) -> pd.DataFrame:
    places = pd.Index(table.rows["id"]).get_indexer(np.asarray(ids, dtype=np.int64))
    return table.rows.iloc[places[places >= 0]]


def _voxel_size(table: ObjectTable, name: str) -> float:
    if name in table.tomograms:
        return table.tomograms[name].voxel_size[2]
    found = open_layer(f"tomogram:{name}").voxel_size
    return found[2] if found else 1.0
