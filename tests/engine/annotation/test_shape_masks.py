"""Masks of targets, turned: against the plain definition, which interpolates everywhere, and against DeepFinder."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.transform import Rotation

from engine.annotation.shape_masks import MaskStamp
from engine.errors import UserError
from engine.objects.orientations import rotation_from_deepfinder
from engine.volumes import open_volume

# (x, y, z) before and after; phi, psi, the: recorded from DeepFinder 0.2.0.
TURNED = [
    ((3, 0, 0), (90, 0, 0), (0, 3, 0)),
    ((3, 0, 0), (0, 90, 0), (0, 3, 0)),
    ((3, 0, 0), (0, 0, 90), (3, 0, 0)),
    ((0, 3, 0), (90, 0, 0), (-3, 0, 0)),
    ((0, 3, 0), (0, 90, 0), (-3, 0, 0)),
    ((0, 3, 0), (0, 0, 90), (0, 0, 3)),
    ((0, 0, 3), (90, 0, 0), (0, 0, 3)),
    ((0, 0, 3), (0, 90, 0), (0, 0, 3)),
    ((0, 0, 3), (0, 0, 90), (0, -3, 0)),
    ((3, 0, 0), (90, 0, 90), (0, 0, 3)),
    ((3, 0, 0), (90, 90, 90), (0, 0, 3)),
]


def inverse(rotation: Rotation) -> np.ndarray:
    """[n, 3, 3] from z, y, x in the tomogram to z, y, x in the particle."""
    return np.atleast_3d(rotation.as_matrix()).reshape(-1, 3, 3).transpose(0, 2, 1)[:, ::-1, ::-1]


def deepfinder(phi: float, psi: float, the: float) -> np.ndarray:
    return inverse(rotation_from_deepfinder([[phi, psi, the]]))


def stamped(stamp: MaskStamp, matrices: np.ndarray | None, fraction: tuple = (0, 0, 0)) -> np.ndarray:
    """The chosen offsets of one object, sorted."""
    chosen = stamp.chosen(np.array([fraction], dtype=float), matrices)[0]
    found = np.concatenate([stamp.offsets[: stamp.always], stamp.offsets[stamp.always :][chosen]])
    return found[np.lexsort(found.T[::-1])]


def as_offsets(box: np.ndarray) -> np.ndarray:
    return np.argwhere(box) - np.array(box.shape) // 2


def plain_deepfinder(mask: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The description: every voxel of the box, about N / 2, trilinear, 0 outside, rounded, 1 is kept."""
    middle = len(mask) / 2
    grid = np.stack(np.meshgrid(*[np.arange(len(mask))] * 3, indexing="ij")).reshape(3, -1) - middle
    # The same sums as in the program: voxels on the very edge are decided by the last digit.
    places = [matrix[a, 0] * grid[0] + matrix[a, 1] * grid[1] + matrix[a, 2] * grid[2] + middle for a in range(3)]
    return as_offsets(np.round(ndimage.map_coordinates(mask, places, order=1)).reshape(mask.shape) == 1)


def plain(mask: np.ndarray, matrix: np.ndarray, fraction: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Ours: interpolated about voxel N // 2 and the exact centre, 0 outside, from one half on."""
    edge = int(np.ceil(len(mask) * scale))
    grid = np.stack(np.meshgrid(*[np.arange(-edge, edge + 1)] * 3, indexing="ij")).reshape(3, -1)
    places = (matrix / scale) @ (grid - fraction[:, None]) + len(mask) // 2 + 1
    values = ndimage.map_coordinates(np.pad(mask.astype(np.float32), 1), places, order=1)
    return grid.T[values >= 0.5]


@pytest.mark.parametrize(("before", "angles", "after"), TURNED)
def test_angles_turn_as_in_deepfinder(before: tuple, angles: tuple, after: tuple) -> None:
    mask = np.zeros((20, 20, 20), np.float32)
    mask[tuple(10 + n for n in reversed(before))] = 1
    for compat in (True, False):
        found = stamped(MaskStamp(mask, compat=compat), deepfinder(*angles))
        assert found.tolist() == [list(reversed(after))]


def test_a_real_mask_has_the_voxels_that_deepfinder_gives_it(data_folder: Path) -> None:
    path = data_folder / "deepfinder" / "masks" / "4b4t.mrc"
    if not path.exists():
        pytest.skip(f"no {path}")
    with open_volume(path) as volume:
        mask = volume.read()
    assert int((mask == 1).sum()) == 3837
    found = stamped(MaskStamp(mask, compat=True), deepfinder(-142, 20, 83))
    assert len(found) == 3811
    np.testing.assert_allclose(found.mean(axis=0) + 20, (20.2613, 21.3587, 20.9215), atol=5e-5)
    assert len(stamped(MaskStamp(mask, compat=True), None)) == 3837


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    """Blobs, some of which touch the faces, as whole numbers or fractions."""
    edge = draw(st.integers(2, 14))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    made = ndimage.gaussian_filter(rng.normal(size=(edge,) * 3), draw(st.sampled_from([0.0, 0.7, 1.5])))
    made = made > draw(st.floats(-0.5, 0.6)) * made.std()
    made[tuple(rng.integers(0, edge, 3))] = True
    return made.astype(draw(st.sampled_from([np.int8, np.float32])))


@settings(max_examples=60, deadline=None)
@given(mask=masks(), seed=st.integers(0, 2**32 - 1), right=st.booleans())
def test_deepfinders_shapes_are_those_of_interpolating_everywhere(mask: np.ndarray, seed: int, right: bool) -> None:
    rng = np.random.default_rng(seed)
    angles = rng.integers(-2, 3, (3, 3)) * 90.0 if right else rng.uniform(-180, 180, (3, 3))
    matrices = inverse(rotation_from_deepfinder(angles))
    stamp = MaskStamp(mask, compat=True)
    for matrix in matrices:
        np.testing.assert_array_equal(stamped(stamp, matrix[None]), plain_deepfinder(mask, matrix))
    np.testing.assert_array_equal(stamped(stamp, None), as_offsets(mask == 1))


@settings(max_examples=60, deadline=None)
@given(mask=masks(), seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1.0, 0.6, 1.7]))
def test_our_shapes_are_those_of_interpolating_everywhere(mask: np.ndarray, seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    matrices = inverse(Rotation.random(2, rng=rng))
    fractions = rng.uniform(-0.5, 0.5, (2, 3))
    stamp = MaskStamp(mask, scale=scale)
    for matrix, fraction in zip(matrices, fractions, strict=True):
        found = stamped(stamp, matrix[None], tuple(fraction))
        np.testing.assert_array_equal(found, plain(mask, matrix, fraction, scale))


def test_unturned_on_a_voxel_a_mask_is_itself() -> None:
    mask = np.random.default_rng(0).random((9, 10, 7)) > 0.7
    found = stamped(MaskStamp(mask.astype(np.int8)), np.eye(3)[None])
    np.testing.assert_array_equal(found, np.argwhere(mask) - [4, 5, 3])


def test_objects_are_looked_at_together_as_one_by_one() -> None:
    mask = (np.random.default_rng(0).random((16, 16, 16)) > 0.4).astype(np.float32)
    matrices = inverse(Rotation.random(40, rng=np.random.default_rng(1)))
    fractions = np.random.default_rng(2).uniform(-0.5, 0.5, (40, 3))
    stamp = MaskStamp(mask)
    together = stamp.chosen(fractions, matrices)
    for number in (0, 13, 39):
        alone = stamp.chosen(fractions[number : number + 1], matrices[number : number + 1])[0]
        np.testing.assert_array_equal(together[number], alone)


@pytest.mark.parametrize(
    ("mask", "compat", "says"),
    [
        (np.zeros((5, 5)), False, "A mask of 5×5 voxels"),
        (np.ones((600, 4, 4)), False, "at most 256 voxels of the tomogram"),
        (np.ones((4, 4, 5)), True, "is no cube, which DeepFinder's shapes must be"),
        (np.ones((1, 1, 1)), True, "is too small"),
        (np.zeros((4, 4, 4)), False, "The mask is empty: its largest value is 0"),
        (np.full((4, 4, 4), 0.9), True, "The mask is empty: its largest value is 0.9"),
        (np.full((4, 4, 4), 2), False, "holds values from 2 to 2: give one of 0"),
        (np.full((4, 4, 4), -0.5), False, "holds values from -0.5 to -0.5"),
        (np.full((4, 4, 4), np.nan), False, "holds values from nan to nan"),
    ],
)
def test_what_is_no_mask_is_refused(mask: np.ndarray, compat: bool, says: str) -> None:
    with pytest.raises(UserError, match=says):
        MaskStamp(mask, compat=compat)
