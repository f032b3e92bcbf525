"""Sizes of tomograms said beside a list."""

import numpy as np
import pytest

from engine.errors import UserError
from engine.objects import TomogramGeometry
from engine.project.geometries import geometries_from
from engine.volumes import write_mrc


def test_in_words_x_comes_first():
    found = geometries_from(["TS_01=1000,800,400@10", "b=4x5x6@2.5Å"])
    assert found["TS_01"] == TomogramGeometry((400, 800, 1000), (10.0, 10.0, 10.0))
    assert found["b"] == TomogramGeometry((6, 5, 4), (2.5, 2.5, 2.5))


def test_a_folder_and_a_star_file(tmp_path, data_folder):
    write_mrc(tmp_path / "TS_07.mrc", np.zeros((3, 4, 5), np.float32), (8.0, 8.0, 8.0))
    star = data_folder / "lists" / "relion5_tomograms.star"
    if not star.exists():
        pytest.skip("the real lists are not here")
    found = geometries_from([str(tmp_path), str(star)])
    assert found["TS_07"] == TomogramGeometry((3, 4, 5), (8.0, 8.0, 8.0))
    assert found["TS_01"] == TomogramGeometry((2000, 4000, 4000), (1.35, 1.35, 1.35))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nowhere", "'nowhere' is no file, no folder and no size"),
        ("a=1,2,0@10", "side of 0 voxels"),
        ("a=1,2,3@0", "0 is no voxel size"),
        ("a=1,2,3@1.2.3", "1.2.3 is no voxel size"),
    ],
)
def test_what_is_no_size(source, said):
    with pytest.raises(UserError, match=said):
        geometries_from([source])


def test_an_empty_folder(tmp_path):
    with pytest.raises(UserError, match="holds no tomogram"):
        geometries_from([str(tmp_path)])
