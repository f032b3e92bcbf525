"""Principal components of crops against the plain definition, and what the orders do."""

import numpy as np
import pytest

from engine.errors import UserError
from engine.objects.similarity import ball_mask, embed, normalised, order_along, order_by_similarity

RNG = np.random.default_rng(0)
PATTERNS = RNG.normal(size=(3, 8, 8, 8))


def crops(count: int, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    kinds = np.arange(count) % 3
    offset, scale = RNG.normal(size=(2, count, 1, 1, 1))
    made = PATTERNS[kinds] + noise * RNG.normal(size=(count, 8, 8, 8))
    return (offset * 10 + np.abs(scale) * made + 0.1 * made).astype(np.float32), kinds


def test_rows_are_normalised_in_the_ball() -> None:
    data, _ = crops(6)
    data[4] = 3.0
    data[5, 4, 4, 4] = np.nan
    rows, usable = normalised(data)
    assert usable.tolist() == [True] * 4 + [False] * 2
    assert rows.shape == (6, ball_mask(8).sum())
    np.testing.assert_allclose(rows[:4].mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(rows[:4].std(axis=1), 1, atol=1e-4)
    assert np.isnan(rows[4:]).all()
    data[0, 0, 0, 0] = 1e6  # a corner is no part of the particle
    np.testing.assert_array_equal(normalised(data)[0][0], rows[0])


def test_ball() -> None:
    assert ball_mask(4)[0, 0, 0] == False  # noqa: E712
    assert ball_mask(5, 2).tolist() == [
        [False, True, True, True, False], *[[True] * 5] * 3, [False, True, True, True, False],
    ]  # fmt: skip


def test_components_in_chunks_are_those_of_all_at_once() -> None:
    data, _ = crops(300)
    rows = normalised(data)[0].astype(np.float64)
    centred = rows - rows.mean(axis=0)
    values = np.linalg.svd(centred, full_matrices=False)
    plain = values.U[:, :2] * values.S[:2]
    found = embed(data, components=2, chunk=64)
    assert found.learnt == 300 and found.coordinates.shape == (300, 2)
    for k in range(2):
        assert abs(np.corrcoef(found.coordinates[:, k], plain[:, k])[0, 1]) > 0.999
    np.testing.assert_allclose(found.explained, (values.S**2 / (values.S**2).sum())[:2], rtol=0.02)


def test_kinds_lie_apart_and_similar_ones_come_first() -> None:
    data, kinds = crops(120)
    found = embed(data, components=4)
    order = order_by_similarity(found.coordinates, [0, 3])
    assert (kinds[order[:40]] == 0).all()
    asked: list[int] = []

    def cut(places: np.ndarray) -> np.ndarray:
        asked.append(len(places))
        return data[places]

    again = embed(cut, len(data), components=4, chunk=50)
    assert max(asked) <= 50
    np.testing.assert_allclose(np.abs(again.coordinates[:, 0]), np.abs(found.coordinates[:, 0]), atol=0.5)


def test_learnt_from_a_sample_that_the_seed_draws() -> None:
    data, kinds = crops(200)
    parts: list[float] = []
    found = embed(data, components=2, most_learnt=60, seed=3, progress=parts.append)
    assert found.learnt == 60 and np.isfinite(found.coordinates).all()
    assert parts == sorted(parts) and parts[-1] == 1.0
    same, other = (embed(data, components=2, most_learnt=60, seed=s) for s in (3, 4))
    np.testing.assert_array_equal(found.coordinates, same.coordinates)
    assert not np.array_equal(found.coordinates, other.coordinates)
    assert (kinds[order_by_similarity(other.coordinates, [1])[:60]] == 1).all()


def test_crops_without_contrast_are_last_everywhere() -> None:
    data, _ = crops(30)
    data[7] = 0.0
    found = embed(data, components=3)
    assert np.isnan(found.coordinates[7]).all()
    assert order_by_similarity(found.coordinates, [0, 7])[-1] == 7
    for descending in (False, True):
        order = order_along(found.coordinates, 0, descending)
        values = found.coordinates[order[:-1], 0]
        assert order[-1] == 7 and (np.diff(values) <= 0 if descending else np.diff(values) >= 0).all()


def test_few_crops_give_few_components() -> None:
    assert embed(crops(5)[0], components=8).coordinates.shape == (5, 5)
    assert embed(crops(9)[0][:, 4], components=2).coordinates.shape == (9, 2)  # flat crops


def test_refused() -> None:
    with pytest.raises(UserError, match="Only 1 of 2 objects"):
        embed(np.stack([crops(1)[0][0], np.zeros((8, 8, 8))]))
    with pytest.raises(UserError, match="no objects"):
        embed(np.zeros((0, 8, 8, 8)))
    with pytest.raises(UserError, match="Select at least one"):
        order_by_similarity(np.full((3, 2), np.nan), [0])
    with pytest.raises(UserError, match="no component 3"):
        order_along(np.zeros((3, 2)), 2)
    with pytest.raises(UserError, match="1 or more"):
        embed(crops(3)[0], components=0)
