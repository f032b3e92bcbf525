"""Spheres of targets: DeepFinder's boxes, and full spheres about exact centres."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.annotation.spheres import SphereStamp, deepfinder_spheres
from engine.errors import UserError

# Recorded from DeepFinder 0.2.0.
IN_A_BOX_OF_20 = {1: 7, 2: 33, 3: 123, 4: 257, 5: 515, 6: 925, 7: 1419, 8: 2109, 9: 3071, 10: 4166}
IN_A_BOX_OF_TWICE_THE_RADIUS = {
    1: 4, 2: 30, 3: 120, 4: 254, 5: 512, 6: 922, 7: 1416, 8: 2106, 9: 3068, 10: 4166,
}  # fmt: skip


def voxels(stamp: SphereStamp, fraction: tuple[float, float, float]) -> set[tuple[int, ...]]:
    chosen = stamp.chosen(np.array([fraction]), None)[0]
    return {tuple(o) for o in [*stamp.offsets[: stamp.always], *stamp.offsets[stamp.always :][chosen]]}


def test_deepfinders_spheres_have_its_voxels() -> None:
    boxes = deepfinder_spheres([*IN_A_BOX_OF_20])
    assert {radius: int(box.sum()) for radius, box in zip(IN_A_BOX_OF_20, boxes, strict=True)} == IN_A_BOX_OF_20
    assert {box.shape for box in boxes} == {(20, 20, 20)} and boxes[0].dtype == np.int8
    for radius, count in IN_A_BOX_OF_TWICE_THE_RADIUS.items():
        assert int(deepfinder_spheres([radius])[0].sum()) == count


def test_our_spheres_have_all_their_tips() -> None:
    for radius, count in {**IN_A_BOX_OF_20, 10: 4169}.items():
        found = voxels(SphereStamp(radius), (0, 0, 0))
        assert len(found) == count
        assert {(radius, 0, 0), (-radius, 0, 0), (0, radius, 0), (0, 0, radius)} <= found


def test_a_radius_that_rounding_made_a_little_smaller_keeps_its_tips() -> None:
    assert 0.3 / 0.1 < 3
    assert len(voxels(SphereStamp(0.3 / 0.1), (0, 0, 0))) == 123


@settings(max_examples=40, deadline=None)
@given(
    radius=st.floats(0.2, 6),
    fraction=st.tuples(*[st.floats(-0.5, 0.5, allow_subnormal=False)] * 3),
)
def test_a_voxel_belongs_where_its_centre_is_within_the_radius(radius: float, fraction: tuple) -> None:
    axis = np.arange(-8, 9)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    apart = ((grid - np.array(fraction)) ** 2).sum(axis=1)
    surely = {tuple(v) for v in grid[apart <= radius**2 * (1 - 1e-8)]}
    perhaps = {tuple(v) for v in grid[apart <= radius**2 * (1 + 1e-8)]}
    assert surely <= voxels(SphereStamp(radius), fraction) <= perhaps


def test_objects_are_looked_at_together_as_one_by_one() -> None:
    stamp = SphereStamp(20.3)  # more values than are computed at once
    fractions = np.random.default_rng(0).uniform(-0.5, 0.5, (7, 3))
    together = stamp.chosen(fractions, None)
    for number in range(7):
        np.testing.assert_array_equal(together[number], stamp.chosen(fractions[number : number + 1], None)[0])


@pytest.mark.parametrize("radius", [0, -2, float("nan"), 200])
def test_impossible_radii_are_refused(radius: float) -> None:
    for make in (SphereStamp, lambda r: deepfinder_spheres([3, r])):
        with pytest.raises(UserError, match=f"The radius {radius:g} voxels is not possible: give one above 0"):
            make(radius)
