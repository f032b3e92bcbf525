"""Doubts about a list that was made for another tomogram."""

import numpy as np
import pandas as pd
import pytest

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry
from engine.objects.fit import doubts, faults, fitting, from_voxel_size, renumbered

SMALL = TomogramGeometry((50, 100, 200), (10.0, 10.0, 10.0))


def table(**columns: list) -> ObjectTable:
    rows = {"tomogram": "a", "class": "ribosome", "x": [10.0], "y": [10.0], "z": [10.0], **columns}
    return ObjectTable(pd.DataFrame(rows), {"a": SMALL})


def test_a_list_that_fits_raises_no_doubt():
    whole = table(x=[-0.5, 199.5], y=[0.0, 99.5], z=[49.5, 0.0])
    assert fitting(whole).all()
    assert doubts(whole) == []


def test_a_list_in_unbinned_voxels_is_named_with_both_sizes():
    # Four times as large: x reaches 780 of 200 voxels of 10 Å, so the voxels were about 10 / 3.9 = 2.56 Å.
    far = table(x=[780.0, 40.0], y=[390.0, 20.0], z=[20.0, 20.0])
    assert fitting(far).tolist() == [False, True]
    (sentence,) = doubts(far)
    assert "1 of 2 objects lies outside a" in sentence
    assert "x 780" in sentence and "200 × 100 × 50 voxels of 10 Å" in sentence
    assert "3.9 times" in sentence and "2.56 Å" in sentence


def test_unknown_tomograms_and_empty_places_are_counted():
    mixed = table(tomogram=["a", "b", "b"], x=[1.0, 2.0, np.nan], y=[1.0] * 3, z=[1.0] * 3)
    assert fitting(mixed).tolist() == [True, False, False]
    said = doubts(mixed)
    assert "b (2 objects)" in said[0]
    assert "1 of 3 objects have no position" in said[1]


def test_one_stray_among_many_is_left_to_the_count():
    many = table(x=[5.0] * 99 + [300.0], y=[5.0] * 100, z=[5.0] * 100)
    assert int(fitting(many).sum()) == 99
    assert doubts(many) == []


def test_a_list_in_voxels_of_another_size():
    # Voxels of 2.5 Å in a tomogram of 10 Å are binned by 4: voxel 101 of the list is (101 + 0.5) / 4 − 0.5 = 24.875.
    far = table(tomogram=["a", "b"], x=[101.0, 101.0], y=[-0.5, 7.0], z=[1.5, 7.0])
    here = from_voxel_size(far, 2.5).rows
    assert here.loc[0, ["x", "y", "z"]].tolist() == [24.875, -0.5, 0.0]
    assert here.loc[1, ["x", "y", "z"]].tolist() == [101.0, 7.0, 7.0]  # of a tomogram whose voxel size is not known
    with pytest.raises(UserError, match="0 Å"):
        from_voxel_size(far, 0)


def test_a_list_of_another_origin_is_said_with_its_sign():
    """The middle at 0: z from −76 to 20 of 50; nothing is too far, so no other voxel size is proposed."""
    (sentence,) = doubts(table(x=[10.0, 20.0], y=[10.0, 20.0], z=[-76.0, 20.0]))
    assert "z −76 … 20" in sentence and "another origin" in sentence and "times as large" not in sentence
    (both,) = doubts(table(x=[-500.0, 780.0], y=[1.0, 1.0], z=[1.0, 1.0]))
    assert "3.9 times as large" in both and "another origin" in both


def test_faults_are_counted_with_the_first_row():
    assert faults(table()) == []
    wrong = table(x=[1.0, np.nan, np.inf, 300.0, 2.0], y=[1.0] * 5, z=[1.0] * 5, id=[7, 8, 8, 9, 7])
    assert faults(wrong) == [
        "2 of 5 objects have no position (x, y or z is no finite number), the first in row 2.",
        "1 of 5 objects lies outside its tomogram, the first in row 4 (x 300, y 1, z 1 in 'a' of 200×100×50 voxels).",
        "2 of 5 objects have the id of one before them, the first in row 3 (id 8).",
    ]
    unknown = ObjectTable(wrong.rows[3:4].assign(id=1), {})
    assert faults(unknown) == []  # without a size nothing is outside


def test_new_ids_only_for_those_used_before():
    again = renumbered(table(x=[1.0] * 5, y=[1.0] * 5, z=[1.0] * 5, id=[7, 8, 8, 9, 7]))
    assert again.rows["id"].tolist() == [7, 8, 10, 9, 11]
    largest = np.iinfo(np.int64).max
    full = renumbered(table(x=[1.0] * 3, y=[1.0] * 3, z=[1.0] * 3, id=[largest, largest, 5]))
    assert full.rows["id"].tolist() == [1, 2, 3]
