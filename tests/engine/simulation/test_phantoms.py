import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from engine.errors import UserError
from engine.simulation import CLASSES, SHAPES, phantom

SMALL = (32, 64, 64)
LABEL = {c.name: c.label for c in CLASSES}


@pytest.fixture(scope="module")
def middling():
    return phantom((64, 128, 128), seed=5)


def test_same_seed_same_bytes():
    one, same, other = (phantom(SMALL, seed=seed) for seed in (3, 3, 4))
    assert one.volume.tobytes() == same.volume.tobytes()
    assert one.labels.tobytes() == same.labels.tobytes()
    assert one.objects == same.objects
    assert one.volume.tobytes() != other.volume.tobytes()


@pytest.mark.parametrize("seed", range(4))
def test_even_a_small_one_holds_everything(seed):
    made = phantom(SMALL, seed=seed)
    assert made.volume.shape == made.labels.shape == SMALL
    assert (made.volume.dtype, made.labels.dtype) == (np.float32, np.uint8)
    assert np.unique(made.labels).tolist() == list(range(7))
    assert {o.class_name for o in made.objects} == {"hook", "barrel", "tripod", "gold"}


def test_the_label_at_each_centre_or_the_middle_of_its_voxels(middling):
    groups, _ = ndimage.label(middling.labels, np.ones((3, 3, 3)))
    for found in middling.objects:
        near = ndimage.center_of_mass(groups == groups[round(found.z), round(found.y), round(found.x)])
        assert middling.labels[round(found.z), round(found.y), round(found.x)] == LABEL[found.class_name]
        assert np.linalg.norm(np.subtract(near, (found.z, found.y, found.x))) < 0.5


def test_nothing_overlaps(middling):
    groups, count = ndimage.label(np.isin(middling.labels, [1, 2, 3, 6]), np.ones((3, 3, 3)))
    assert count == len(middling.objects) > 10
    for found in middling.objects:
        of_this = groups == groups[round(found.z), round(found.y), round(found.x)]
        assert np.unique(middling.labels[of_this]).tolist() == [LABEL[found.class_name]]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s.name)
def test_angles_turn_the_shape_onto_its_voxels(middling, shape):
    """Each particle's voxels, turned back by RELION's rule, lie in the shape; turned the other way many do not."""
    right, wrong, total = 0, 0, 0
    for found in middling.objects:
        if found.class_name != shape.name:
            continue
        r = int(np.ceil(shape.radius / 10)) + 1
        centre = np.array([found.x, found.y, found.z])
        low = np.maximum(np.round(centre).astype(int) - r, 0)
        box = tuple(slice(a, a + 2 * r + 1) for a in low[::-1])
        voxels = np.argwhere(middling.labels[box] == LABEL[shape.name])[:, ::-1] + low
        relion = Rotation.from_euler("ZYZ", [found.rot, found.tilt, found.psi], degrees=True)
        offsets = (voxels - centre) * 10
        right += np.count_nonzero(shape.distance(relion.apply(offsets)) <= 5)
        wrong += np.count_nonzero(shape.distance(relion.inv().apply(offsets)) <= 5)
        total += len(voxels)
    assert right > 0.99 * total > 0
    assert wrong < 0.97 * total


@pytest.mark.parametrize(
    ("shape", "radius"), zip(SHAPES, (50, 90, 140), strict=True), ids=lambda s: getattr(s, "name", s)
)
def test_sizes_and_centres_of_mass_of_the_shapes(shape, radius):
    assert 0.85 * radius < shape.radius <= radius
    grid = np.arange(-150, 151, 6.0)
    points = np.stack(np.meshgrid(grid, grid, grid), axis=-1)
    inside = points[shape.distance(points) < 0]
    np.testing.assert_allclose(inside.mean(0), 0, atol=1.5)
    assert np.linalg.norm(inside, axis=1).max() <= shape.radius


def test_protein_is_dark_and_gold_darkest(middling):
    assert middling.volume.mean() == pytest.approx(0, abs=1e-4)
    assert middling.volume.std() == pytest.approx(1, abs=1e-4)
    mean = {label: middling.volume[middling.labels == label].mean() for label in range(7)}
    assert all(mean[label] < mean[0] - 0.4 for label in range(1, 7))
    assert mean[6] < 1.5 * min(mean[label] for label in range(1, 6))


def test_frequencies_in_the_wedge_are_missing(middling):
    power = np.abs(np.fft.rfftn(middling.volume.astype(float))) ** 2
    z, _, x = np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(128), np.fft.rfftfreq(128), indexing="ij")
    missing = np.abs(z) > np.tan(np.radians(60)) * np.abs(x) + 1e-6
    assert 0.2 < missing.mean() < 0.4
    assert power[missing].mean() < 1e-6 * power[~missing].mean()


def test_voxel_size_scales_the_particles():
    coarse = phantom((40, 64, 64), voxel_size=15.0, seed=1)
    assert coarse.voxel_size == (15.0, 15.0, 15.0)
    sizes = [np.count_nonzero(coarse.labels == LABEL["tripod"]) * 15.0**3]
    sizes.append(np.count_nonzero(phantom(SMALL, seed=1).labels == LABEL["tripod"]) * 10.0**3)
    tripods = [sum(o.class_name == "tripod" for o in made.objects) for made in (coarse, phantom(SMALL, seed=1))]
    assert sizes[0] / tripods[0] == pytest.approx(sizes[1] / tripods[1], rel=0.05)


def test_what_cannot_be_made():
    with pytest.raises(UserError, match=r"20 × 64 × 64 voxels is too small.*29 voxels along every axis"):
        phantom((20, 64, 64))
    with pytest.raises(UserError, match="voxel size is 0"):
        phantom(SMALL, voxel_size=0)
    with pytest.raises(UserError, match="seed is -1"):
        phantom(SMALL, seed=-1)
