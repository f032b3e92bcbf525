import mrcfile
import numpy as np
import pytest

from engine.errors import UserError
from engine.features import S1Parameters, segment
from engine.instances import centroids, suggest_min_distance, suggest_particle_cluster, watershed


@pytest.fixture
def dark_particles(balls):
    """The balls as label 1 with density −2 in a background of 3, a border of −1 around."""
    labels = np.pad(balls, 2, constant_values=-1)
    return labels, np.where(labels == 1, -2.0, 3.0).astype(np.float32)


def test_the_cluster_of_few_dark_pieces(dark_particles):
    found = suggest_particle_cluster(*dark_particles)
    assert found.cluster == 1
    background, particles = found.clusters
    assert (particles.voxels, particles.components, particles.mean_density) == (647, 3, -2.0)
    assert particles.share == pytest.approx(647 / 14400)
    assert particles.largest_share == pytest.approx(491 / 647)
    assert particles.median_compactness > 0.9
    assert (background.voxels, background.components, background.largest_share) == (13753, 1, 1.0)
    assert "4.49 % of the voxels" in found.reason
    assert "darker (mean density -2 against 3)" in found.reason


def test_inverted_contrast_is_outvoted_and_said(dark_particles):
    labels, density = dark_particles
    found = suggest_particle_cluster(labels, -density)
    assert found.cluster == 1
    assert "but another cluster has a darker density" in found.reason


def test_exchanged_labels_are_found_too(dark_particles):
    labels, density = dark_particles
    assert suggest_particle_cluster(np.where(labels < 0, -1, 1 - labels), density).cluster == 0


def test_particles_that_fill_most_of_a_box(balls):
    # More voxels than the rest, but in pieces and dark: two signs of three.
    labels = np.ones((12, 24, 24), np.int8)
    labels[:, ::6] = labels[:, :, ::6] = 0
    found = suggest_particle_cluster(labels, np.where(labels, 10, 20).astype(np.uint8))
    assert found.cluster == 1
    assert "but another cluster has fewer voxels" in found.reason


def test_shares_that_read_the_same_are_not_set_against_each_other():
    labels = np.zeros((12, 24, 24), np.int8)
    labels[4:6, 4:6, 4:6] = 1
    reason = suggest_particle_cluster(labels, np.where(labels, 1.0, 2.0)).reason
    assert "100 %" not in reason and "darker" in reason
    labels[0, 0, 0] = labels[8:, 20, 20] = 1  # 8 + 1 + 4 voxels
    reason = suggest_particle_cluster(labels, np.where(labels, 1.0, 2.0)).reason
    assert "its 3 pieces hang together less (the largest holds 61.5 % of it, against 100 % in cluster 0)" in reason


def test_nothing_to_choose_from(dark_particles):
    labels, density = dark_particles
    with pytest.raises(UserError, match="only the cluster 0"):
        suggest_particle_cluster(np.minimum(labels, 0), density)
    with pytest.raises(UserError, match="no cluster"):
        suggest_particle_cluster(np.full(labels.shape, -1), density)
    with pytest.raises(UserError, match="24 × 28 × 34 voxels, the tomogram 23 × 28 × 34"):
        suggest_particle_cluster(labels, density[1:])


@pytest.mark.parametrize("radius", [3, 5, 7])
def test_distance_of_balls_is_their_radius(radius):
    mask = np.zeros((40, 70, 70), bool)
    z, y, x = np.indices(mask.shape)
    rng = np.random.default_rng(radius)
    for cz, cy, cx in ((c // 9 * 16 + 8, c // 3 % 3 * 20 + 12, c % 3 * 20 + 12) for c in range(18)):
        offset = rng.integers(-1, 2, 3)
        mask |= (z - cz - offset[0]) ** 2 + (y - cy - offset[1]) ** 2 + (x - cx - offset[2]) ** 2 <= radius**2
    mask |= rng.random(mask.shape) < 0.002
    found = suggest_min_distance(mask)
    assert found.min_distance == radius
    assert found.radius == pytest.approx(radius, abs=0.4)
    sizes = centroids(watershed(mask, found.min_distance)).sizes
    assert np.count_nonzero(sizes > 2 * radius**3) == 18


def test_distance_in_a_thin_or_empty_volume(plate):
    found = suggest_min_distance(plate[8:12])
    assert found.min_distance == 1
    assert "only wide enough for 1" in found.reason
    with pytest.raises(UserError, match="too thin"):
        suggest_min_distance(plate[9:11])
    with pytest.raises(UserError, match="no piece"):
        suggest_min_distance(np.zeros((9, 9, 9), bool))


def test_on_a_simulated_tomogram(data_folder):
    source = data_folder / "simulated" / "sim_001.mrc"
    if not source.is_file():
        pytest.skip(f"no {source}")
    with mrcfile.mmap(source, mode="r", permissive=True) as opened:
        volume = opened.data[30:94, 100:180, 60:140].astype(np.float32)
    labels = segment(volume, S1Parameters()).labels
    assert suggest_particle_cluster(labels, volume).cluster == 1
    assert 5 <= suggest_min_distance(labels == 1).min_distance <= 9
