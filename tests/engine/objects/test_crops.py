"""Central slices for the gallery against plain indexing of a padded volume."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.objects import central_slices

DATA = np.random.default_rng(0).normal(size=(12, 14, 16)).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-3, 15), st.floats(-3, 17), st.floats(-3, 19)), max_size=5),
    st.integers(1, 9),
    st.integers(1, 4),
)
def test_equal_the_plain_definition(centres: list, box: int, average: int) -> None:
    found = central_slices(DATA, np.array(centres).reshape(-1, 3), box, average, planes=("z", "x"))
    assert found.shape == (len(centres), box, 2 * box) and found.dtype == np.float32
    padded = np.pad(DATA, 30, constant_values=np.nan)
    for crop, centre in zip(found, centres, strict=True):
        z, y, x = (round(c) + 30 for c in centre)
        first, half = -(average // 2), box // 2
        side, thick = slice(-half, box - half), slice(first, first + average)
        for part, axis in ((crop[:, :box], 0), (crop[:, box:], 2)):
            spans = [thick if a == axis else side for a in range(3)]
            block = padded[tuple(slice(c + s.start, c + s.stop) for c, s in zip((z, y, x), spans, strict=True))]
            counted = np.isfinite(block).sum(axis=axis)
            flat = np.nansum(block, axis=axis) / np.maximum(counted, 1)
            inside = counted > 0
            np.testing.assert_allclose(part[inside], flat[inside], atol=1e-5)
            outside = flat[inside].mean() if inside.any() else 0
            np.testing.assert_allclose(part[~inside], outside, atol=1e-5)


def test_centre_of_the_box_is_the_centre_of_the_particle() -> None:
    volume = np.zeros((9, 9, 9), dtype=np.int8)
    volume[4, 3, 5] = 1
    for box in (5, 6):
        for plane in "zyx":
            crop = central_slices(volume, np.array([[4.2, 2.9, 5.4]]), box, planes=(plane,))[0]
            assert crop[box // 2, box // 2] == 1 and crop.sum() == 1


def test_volume_is_read_in_the_order_of_z() -> None:
    class Watched:
        shape = DATA.shape
        starts: list[int] = []  # noqa: RUF012

        def __getitem__(self, key: tuple) -> np.ndarray:
            self.starts.append(key[0].start)
            return DATA[key]

    centres = np.array([[9, 5, 5], [2, 5, 5], [6, 5, 5]])
    found = central_slices(Watched(), centres, 3)
    assert Watched.starts == [2, 6, 9]
    np.testing.assert_array_equal(found[0], DATA[9, 4:7, 4:7])


@pytest.mark.parametrize(("box", "average", "planes"), [(0, 1, "z"), (3, 0, "z"), (3, 1, "w"), (3, 1, "")])
def test_refused(box: int, average: int, planes: str) -> None:
    with pytest.raises(UserError):
        central_slices(DATA, np.zeros((1, 3)), box, average, tuple(planes))
