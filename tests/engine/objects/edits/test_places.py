"""Voxel sizes, origins, boxes, masks and borders."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, validate
from engine.objects.edits import crop_to_box, crop_to_mask, remove_near_border, scale, scale_to_voxel_size, shift

GEOMETRY = TomogramGeometry((40, 51, 60), (10.0, 10.0, 10.0))


def table_of(*xyz: tuple[float, float, float], geometry: TomogramGeometry = GEOMETRY, **columns: object) -> ObjectTable:
    rows = pd.DataFrame(np.array(xyz, dtype=float).reshape(-1, 3), columns=["x", "y", "z"])
    return ObjectTable(rows.assign(tomogram="a", **{"class": "p"}, **columns), {"a": geometry})


def xyz(table: ObjectTable) -> list[list[float]]:
    return table.rows[["x", "y", "z"]].to_numpy().tolist()


def ids(table: ObjectTable) -> list[int]:
    return table.rows["id"].tolist()


def test_binning_by_two_by_hand() -> None:
    """Voxels 0 and 1 make the new voxel 0, whose centre is between them: 0 → −0.25, 0.5 → 0, 1 → 0.25, 21.5 → 10.5."""
    table = table_of((0, 0.5, 1), (21.5, 10, 39), size=[80, np.nan], rot=30.0, tilt=60.0, psi=-45.0)
    binned = scale(table, 2)
    assert xyz(binned) == [[-0.25, 0.0, 0.25], [10.5, 4.75, 19.25]]
    assert binned.rows["size"].tolist()[0] == 10 and np.isnan(binned.rows["size"][1])
    assert binned.tomograms["a"] == TomogramGeometry((20, 25, 30), (20.0, 20.0, 20.0))  # the 51st row is left out
    assert binned.rows[["rot", "tilt", "psi"]].to_numpy().tolist() == [[30.0, 60.0, -45.0]] * 2
    assert xyz(table)[0] == [0, 0.5, 1]
    back = scale(binned, 0.5, shape=(40, 51, 60))
    assert xyz(back) == xyz(table) and back.tomograms == table.tomograms and back.rows["size"][0] == 80


def test_to_a_voxel_size_along_each_axis() -> None:
    """Voxels of 5 × 10 × 20 Å (x, y, z) to 10 Å: bins x by 2, leaves y, unbins z by 2."""
    table = table_of((1, 7, 3), geometry=TomogramGeometry((10, 20, 30), (20.0, 10.0, 5.0)), size=6.0)
    scaled = scale_to_voxel_size(table, 10)
    assert xyz(scaled) == [[0.25, 7.0, 6.5]]
    assert scaled.tomograms["a"] == TomogramGeometry((20, 20, 15), (10.0, 10.0, 10.0))
    assert scaled.rows["size"].tolist() == [6.0]  # the volume of a voxel is 1000 Å³ before and after
    # 26.96 / 13.48 is not exactly 2 in floating point; the number of voxels must not be one less
    fine = scale_to_voxel_size(table_of((1, 1, 1), geometry=TomogramGeometry((8, 8, 8), (26.96,) * 3)), 13.48)
    assert fine.tomograms["a"].shape == (16, 16, 16)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.1, 8), st.lists(st.tuples(*[st.floats(-5, 500)] * 3), max_size=5))
def test_scaling_back_gives_what_was(factor: float, positions: list) -> None:
    table = table_of(*positions)
    back = scale(scale(table, factor), 1 / factor)
    np.testing.assert_allclose(np.array(xyz(back)), np.array(xyz(table)), atol=1e-9)


def test_a_centre_in_angstrom_moves_by_half_a_voxel_only() -> None:
    table = table_of((10, 10, 10))
    before, after = table.coordinates_angstrom(), scale(table, 2).coordinates_angstrom()
    np.testing.assert_allclose(after - before, -5.0)  # both centres lie 105 Å from the outer corner of voxel 0


def test_scaling_that_is_refused() -> None:
    with pytest.raises(UserError, match="factor 0"):
        scale(table_of((1, 1, 1)), 0)
    with pytest.raises(UserError, match="voxel size -1"):
        scale_to_voxel_size(table_of((1, 1, 1)), -1)
    with pytest.raises(UserError, match="size of tomogram 'a' is not known"):
        scale_to_voxel_size(ObjectTable(table_of((1, 1, 1)).rows), 10)
    assert xyz(scale(ObjectTable(table_of((1, 1, 1)).rows), 2)) == [[0.25, 0.25, 0.25]]  # a factor needs no size


def test_shift() -> None:
    table = table_of((1, 2, 3), geometry=TomogramGeometry((9, 9, 9), (5.0, 4.0, 2.0)))
    assert xyz(shift(table, 1, -2, 0.5)) == [[2, 0, 3.5]]
    assert xyz(shift(table, 1, -2, 10, "angstrom")) == [[1.5, 1.5, 5]]
    with pytest.raises(UserError, match="nan"):
        shift(table, np.nan, 0, 0)
    assert "x = -1 is outside" in validate(shift(table, -2, 0, 0))[0]  # seen before it is saved


def test_border_in_angstrom() -> None:
    """50 Å are 5 voxels of 10 Å: the centre of the last voxel along x is 59, so that 54 just stays."""
    table = table_of((54, 20, 20), (54.1, 20, 20), (5, 5, 5), (5, 4.9, 5))
    assert ids(remove_near_border(table, 50, "angstrom")) == [1, 3] == ids(remove_near_border(table, 5))
    with pytest.raises(UserError, match="0 or more Å"):
        remove_near_border(table, -1, "angstrom")


def test_box() -> None:
    table = table_of((10, 10, 10), (20, 20, 20), (20.1, 20, 20), (np.nan, 15, 15))
    assert ids(crop_to_box(table, (10, 10, 10), (20, 20, 20))) == [1, 2]
    assert ids(crop_to_box(table, (10, 10, 10), (20, 20, 20), inside=False)) == [3, 4]
    assert ids(crop_to_box(table, (None, None, 11))) == [2, 3]  # without a position, nowhere
    assert ids(crop_to_box(table, (200.5, None, None), unit="angstrom")) == [3]
    with pytest.raises(UserError, match="from y = 9 to y = 8"):
        crop_to_box(table, (0, 9, 0), (9, 8, 9))


def test_counted_from_the_box() -> None:
    table = table_of((10, 11, 12), (30, 30, 30))
    cut = crop_to_box(table, (10, 10, 10), (29, 29, None), count_from_box=True)
    assert xyz(cut) == [[0, 1, 2]] and cut.tomograms["a"].shape == (30, 20, 20)
    for wrong in ({"unit": "angstrom"}, {"inside": False}):
        with pytest.raises(UserError):
            crop_to_box(table, (10, 10, 10), count_from_box=True, **wrong)
    with pytest.raises(UserError, match="whole voxels"):
        crop_to_box(table, (10.5, 10, 10), count_from_box=True)
    with pytest.raises(UserError, match="outside a"):
        crop_to_box(table, (60, None, None), count_from_box=True)


def test_mask() -> None:
    labels = np.zeros(GEOMETRY.shape, np.int8)
    labels[3, 2, 1], labels[3, 2, 2] = 4, 5
    table = table_of((1, 2, 3), (1.6, 2.4, 2.6), (1, 2, 4), (-3, 2, 3), (np.nan, 2, 3), (1, 2, 99))
    asked = []
    assert ids(crop_to_mask(table, lambda name: asked.append(name) or labels)) == [1, 2]
    assert ids(crop_to_mask(table, lambda name: labels, labels=[5])) == [2]
    assert ids(crop_to_mask(table, lambda name: labels, labels=[5], inside=False)) == [1, 3, 4, 5, 6]
    assert asked == ["a"]
    with pytest.raises(UserError, match="3×2×1 voxels and the tomogram 60×51×40"):
        crop_to_mask(table, lambda name: np.zeros((1, 2, 3), np.int8))
