"""Validation that training has seen, under whatever name."""

import numpy as np
import pytest

from engine.objects import TomogramGeometry
from engine.objects.formats import deepfinder_xml
from engine.training.leakage import Member, find_leaks, fingerprint

SHAPE = (40, 60, 80)


def member(name, seed, centres=(), path=None, shape=SHAPE):
    voxels = np.random.default_rng(seed).normal(size=(6, 7, 8)).astype(np.float32)
    return Member(name, path, fingerprint(voxels), shape, np.asarray(centres, float).reshape(-1, 3))


def spread(count, seed):
    return np.random.default_rng(seed).uniform((0, 0, 0), SHAPE, (count, 3))


def test_the_same_file_is_named(tmp_path):
    leaks = find_leaks([member("a", 0, path=tmp_path / "a.mrc")], [member("a2", 1, path=tmp_path / "a.mrc")])
    assert leaks == ["the tomogram a2 is in both training and validation"]


def test_the_same_voxels_under_another_name_and_type_are_found():
    voxels = np.random.default_rng(0).integers(-5, 5, (30, 4, 5)).astype(np.int8)
    assert fingerprint(voxels) == fingerprint(voxels.astype(np.float32))
    other = voxels.copy()
    other[0, 0, 0] += 1
    assert fingerprint(voxels) != fingerprint(other) and fingerprint(voxels) != fingerprint(voxels[:, :, :4])
    assert find_leaks([member("a", 3)], [member("b", 3)]) == ["b of validation has the same voxels as a of training"]


def test_the_same_objects_in_a_tomogram_of_the_same_shape_are_found():
    known = spread(50, 0)
    leaks = find_leaks([member("a", 0, known)], [member("b", 1, known[10:30] + 0.4)])
    assert leaks == ["20 of the 20 validation objects of b are at the places of training objects of a"]
    assert find_leaks([member("a", 0, known)], [member("b", 1, known[10:30] + 1.2)]) == []


def test_one_object_is_enough_where_the_name_is_the_same():
    leaks = find_leaks([member("a", 0, [(5, 5, 5)])], [member("a", 1, [(5, 5, 6), (20, 20, 20)], shape=(41, 60, 80))])
    assert leaks == ["1 of the 2 validation objects of a are at the places of training objects of a"]


@pytest.mark.parametrize("seed", range(5))
def test_chance_is_no_leak(seed):
    # 1,000 objects in 192,000 voxels: about 22 pairs within a voxel by chance.
    one, other = spread(1000, 2 * seed), spread(1000, 2 * seed + 1)
    assert find_leaks([member("a", 0, one)], [member("b", 1, other)]) == []


def test_deepfinders_example_lists_leak(data_folder):
    folder = data_folder / "deepfinder"
    if not (folder / "object_list_valid.xml").is_file():
        pytest.skip(f"no object lists in {folder}")
    shape = (200, 512, 512)
    lists = {}
    for name in ("tomo0", "valid"):
        lists[name] = deepfinder_xml.read(
            folder / f"object_list_{name}.xml", {name: TomogramGeometry(shape, (10.0,) * 3)}
        ).coordinates_zyx()
    # The validation list belongs to tomogram 8 and its objects to another scene than tomogram 0.
    assert len(lists["valid"]) == 2490
    same = find_leaks([member("8", 0, lists["valid"], shape=shape)], [member("x", 1, lists["valid"], shape=shape)])
    assert same == ["2,490 of the 2,490 validation objects of x are at the places of training objects of 8"]
    assert (
        find_leaks([member("0", 0, lists["tomo0"], shape=shape)], [member("8", 1, lists["valid"], shape=shape)]) == []
    )
