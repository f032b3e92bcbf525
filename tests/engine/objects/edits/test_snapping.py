"""Snapping to density, against the plain definition."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry
from engine.objects.edits import snap_to_extremum, snapping

SHAPE = (12, 14, 16)


def table_of(xyz: np.ndarray, voxel_size: tuple[float, float, float] = (10.0, 10.0, 10.0)) -> ObjectTable:
    rows = pd.DataFrame(np.asarray(xyz, dtype=float).reshape(-1, 3), columns=["x", "y", "z"])
    return ObjectTable(rows.assign(tomogram="a", **{"class": "p"}), {"a": TomogramGeometry(SHAPE, voxel_size)})


def reader(volume: np.ndarray) -> snapping.ReadBox:
    return lambda name, low, high: volume[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]


def plain(volume: np.ndarray, centre: np.ndarray, radius: float, voxel_size: np.ndarray, sign: float) -> list[int]:
    """The darkest voxel within the radius of the nearest voxel, by looking at each one."""
    start = np.rint(centre)
    best = None
    for place in np.ndindex(volume.shape):
        apart = float(np.linalg.norm((place - start) * voxel_size))
        value = sign * float(volume[place])
        if apart <= radius and np.isfinite(value) and (best is None or (value, apart) < best[:2]):
            best = (value, apart, place)
    assert best is not None
    return list(best[2])


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int16, np.float64])
@pytest.mark.parametrize("darkest", [True, False])
def test_against_the_plain_definition(dtype: type, darkest: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapping, "TILE", 5)
    monkeypatch.setattr(snapping, "GATHERED", 100)
    rng = np.random.default_rng(0)
    volume = (rng.standard_normal(SHAPE) * 30).astype(dtype)
    size = (10.0, 10.0, 5.0)
    zyx = rng.uniform(-0.4, np.array(SHAPE) - 0.6, (60, 3))
    table = table_of(zyx[:, ::-1], size)
    moved = snap_to_extremum(table, reader(volume), 21, darkest).coordinates_zyx()
    for before, after in zip(zyx, moved, strict=True):
        expected = plain(volume, before, 21, np.array(size), 1.0 if darkest else -1.0)
        # Equal values at equal distances (whole numbers) may be taken either way.
        assert volume[tuple(after.astype(int))] == volume[tuple(expected)]
        far = [np.linalg.norm((np.array(p) - np.rint(before)) * size) for p in (after, expected)]
        assert far[0] == pytest.approx(far[1])


def test_a_file_on_disk_is_read_where_it_lies(tmp_path: Path) -> None:
    volume = np.zeros(SHAPE, ">f4")
    volume[5, 6, 7], volume[0, 0, 0] = -3, -1
    mapped = np.memmap(tmp_path / "v.raw", dtype=">f4", mode="w+", shape=SHAPE)
    mapped[:] = volume
    moved = snap_to_extremum(table_of([(8, 6, 4), (1, 1, 0), (12, 11, 9)]), reader(mapped), 20)
    assert moved.rows[["x", "y", "z"]].to_numpy().tolist() == [[7, 6, 5], [0, 0, 0], [12, 11, 9]]
    reversed_view = volume[::-1, :, ::2]  # strides that go backwards: copied first
    table = ObjectTable(table_of([(1, 1, 10)]).rows, {"a": TomogramGeometry(reversed_view.shape, (10.0,) * 3)})
    assert snap_to_extremum(table, reader(reversed_view), 20).coordinates_zyx().tolist() == [[11, 0, 0]]


def test_the_vertex_of_a_parabola() -> None:
    """A density that is a parabola in each direction has its vertex found exactly."""
    vertex = np.array([5.3, 6.75, 8.1])
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), axis=-1)
    volume = ((grid - vertex) ** 2).sum(axis=-1)
    moved = snap_to_extremum(table_of([(9, 6, 4)]), reader(volume), 30, between_voxels=True)
    np.testing.assert_allclose(moved.coordinates_zyx()[0], vertex)
    bright = snap_to_extremum(table_of([(9, 6, 4)]), reader(-volume), 30, darkest=False, between_voxels=True)
    np.testing.assert_allclose(bright.coordinates_zyx()[0], vertex)
    slope = np.broadcast_to(np.arange(SHAPE[0])[:, None, None], SHAPE).astype(np.float32)
    assert snap_to_extremum(table_of([(9, 6, 4)]), reader(slope), 20, between_voxels=True).coordinates_zyx()[
        0
    ].tolist() == [2, 6, 9]  # where the density goes on falling there is no vertex


def test_what_cannot_be_snapped_stays() -> None:
    volume = np.full(SHAPE, np.nan, np.float32)
    volume[2, 2, 2] = 1
    table = table_of([(np.nan, 3, 3), (99, 3, 3), (3, 3, 3), (10, 10, 10)])
    moved = snap_to_extremum(table, reader(volume), 20).coordinates_zyx()
    np.testing.assert_array_equal(moved, [[3, 3, np.nan], [3, 3, 99], [2, 2, 2], [10, 10, 10]])
    assert len(snap_to_extremum(table_of([]), reader(volume), 20)) == 0


def test_radii_that_are_refused() -> None:
    volume = np.zeros(SHAPE, np.float32)
    with pytest.raises(UserError, match="radius 0"):
        snap_to_extremum(table_of([(1, 1, 1)]), reader(volume), 0)
    with pytest.raises(UserError, match="1000 Å spans 201 voxels of 10 Å"):
        snap_to_extremum(table_of([(1, 1, 1)]), reader(volume), 1000)
