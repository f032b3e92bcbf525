"""Random places: as many as before, uniform, in the mask, the same for the same seed."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, known_angles, rotation_from_relion, validate
from engine.objects.edits import randomise
from engine.objects.table import ANGLES

GEOMETRY = {"a": TomogramGeometry((10, 20, 30), (10.0,) * 3), "b": TomogramGeometry((40, 5, 6), (10.0,) * 3)}


def table(count: int = 4000) -> ObjectTable:
    columns = {"tomogram": ["a", "b"] * (count // 2), "class": ["p", "q", "q", "q"] * (count // 4), "score": 0.5}
    return ObjectTable(pd.DataFrame({"x": 1.0, "y": 2.0, "z": 3.0, **columns}), GEOMETRY)


def test_uniform_between_the_faces_and_nothing_else_changed() -> None:
    before = table()
    after = randomise(before, seed=1)
    assert validate(after) == []
    rest = [column for column in before.rows if column not in ("x", "y", "z")]
    pd.testing.assert_frame_equal(after.rows[rest], before.rows[rest])
    for name, geometry in GEOMETRY.items():
        places = after.rows[after.rows["tomogram"] == name]
        for column, length in zip(("z", "y", "x"), geometry.shape, strict=True):
            assert kstest((places[column] + 0.5) / length, "uniform").pvalue > 1e-4


def test_a_tomogram_depends_on_seed_and_name_only() -> None:
    both = randomise(table(), seed=7)
    alone = randomise(table().with_rows(table().rows[table().rows["tomogram"] == "b"]), seed=7)
    np.testing.assert_array_equal(both.coordinates_zyx()[1::2], alone.coordinates_zyx())
    assert (randomise(table(), seed=8).coordinates_zyx() != both.coordinates_zyx()).all()


@pytest.mark.parametrize("voxels", [1, 40, 3000])
def test_in_a_mask_however_small(voxels: int) -> None:
    masks = {}
    for name, geometry in GEOMETRY.items():
        labels = np.zeros(geometry.shape, np.uint8)
        labels.ravel()[:: max(1, labels.size // voxels)][:voxels] = 3
        labels.ravel()[-1] = 9
        masks[name] = labels
    after = randomise(table(), 1, masks.get, labels=[3])
    zyx = np.rint(after.coordinates_zyx()).astype(int)
    hit = {name: {tuple(p) for p in zyx[after.rows["tomogram"] == name]} for name in masks}
    for name, labels in masks.items():
        assert all(labels[place] == 3 for place in hit[name])
        if voxels <= 40:  # 2,000 draws reach each of them
            assert hit[name] == {tuple(int(i) for i in place) for place in np.argwhere(labels == 3)}


def test_a_mask_without_a_voxel_is_refused() -> None:
    with pytest.raises(UserError, match="mask of a has no voxel of label 2"):
        randomise(table(), 1, lambda name: np.ones(GEOMETRY[name].shape, np.int8), labels=[2])
    with pytest.raises(UserError, match="mask of a has no voxel above 0"):
        randomise(table(), 1, lambda name: np.zeros(GEOMETRY[name].shape, np.int8))


def test_orientations_only_on_demand() -> None:
    assert not known_angles(randomise(table(), 1).rows[list(ANGLES)]).any()
    angles = randomise(table(), 1, orientations=True).rows[list(ANGLES)].to_numpy()
    axes = rotation_from_relion(angles).apply([0, 0, 1])
    assert kstest((axes[:, 2] + 1) / 2, "uniform").pvalue > 1e-4  # uniform on the sphere
