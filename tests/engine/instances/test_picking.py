import numpy as np
import pytest

from engine.errors import UserError
from engine.features import S1Parameters, segment
from engine.instances import MODES, S2Parameters, find_instances


@pytest.fixture(scope="module")
def labels_of_b() -> np.ndarray:
    """S1 (intensities, k-means) on phantom B of the regression checks."""
    z, y, x = np.indices((24, 32, 40)).astype(float)
    volume = np.sin(0.9 * z) * np.cos(0.7 * y) + 0.5 * np.sin(0.8 * x + 0.3 * y)
    for c in ((8, 9, 10), (15, 21, 28)):
        volume += 6 * np.exp(-((z - c[0]) ** 2 + (y - c[1]) ** 2 + (x - c[2]) ** 2) / 6)
    return segment(volume.astype(np.float32), S1Parameters()).labels


@pytest.mark.parametrize("mode", MODES)
def test_the_two_particles_of_phantom_b(labels_of_b, mode):
    instance_map, found = find_instances(labels_of_b, S2Parameters(mode=mode, min_distance=3))
    expected = [(7.942492, 8.990415, 9.998403), (15.031250, 20.939145, 28.070724)]
    np.testing.assert_allclose(found.centroids, expected, atol=1e-6)
    assert found.sizes.sum() == 1234
    assert instance_map.dtype == np.int32
    assert np.unique(instance_map).tolist() == [0, 1, 2]


def test_size_limits_act_on_map_and_list(balls):
    instance_map, found = find_instances(balls, S2Parameters(min_size=100, max_size=200))
    assert found.sizes.tolist() == [123]
    assert np.unique(instance_map).tolist() == [0, *found.labels.tolist()]


def test_slices_are_both_included(balls):
    _, found = find_instances(balls, S2Parameters(lower_z=8, upper_z=12))
    assert found.sizes.sum() == 524


def test_no_particle_within_the_sizes_is_an_answer(balls):
    instance_map, found = find_instances(balls, S2Parameters(min_size=1000))
    assert len(found) == 0
    assert not instance_map.any()


def test_progress_ends_at_one(balls):
    said = []
    find_instances(balls, S2Parameters(), progress=lambda fraction, text: said.append(fraction))
    assert said == sorted(said)
    assert said[-1] == 1


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        ({"mode": "mean_shift_clustering", "bandwidth": 4}, [235, 256, 123, 33]),
        ({"mode": "mean_shift_clustering", "bandwidth": 5}, [491, 123, 33]),
        ({"mode": "h_maxima_segmentation", "h": 1.0}, [33, 123, 256, 235]),
        ({"mode": "h_maxima_segmentation", "h": 2.0}, [33, 123, 491]),
        ({"mode": "watershed_segmentation", "min_distance": 2}, [33, 256, 235, 123]),
        ({"exclude_border": 2}, [33, 491, 123]),
        ({"exclude_border": 3}, [491, 123]),
        ({"min_separation": 17}, [491]),
        ({"min_separation": 15}, [491, 123]),
        ({"mode": "watershed_segmentation", "min_distance": 2, "min_separation": 6.5}, [33, 256, 123]),
        ({"max_size": 200, "min_separation": 17}, [33, 123]),
    ],
)
def test_what_each_parameter_keeps(balls, given, sizes):
    instance_map, found = find_instances(balls, S2Parameters(**given))
    assert found.sizes.tolist() == sizes
    numbers, voxels = np.unique(instance_map[instance_map > 0], return_counts=True)
    assert numbers.tolist() == found.labels.tolist()
    assert voxels.tolist() == sizes


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mode": "mean_shift_clustering", "bandwidth": 0}, "bandwidth is 0 voxels"),
        ({"exclude_border": -1}, "border to leave out is -1"),
        ({"min_separation": -1.5}, "least separation is -1.5"),
    ],
)
def test_values_out_of_range(given, message):
    with pytest.raises(UserError, match=message):
        S2Parameters(**given)


def test_a_border_wider_than_the_volume(balls):
    with pytest.raises(UserError, match="border of 10 voxels leaves nothing of a volume of 20 × 24 × 30"):
        find_instances(balls, S2Parameters(exclude_border=10))


def test_an_unknown_mode_lists_the_known_ones():
    with pytest.raises(UserError, match=r'"magic" .*connected_component_labeling, watershed_segmentation'):
        S2Parameters(mode="magic")


def test_no_particle_voxel(balls):
    with pytest.raises(UserError, match="label 7"):
        find_instances(balls, S2Parameters(particle_cluster=7))
