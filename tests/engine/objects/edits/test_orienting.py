"""Orientations set, cleared, flipped, normalised and drawn, against rotation matrices."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.objects import ObjectTable, rotation_from_relion, validate
from engine.objects.edits import (
    clear_orientations,
    flip,
    normalise_orientations,
    randomise_angle,
    set_orientations,
)
from engine.objects.table import ANGLES

HALF_TURNS = {"x": np.diag([1, -1, -1]), "y": np.diag([-1, 1, -1]), "z": np.diag([-1, -1, 1])}


def table_of(angles: object) -> ObjectTable:
    rows = pd.DataFrame(np.array(angles, dtype=float).reshape(-1, 3), columns=list(ANGLES))
    return ObjectTable(rows.assign(tomogram="a", x=1.0, y=1.0, z=1.0, **{"class": "p"}))


def angles_of(table: ObjectTable) -> np.ndarray:
    return table.rows[list(ANGLES)].to_numpy()


def matrices(table: ObjectTable) -> np.ndarray:
    return rotation_from_relion(angles_of(table)).as_matrix()


wide = st.floats(-4000, 4000)


@settings(max_examples=60, deadline=None)
@given(st.tuples(wide, wide, wide))
def test_normalised_is_the_same_rotation_in_range(angles: tuple[float, float, float]) -> None:
    before = table_of(angles)
    after = normalise_orientations(before)
    np.testing.assert_allclose(matrices(after), matrices(before), atol=1e-9)
    rot, tilt, psi = angles_of(after)[0]
    assert -180 < rot <= 180 and 0 <= tilt <= 180 and -180 < psi <= 180


def test_normalised_by_hand() -> None:
    given_angles = [(-180, 0, 180), (30, -60, 10), (3867.465, 60, 0), (0, 190, 0), (0.1, 0.2, 0.3), (np.nan,) * 3]
    expected = [(180, 0, 180), (-150, 60, -170), (-92.535, 60, 0), (180, 170, 180), (0.1, 0.2, 0.3), (np.nan,) * 3]
    after = angles_of(normalise_orientations(table_of(given_angles)))
    np.testing.assert_allclose(after, expected, atol=1e-9)
    assert after[4].tolist() == [0.1, 0.2, 0.3]  # to the last digit


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_flips_turn_about_the_axis_of_the_particle(axis: str) -> None:
    rng = np.random.default_rng(0)
    before = table_of(np.vstack([rng.uniform(-180, 180, (50, 3)), [(0, 0, 0), (10, 180, 20), (30, 60, -45)]]))
    after = flip(before, axis)  # type: ignore[arg-type]
    np.testing.assert_allclose(matrices(after), matrices(before) @ HALF_TURNS[axis], atol=1e-9)
    assert (angles_of(after)[:, 1] >= 0).all()
    np.testing.assert_allclose(matrices(flip(after, axis)), matrices(before), atol=1e-9)  # type: ignore[arg-type]


def test_flips_by_hand_and_unknown_ones() -> None:
    table = table_of([(30, 60, -45), (np.nan,) * 3])
    np.testing.assert_allclose(angles_of(flip(table, "z")), [(-150, 60, -45), (np.nan,) * 3])
    np.testing.assert_allclose(angles_of(flip(table, "y"))[0], (150, 120, 135))
    np.testing.assert_allclose(angles_of(flip(table, "x"))[0], (-30, 120, 135))
    with pytest.raises(UserError, match="'w'"):
        flip(table, "w")  # type: ignore[arg-type]


def test_set_and_clear() -> None:
    table = table_of([(30, 60, -45), (np.nan,) * 3, (np.nan, 5, 6)])
    assert angles_of(set_orientations(table, 1, 2, 3)).tolist() == [[1, 2, 3]] * 3
    assert angles_of(set_orientations(table, 1, 2, 3, only_unknown=True)).tolist() == [[30, 60, -45], *[[1, 2, 3]] * 2]
    assert np.isnan(angles_of(clear_orientations(table))).all()
    with pytest.raises(UserError, match="tilt = nan"):
        set_orientations(table, 1, np.nan, 3)


def test_an_angle_drawn_turns_about_the_axis_it_says() -> None:
    table = table_of([(30, 60, -45)] * 500 + [(np.nan,) * 3])
    psi, rot = randomise_angle(table, 3), randomise_angle(table, 3, "rot")
    for drawn, column, kept in ((psi, "psi", ["rot", "tilt"]), (rot, "rot", ["tilt", "psi"])):
        pd.testing.assert_frame_equal(drawn.rows[kept], table.rows[kept])
        values = drawn.rows[column].to_numpy()[:-1]
        assert values.min() > -180 and values.max() <= 180 and len(set(values)) == 500 and abs(values.mean()) < 20
        assert np.isnan(drawn.rows[column].iloc[-1])
    known = slice(0, -1)
    axes = rotation_from_relion(angles_of(rot)[known]).apply([0, 0, 1])
    np.testing.assert_allclose(axes, np.broadcast_to(axes[0], axes.shape), atol=1e-12)  # rot: its own axis stays
    axes = rotation_from_relion(angles_of(psi)[known]).apply([0, 0, 1])
    np.testing.assert_allclose(axes[:, 2], 0.5)  # psi: it goes round the tomogram's z, 60° from it
    assert axes[:, 0].std() > 0.3
    assert angles_of(randomise_angle(table, 3)).tolist()[:5] == angles_of(psi).tolist()[:5]
    with pytest.raises(UserError, match="'tilt'"):
        randomise_angle(table, 3, "tilt")  # type: ignore[arg-type]
    assert not [s for s in validate(psi) if "angles" in s]
